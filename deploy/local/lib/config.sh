# shellcheck shell=bash disable=SC2034,SC2154  # the parts share variables
# The variables the daemons get. What the user's environment says wins; this only fills in
# the rest. Sourced, never run. Needs common.sh and ports.sh.

derived=() # variables filled in here
given=()   # variables that were set by the user, of those that are known here

# An empty variable counts as unset, as it does in most files of this kind.
default() { # VARIABLE VALUE
    if [[ -n ${!1:-} ]]; then
        given+=("$1")
    else
        printf -v "$1" '%s' "$2"
        derived+=("$1")
    fi
    export "${1?}"
}

# For RUN_DIR/env: those of VARIABLE... that the user has set.
note_given() { # VARIABLE...
    local name
    for name in "$@"; do
        if [[ -n ${!name:-} ]]; then default "$name" ''; fi
    done
}

# A shell that has sourced RUN_DIR/env, of this stack or another, hands all of it back to us:
# its private database would look like one the user asked for. What still has the value of
# that file is not the user's word.
forget_sourced_env() {
    local file=${QUINTET_RUN_ENV:-} pair name
    [[ -n $file ]] || return 0
    if [[ -f $file && -O $file ]]; then
        while IFS= read -r -d '' pair; do
            name=${pair%%=*}
            if [[ ${!name:-} == "${pair#*=}" ]]; then unset "$name"; fi
        done < <(values_in "$file")
    else
        for name in ${QUINTET_DERIVED:-}; do unset "$name"; done
    fi
    unset QUINTET_RUN_ENV QUINTET_DERIVED
}

values_in() { # FILE
    local name
    # shellcheck source=/dev/null
    . "$1"
    for name in $QUINTET_DERIVED; do printf '%s=%s\0' "$name" "${!name:-}"; done
}

# What make leaves in the environment is about building.
forget_make() {
    unset MAKEFLAGS MFLAGS MAKELEVEL MAKE_TERMOUT MAKE_TERMERR MAKEOVERRIDES
}

choose_public_ports() {
    gateway_port="${GATEWAY_PORT:-8000}" monitor_port="${MONITOR_PORT:-5555}"
    local GATEWAY_PORT=$gateway_port MONITOR_PORT=$monitor_port
    require_port GATEWAY_PORT
    require_port MONITOR_PORT
    default GATEWAY_HTTP_LISTEN "127.0.0.1:$gateway_port"
    default MONITOR_HTTP_LISTEN "127.0.0.1:$monitor_port"
}

# An address to listen on, as a peer on this machine writes it.
peer_address() { # LISTEN
    local port host
    port_of "$1"
    if [[ -z $port ]]; then
        printf '%s\n' "$1"
        return
    fi
    host_of "$1"
    [[ $host != *:* ]] || host="[$host]"
    printf 'tcp://%s:%s\n' "$host" "$port"
}

choose_peers() {
    local name listen
    for name in "${DAEMONS[@]}"; do
        listen="${name^^}_RPC_LISTEN"
        default "${name^^}_ENDPOINT" "$(peer_address "${!listen}")"
        default "${name^^}_REPLICA" "$name-1"
    done
    default AUTH_EVENTS "$(peer_address "$AUTH_EVENTS_LISTEN")"
    default MONITOR_TELEMETRY "$(peer_address "$MONITOR_TELEMETRY_LISTEN")"
}

choose_keys() {
    default QUINTET_KEYS "$run_dir/keys"
    default KEYS_PUBLIC_DIR "$QUINTET_KEYS/keys-public"
}

# DJANGO_FRONTEND_URL is another name of PUBLIC_URL, and of two the user's one must win.
choose_public_url() {
    local port
    [[ -z ${DJANGO_FRONTEND_URL:-} || -n ${PUBLIC_URL:-} ]] || return 0
    port_of "$GATEWAY_HTTP_LISTEN"
    default PUBLIC_URL "http://localhost:${port:-$gateway_port}"
}

# By our name or by Django's.
mails_are_files() {
    [[ $EMAIL_BACKEND == file || $EMAIL_BACKEND == *.filebased.* ]]
}

choose_mail() {
    default EMAIL_BACKEND file
    if mails_are_files; then
        default EMAIL_FILE_PATH "$run_dir/mail"
        [[ -d $EMAIL_FILE_PATH ]] || make_private_dir "$EMAIL_FILE_PATH"
    fi
}

# What the dashboard's sign-in page tells whoever has no account yet.
choose_first_admin() {
    default MONITOR_FIRST_ADMIN ". $shown_dir/env && $shown_bin/auth createsuperuser"
}

choose_settings() {
    read_listeners
    choose_public_ports
    choose_internal_ports
    choose_peers
    choose_keys
    choose_public_url
    choose_mail
    choose_first_admin
}

quoted() { # VALUE
    printf "'%s'" "${1//\'/\'\\\'\'}"
}

print_env() {
    local name
    printf '# Written by every start of the stack. Use it for the verbs of the daemons:\n'
    printf '#   . %s && build/release/bin/auth createsuperuser\n' "$(quoted "$run_dir/env")"
    printf '# ports: %s\n' "$chosen_ports"
    for name in "${given[@]}" "${derived[@]}"; do
        printf 'export %s=%s\n' "$name" "$(quoted "${!name}")"
    done
    printf 'export QUINTET_DERIVED=%s\n' "$(quoted "${derived[*]}")"
    printf 'export QUINTET_RUN_ENV=%s\n' "$(quoted "$run_dir/env")"
}

write_env() {
    (umask 077 && print_env >"$run_dir/env.new")
    mv -f "$run_dir/env.new" "$run_dir/env"
}

# --- secrets -----------------------------------------------------------------------------

new_secret() {
    head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'
}

# Written whole or not at all: a kill in between must not leave an empty password.
make_secret() { # FILE
    [[ ! -s $1 ]] || return 0
    (umask 077 && new_secret >"$1.new")
    mv -f "$1.new" "$1"
}
