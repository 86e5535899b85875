# shellcheck shell=bash disable=SC2034,SC2154  # the parts share variables
# Which ports a stack uses, and whether they are free. Sourced, never run. Needs common.sh.

# Variable, port when GATEWAY_PORT is 8000, form, and what it is for. Of the form, %s is the
# port. Peers reach each other at these addresses, operators read the last column.
readonly INTERNAL_LISTENS=(
    'GATEWAY_RPC_LISTEN 7000 tcp://127.0.0.1:%s control of the gateway'
    'AUTH_RPC_LISTEN 7001 tcp://127.0.0.1:%s requests to auth'
    'CATALOG_RPC_LISTEN 7002 tcp://127.0.0.1:%s requests to catalog'
    'MAILER_RPC_LISTEN 7003 tcp://127.0.0.1:%s requests to mailer'
    'MONITOR_RPC_LISTEN 7004 tcp://127.0.0.1:%s requests to monitor'
    'AUTH_EVENTS_LISTEN 7101 tcp://127.0.0.1:%s events of auth'
    'MONITOR_TELEMETRY_LISTEN 7104 tcp://127.0.0.1:%s telemetry to monitor'
    'GATEWAY_OPS_LISTEN 9000 127.0.0.1:%s health of the gateway'
    'AUTH_OPS_LISTEN 9001 127.0.0.1:%s health of auth'
    'CATALOG_OPS_LISTEN 9002 127.0.0.1:%s health of catalog'
    'MAILER_OPS_LISTEN 9003 127.0.0.1:%s health of mailer'
    'MONITOR_OPS_LISTEN 9004 127.0.0.1:%s health of monitor'
)

# Addresses, as the kernel writes them, that a listener on loopback collides with.
readonly LOOPBACK_OR_ANY='^(00000000|0100007F|7F000001|0{32}|0{16}0000FFFF0100007F)$'

require_port() { # VARIABLE
    [[ ${!1} =~ ^[1-9][0-9]{0,4}$ && ${!1} -le 65535 ]] ||
        fail 64 "$1 must be a port from 1 to 65535, not '${!1}'."
}

# Sets `port` to the port at the end of an address, or to nothing when it has none.
port_of() { # ADDRESS
    port=''
    if [[ $1 =~ :([0-9]+)$ ]]; then port=${BASH_REMATCH[1]}; fi
}

# Sets `host` to where a listener on ADDRESS is reached from this machine.
host_of() { # ADDRESS
    host=${1#*://}
    host=${host%:*}
    case $host in
    '' | '*' | 0.0.0.0) host=127.0.0.1 ;;
    '[::]') host=::1 ;;
    '['*']') host=${host:1:-1} ;;
    esac
}

# Sets `listeners` to every listening TCP socket of this machine, port -> addresses.
read_listeners() {
    local local_address state
    listeners=()
    while read -r _ local_address _ state _; do
        [[ $state == 0A ]] || continue
        listeners[16#${local_address##*:}]+=" ${local_address%:*}"
    done < <(cat /proc/net/tcp /proc/net/tcp6 2>/dev/null)
}

is_taken() { # HOST PORT
    local address
    for address in ${listeners[$2]:-}; do
        if [[ ! $1 =~ ^(127\.|::1$|localhost$) || $address =~ $LOOPBACK_OR_ANY ]]; then
            return 0
        fi
    done
    return 1
}

# Prints who listens there, when this machine has the tool to tell and the right to know.
holder_of() { # PORT
    local line
    command -v ss >/dev/null || return 0
    line="$(ss -ltnpH "sport = :$1" 2>/dev/null | head -n 1)" || return 0
    if [[ $line =~ \(\(\"([^\"]+)\",pid=([0-9]+) ]]; then
        printf ' (%s, process %s)\n' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
    fi
}

# Sets `port` to a free one below those the kernel hands out for outgoing connections, which
# could take it between two runs.
pick_port() {
    while :; do
        port=$((20000 + SRANDOM % 12000))
        if [[ -z ${listeners[port]:-} && -z ${picked[port]:-} ]]; then break; fi
    done
    picked[port]=yes
}

# Sets `port` to what an earlier run of this stack used for VARIABLE, if it is still free.
kept_port() { # VARIABLE
    port=''
    if [[ " ${kept_ports:-} " =~ " $1="([0-9]+)" " ]]; then port=${BASH_REMATCH[1]}; fi
    if [[ -z $port || -n ${listeners[port]:-} || -n ${picked[port]:-} ]]; then return 1; fi
    picked[port]=yes
}

read_kept_ports() {
    kept_ports=''
    [[ -f $run_dir/env ]] || return 0
    kept_ports="$(sed -nE "s/^# ports: ([A-Z_=0-9 ]*)$/\1/p" "$run_dir/env")"
}

# Gives every internal listener an address: the table's next to GATEWAY_PORT 8000, a free one
# kept for later runs otherwise.
choose_internal_ports() {
    local row variable fixed form port
    local -a picked=()
    picked[gateway_port]=yes picked[monitor_port]=yes
    read_kept_ports
    chosen_ports=''
    for row in "${INTERNAL_LISTENS[@]}"; do
        read -r variable fixed form _ <<<"$row"
        if [[ -n ${!variable:-} ]]; then
            port=''
        elif [[ $gateway_port == 8000 ]]; then
            port=$fixed
        else
            kept_port "$variable" || pick_port
            chosen_ports+="$variable=$port "
        fi
        # shellcheck disable=SC2059  # the form is ours
        default "$variable" "$(printf "$form" "$port")"
    done
    # The fixed ports say nothing about free ones: keep what was picked before.
    : "${chosen_ports:=$kept_ports}"
}

check_port() { # VARIABLE WHAT HOW_TO_MOVE
    local port host other
    port_of "${!1}"
    [[ -n $port ]] || return 0
    host_of "${!1}"
    other=${claimed[$port]:-}
    [[ -z $other ]] || fail 64 "port $port is wanted both for $other and for $2; $3."
    claimed[port]=$2
    if is_taken "$host" "$port"; then
        fail 69 "port $port ($2) is taken by another program$(holder_of "$port"); $3."
    fi
}

check_ports() {
    local row variable what also=''
    local -a claimed=()
    check_port GATEWAY_HTTP_LISTEN 'the API' 'GATEWAY_PORT moves it'
    check_port MONITOR_HTTP_LISTEN 'the dashboard' 'MONITOR_PORT moves it'
    if [[ $gateway_port == 8000 ]]; then
        also=', and any other GATEWAY_PORT moves all internal ports'
    fi
    for row in "${INTERNAL_LISTENS[@]}"; do
        read -r variable _ _ what <<<"$row"
        check_port "$variable" "$what" "$variable moves it$also"
    done
}
