# shellcheck shell=bash disable=SC2034,SC2154  # the parts share variables
# What run and clean-run share: sentences, the clock, RUN_DIR and what belongs to it elsewhere.
# Sourced, never run.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd -P)"
readonly ROOT
exec {errors_fd}>&2 # stays with the user when fd 2 goes elsewhere
explained=no # whether the user has been told why this ends
readonly DAEMONS=(gateway auth catalog mailer monitor)

# The terminal may be gone while there is still something to say, so that writing may fail.
say() {
    printf '%s\n' "$*" 2>/dev/null || true
}

complain() {
    { printf 'quintet: %s\n' "$*" >&"$errors_fd"; } 2>/dev/null || true
}

fail() { # EXIT_CODE SENTENCE
    explained=yes
    complain "$2"
    exit "$1"
}

use_colours() {
    bold='' plain='' green='' yellow=''
    [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]] || return 0
    bold=$'\e[1m' plain=$'\e[0m' green=$'\e[32m' yellow=$'\e[33m'
}

# NAME, padded, then what is to be said about it.
report() { # NAME TEXT
    local padded
    printf -v padded '%-11s' "$1"
    say "$padded $2"
}

# Sets `now` to milliseconds. EPOCHREALTIME has the decimal sign of the user's language.
clock() {
    now=$((10#${EPOCHREALTIME//[!0-9]/} / 1000))
}

# Sets `text` to MILLISECONDS written as seconds.
in_seconds() { # MILLISECONDS
    local tenths=$((($1 + 50) / 100))
    text="$((tenths / 10)).$((tenths % 10)) s"
}

# --- RUN_DIR -----------------------------------------------------------------------------

# run_dir is the directory itself, shown_dir what the user calls it.
find_run_dir() {
    local dir shown
    name_dir "${RUN_DIR:-}" .run
    readonly run_dir=$dir shown_dir=$shown
}

# Sets `dir` to a directory, the one given or else the one of the repository, and `shown` to
# how the user gets there from where they are.
name_dir() { # GIVEN DEFAULT_IN_REPOSITORY
    shown=${1:-$2}
    if [[ -z $1 && ! $PWD -ef $ROOT ]]; then shown="$ROOT/$2"; fi
    dir="$(realpath -m -- "$shown")"
}

make_private_dir() { # DIR...
    mkdir -p -- "$@" && chmod 700 -- "$@"
}

# The mark is what allows clean-run to delete the directory one day.
has_mark() {
    [[ -f $run_dir/.quintet ]]
}

require_own_run_dir() {
    [[ -O $run_dir ]] || fail 77 "$shown_dir belongs to another user ($(stat -c %U "$run_dir")): \
work as that user, or choose another RUN_DIR."
}

# Held by an open file as long as this process lives. A lock on a file that clean-run has
# deleted meanwhile would be a lock on nothing.
take_lock() {
    exec {lock_fd}>>"$run_dir/lock"
    flock --nonblock "$lock_fd" && [[ /proc/self/fd/$lock_fd -ef $run_dir/lock ]]
}

lock_holder() {
    local pid=unknown
    read -r pid <"$run_dir/lock" 2>/dev/null || true
    printf '%s\n' "${pid:-unknown}"
}

# --- directories outside RUN_DIR ---------------------------------------------------------
# Some things cannot live in RUN_DIR: the database when its user cannot get there, sockets
# when the path is too long. RUN_DIR/outside lists them as `KIND PATH`, and each holds a file
# that names RUN_DIR, so that nothing is used or deleted that belongs to something else.

readonly OUTSIDE_MARK=.quintet-of

owner_of_outside() { # PATH
    local owner=''
    read -r owner 2>/dev/null <"$1/$OUTSIDE_MARK" || true
    printf '%s\n' "$owner"
}

# Prints the directory of KIND. A copied RUN_DIR lists directories of the original, which
# keeps them; a moved one takes them along.
outside_dir() { # KIND
    local kind path owner
    [[ -f $run_dir/outside ]] || return 0
    while read -r kind path; do
        [[ $kind == "$1" && -d $path ]] || continue
        owner="$(owner_of_outside "$path")"
        [[ -n $owner ]] || continue
        if [[ $owner != "$run_dir" ]] && grep -qsxF "$kind $path" "$owner/outside"; then
            continue
        fi
        printf '%s\n' "$run_dir" >"$path/$OUTSIDE_MARK"
        printf '%s\n' "$path"
        return
    done <"$run_dir/outside"
}

new_outside_dir() { # KIND PARENT
    local path
    mkdir -p "$2"
    # Whoever the new directory will belong to has to get there.
    [[ $2 == /tmp ]] || chmod 755 "$2"
    path="$(mktemp -d "$2/quintet-XXXXXX")"
    printf '%s\n' "$run_dir" >"$path/$OUTSIDE_MARK"
    printf '%s %s\n' "$1" "$path" >>"$run_dir/outside"
    printf '%s\n' "$path"
}

wipe_outside_dirs() {
    local kind path
    [[ -f $run_dir/outside ]] || return 0
    while read -r kind path; do
        if [[ $path == */quintet-?????? && "$(owner_of_outside "$path")" == "$run_dir" ]]; then
            rm -rf -- "$path"
            # Their common parent goes with the last of them; /tmp is never empty enough.
            rmdir --ignore-fail-on-non-empty "${path%/*}" 2>/dev/null || true
        fi
    done <"$run_dir/outside"
}
