# shellcheck shell=bash disable=SC2034,SC2154  # the parts share variables
# Keeping processes alive: start again what ended, later each time. Sourced, never run. Needs
# common.sh, process.sh and ports.sh, and a function start_NAME or start_daemon.

readonly FIRST_DELAY=200 LONGEST_DELAY=10000 # ms
readonly STEADY_AFTER=30000                  # ms alive after which a crash is a first one

watched=()
declare -A started_at=() delay_of=() restart_at=() ready_of=() probe_at=()

start_process() { # NAME
    local name=$1
    case $name in
    postgres | redis) "start_$name" ;;
    *) start_daemon "$name" ;;
    esac
    clock
    started_at[$name]=$now
    restart_at[$name]=''
    ready_of[$name]=no
    probe_at[$name]=$now
}

watch() { # NAME
    watched+=("$1")
    delay_of[$1]=$FIRST_DELAY
    start_process "$1"
}

# --- readiness ---------------------------------------------------------------------------

# Asks the health port without starting a process. Sets `answer` to the status line.
ask_ready() { # NAME
    local listen="${1^^}_OPS_LISTEN" host port fd
    answer=''
    port_of "${!listen}"
    host_of "${!listen}"
    { exec {fd}<>"/dev/tcp/$host/$port"; } 2>/dev/null || return 1
    { printf 'GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&"$fd"; } \
        2>/dev/null || true
    read -r -t 0.5 -u "$fd" answer || true
    exec {fd}>&-
    [[ $answer =~ ^HTTP/1\.[01]\ 200 ]]
}

is_ready() { # NAME
    case $1 in
    postgres | redis) "${1}_is_ready" ;;
    *) ask_ready "$1" ;;
    esac
}

# Sets ready_of[NAME] when it has become ready, at most one question per 100 ms.
probe() { # NAME
    [[ ${ready_of[$1]} == no ]] && ((now >= probe_at[$1])) || return 0
    probe_at[$1]=$((now + 100))
    if is_ready "$1"; then ready_of[$1]=yes; fi
}

# --- ends and new beginnings -------------------------------------------------------------

plan_restart() { # NAME STATUS
    local name=$1 delay text why
    clock
    if ((now - started_at[$name] >= STEADY_AFTER)); then delay_of[$name]=$FIRST_DELAY; fi
    delay=${delay_of[$name]}
    restart_at[$name]=$((now + delay))
    delay_of[$name]=$((delay * 2 < LONGEST_DELAY ? delay * 2 : LONGEST_DELAY))
    describe_status "$2"
    why=$text
    in_seconds "$delay"
    report "$name" "${yellow}ended with $why, starts again in $text$plain"
}

# Both need `now`. A daemon that comes back says so; at the first start one line speaks for all.
look_after() { # NAME
    local name=$1 text
    if [[ -n ${restart_at[$name]} ]]; then
        if ((now >= restart_at[$name])); then start_process "$name"; fi
    elif ! is_alive "$name"; then
        collect "$name"
        ready_of[$name]=no
        on_end "$name" "$status"
        plan_restart "$name" "$status"
    elif [[ ${ready_of[$name]} == no ]]; then
        probe "$name"
        if [[ ${ready_of[$name]} == yes && $announced == yes ]]; then
            in_seconds $((now - started_at[$name]))
            report "$name" "${green}ready again ($text)$plain"
        fi
    fi
}

look_after_all() {
    local name
    clock
    for name in "${watched[@]}"; do look_after "$name"; done
}

# Sets `pending` to the watched that are not ready.
find_pending() {
    local name
    pending=()
    for name in "${watched[@]}"; do
        if [[ ${ready_of[$name]} == no ]]; then pending+=("$name"); fi
    done
}
