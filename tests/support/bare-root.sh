#!/usr/bin/env bash
# Runs a command in a container that knows nothing but Debian, git and make, on a fresh clone
# of this repository: the machine of somebody who tries Quintet for the first time.
#
#   tests/support/bare-root.sh -- 'make run'           as root, in /root, which other users cannot enter
#   tests/support/bare-root.sh --user -- 'make run'    as an ordinary user who has sudo
#   tests/support/bare-root.sh --rebuild -- true       makes the image anew first
#
# The image is made from packages by debootstrap, since no registry is needed for that. Only what
# is committed is in the clone. The exit code is the command's; the container is gone afterwards.
set -euo pipefail

readonly IMAGE=quintet-local/bare
REPO="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)"
readonly REPO
readonly CONTAINER="quintet-bare-$$"

fail() { # EXIT_CODE SENTENCE
    printf 'bare-root: %s\n' "$2" >&2
    exit "$1"
}

usage() {
    fail 64 "usage: tests/support/bare-root.sh [--user] [--rebuild] -- 'COMMAND'"
}

need() { # COMMAND...
    local command
    for command in "$@"; do
        command -v "$command" >/dev/null || fail 69 "'$command' is needed here and is not installed; \
deploy/local/install compose installs it."
    done
}

# The file with this machine's own Debian sources: the container uses the same mirror.
debian_sources() {
    local file
    for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list \
        /etc/apt/sources.list.d/*.sources; do
        if [[ -f $file ]] && grep -q bookworm "$file"; then
            printf '%s\n' "$file"
            return
        fi
    done
    fail 69 "no Debian 12 package source is set up on this machine, so there is no mirror to build from."
}

mirror_of() { # SOURCES_FILE
    local mirror
    mirror="$(sed -nE -e 's/^URIs:[[:space:]]*([^[:space:]]+).*/\1/p' \
        -e 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+).*/\2/p' "$1" | head -n 1)"
    [[ -n $mirror ]] || fail 69 "no mirror address was found in $1."
    printf '%s\n' "$mirror"
}

# A package source refers to its key by path, and the minimal system has the Debian archive keys only.
copy_sources() { # SOURCES_FILE TREE
    rm -f "$2/etc/apt/sources.list"
    if [[ $1 == *.sources ]]; then
        install -m 644 "$1" "$2/etc/apt/sources.list.d/debian.sources"
    else
        install -m 644 "$1" "$2/etc/apt/sources.list"
    fi
}

add_user() { # TREE
    chroot "$1" useradd --create-home --shell /bin/bash dev
    printf 'dev ALL=(ALL) NOPASSWD: ALL\n' >"$1/etc/sudoers.d/dev"
    chmod 440 "$1/etc/sudoers.d/dev"
    # Homes are closed to other users on many systems; here on purpose.
    chmod 700 "$1/home/dev"
}

remove_work() {
    [[ -n $work ]] || return 0
    umount -ql "$work/tree/proc" || true
    rm -rf --one-file-system "$work"
    work=
}

build_image() {
    [[ $EUID -eq 0 ]] || fail 77 "the image is built by debootstrap, which needs root."
    need debootstrap docker tar
    local sources mirror
    sources="$(debian_sources)"
    mirror="$(mirror_of "$sources")"
    work="$(mktemp -d /var/tmp/quintet-bare-XXXXXX)"
    printf 'bare-root: making the image %s, about a minute ...\n' "$IMAGE" >&2
    if ! debootstrap --variant=minbase --include=git,make,sudo,ca-certificates \
        bookworm "$work/tree" "$mirror" >"$work/log" 2>&1; then
        tail -n 20 "$work/log" >&2
        fail 69 "debootstrap failed; its last lines are above."
    fi
    copy_sources "$sources" "$work/tree"
    add_user "$work/tree"
    # The lists are left out, so that the first install has to fetch them as on a new machine.
    rm -rf "$work/tree/var/lib/apt/lists" "$work/tree/var/cache/apt/archives"
    mkdir -p "$work/tree/var/lib/apt/lists/partial" "$work/tree/var/cache/apt/archives/partial"
    # debootstrap may leave a mounted /proc behind, which belongs to no image.
    tar -C "$work/tree" --one-file-system -c . | docker import -c 'CMD ["bash"]' \
        -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$IMAGE" >/dev/null
    remove_work
}

have_image() {
    docker image inspect "$IMAGE" >/dev/null 2>&1
}

clean_up() {
    docker rm --force "$CONTAINER" >/dev/null 2>&1 || true
    remove_work
}

run_in_clone() { # USER HOME COMMAND
    # The repository belongs to another user than the container's, which git refuses unless it is told.
    # shellcheck disable=SC2016  # expanded by the shell in the container
    local script='git config --global safe.directory "*" &&
        git clone --quiet /repo "$HOME/quintet" &&
        cd "$HOME/quintet" && exec bash -c "$1"'
    local terminal=()
    if [[ -t 1 ]]; then terminal=(--tty); fi
    docker run --rm --init "${terminal[@]}" --name "$CONTAINER" \
        --user "$1" --env "HOME=$2" --env "USER=$1" --workdir "$2" \
        --mount "type=bind,source=$REPO,target=/repo,readonly" \
        "$IMAGE" bash -c "$script" bare "$3" &
    # Waited for, not run in the foreground: a signal then ends this script, and with it the container, at once.
    wait $!
}

main() {
    local user=root home=/root rebuild=no
    while (($# > 0)); do
        case $1 in
        --user) user=dev home=/home/dev ;;
        --rebuild) rebuild=yes ;;
        --) break ;;
        *) usage ;;
        esac
        shift
    done
    [[ $# -ge 2 && $1 == -- ]] || usage
    shift
    need docker git
    git -C "$REPO" rev-parse --verify --quiet HEAD >/dev/null ||
        fail 66 "the repository has no commit yet, so there is nothing to clone."
    if [[ $rebuild == yes ]] || ! have_image; then build_image; fi
    run_in_clone "$user" "$home" "$*"
}

work=
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
main "$@"
