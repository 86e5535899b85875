# shellcheck shell=bash disable=SC2034,SC2154  # the parts share variables
# Starting processes so that they can be found again, watching and stopping them.
# Sourced, never run. Needs common.sh.
#
# Each process leads a session of its own: Ctrl-C in the terminal then reaches this supervisor
# alone, which stops the others in their order. RUN_DIR/pids/NAME says which process it is by
# its number, its start time and the boot; a number alone may belong to somebody else by now.

declare -A pid_of=()
declare -A output_from=() # output file: its size when who writes it was started last
spawn_user=() # options of setpriv for the next process, and its parent-death signal
spawn_signal=TERM
spawn_env=() # NAME=VALUE for the next process
stop_requests=0
stopping=no
terminal_fd='' # where our output goes, if that is a terminal

boot_id="$(</proc/sys/kernel/random/boot_id)"
readonly boot_id

# A pipe nobody writes to: waiting on it is a sleep that starts no process.
open_tick() {
    exec {tick_fd}<> <(:)
}

tick() { # SECONDS
    read -r -t "$1" -u "$tick_fd" || true
    if [[ -n $terminal_fd && ! -t $terminal_fd ]]; then
        terminal_fd=''
        on_signal
    fi
}

# When a terminal goes away, only the leader of its session is told, and make as the leader
# (`ssh -t host make run`) keeps that to itself. So it is looked at from time to time.
find_terminal() {
    if [[ -t 1 ]]; then
        terminal_fd=1
    elif [[ -t 2 ]]; then
        terminal_fd=2
    fi
}

# Sets `started` to the start time of PID in clock ticks since the boot, or to nothing when
# there is no such process or only its zombie. The command, which is in parentheses and may
# hold anything, comes before the fields.
start_time() { # PID
    local line fields
    started=''
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
    read -r -a fields <<<"${line##*) }"
    if [[ ${fields[0]} != Z ]]; then started="${fields[19]}"; fi
}

# Written by the process itself before it becomes what it is to be, so that there is no moment
# in which it runs and is not written down.
write_pid_file() { # NAME
    start_time "$BASHPID"
    printf '%s %s %s\n' "$BASHPID" "$started" "$boot_id" >"$run_dir/pids/$1"
}

# Sets `found` to the number of the process that NAME's file speaks of, or to nothing.
find_process() { # NAME
    local pid='' start='' boot='' started
    found=''
    { read -r pid start boot <"$run_dir/pids/$1"; } 2>/dev/null || true
    [[ $pid =~ ^[0-9]+$ && $boot == "$boot_id" ]] || return 0
    start_time "$pid"
    if [[ -n $started && $started == "$start" ]]; then found=$pid; fi
}

# setsid needs no fork here, so $! is the process itself. The parent-death signal covers a
# supervisor that is killed outright; background processes of a script would otherwise
# ignore INT and QUIT.
spawn() { # NAME OUTPUT COMMAND...
    local name=$1 output=$2
    shift 2
    output_from[$output]="$(stat -c %s "$output" 2>/dev/null || echo 0)"
    (
        write_pid_file "$name"
        exec {lock_fd}>&- {tick_fd}>&- {errors_fd}>&-
        cd "${spawn_dir:-$ROOT}" || exit
        exec env --default-signal=INT,QUIT,PIPE "${spawn_env[@]}" setsid \
            setpriv "${spawn_user[@]}" --pdeathsig "$spawn_signal" -- "$@"
    ) </dev/null >>"$output" 2>&1 &
    pid_of[$name]=$!
    spawn_user=() spawn_env=() spawn_signal=TERM spawn_dir=''
}

# Bash has reaped a child of its own by the time it looks.
is_alive() { # NAME
    [[ -n ${pid_of[$1]:-} && -d /proc/${pid_of[$1]} ]]
}

# Sets `status` to what NAME, which is dead, ended with, and forgets it.
collect() { # NAME
    status=0
    wait "${pid_of[$1]}" || status=$?
    unset "pid_of[$1]"
    rm -f "$run_dir/pids/$1"
}

# Sets `text` to words for an exit status as bash knows it.
describe_status() { # STATUS
    if (($1 > 128)) && text="$(kill -l "$1" 2>/dev/null)"; then
        text="signal $(($1 - 128)) ($text)"
    else
        text="exit code $1"
    fi
}

# Runs a command to its end and sets `status`; says so when it takes its time.
run_step() { # NAME COMMAND...
    local name=$1 began told
    shift
    : >"$run_dir/logs/$name.out"
    clock
    began=$now told=$now
    spawn "$name" "$run_dir/logs/$name.out" "$@"
    while is_alive "$name"; do
        tick 0.02
        clock
        if ((now - told >= 5000)); then
            told=$now
            in_seconds $((now - began))
            report "$name" "still at it ($text) ..."
        fi
    done
    collect "$name"
}

# The last lines since the start; those of earlier runs would mislead.
show_output() { # FILE
    [[ -s $1 ]] || return 0
    { tail -c "+$((${output_from[$1]:-0} + 1))" "$1" | tail -n 12 >&"$errors_fd"; } 2>/dev/null ||
        true
}

# --- stopping ----------------------------------------------------------------------------

# Sets `running` to those of NAME... that run, started by whomever.
find_running() { # NAME...
    local name found
    running=()
    for name in "$@"; do
        find_process "$name"
        if [[ -n $found ]]; then running+=("$name"); fi
    done
}

# The whole group, and the process alone in the moment before it has a group of its own.
send() { # SIGNAL NAME...
    local signal=$1 name found
    shift
    for name in "$@"; do
        find_process "$name"
        [[ -n $found ]] || continue
        kill -s "$signal" -- "-$found" 2>/dev/null ||
            kill -s "$signal" "$found" 2>/dev/null || true
    done
}

# Asks, waits and in the end insists. A second Ctrl-C shortens the wait for those that can be
# killed without harm.
stop_all_of() { # SIGNAL SECONDS LAST_SIGNAL NAME...
    local signal=$1 limit=$(($2 * 1000)) last=$3 began told text
    local -a running
    shift 3
    find_running "$@"
    ((${#running[@]} > 0)) || return 0
    send "$signal" "${running[@]}"
    clock
    began=$now told=$now
    while find_running "$@"; ((${#running[@]} > 0)); do
        clock
        if ((stop_requests > 1)) && [[ $last == KILL ]]; then limit=1000; fi
        if ((now - began >= limit)); then
            in_seconds $((now - began))
            complain "${running[*]} did not stop within $text and gets signal $last."
            send "$last" "${running[@]}"
            began=$now
        elif ((now - told >= 5000)); then
            told=$now
            in_seconds $((now - began))
            say "Waiting for ${running[*]} ($text) ..."
        fi
        tick 0.05
    done
}

names_of_pid_files() {
    local file
    names=()
    for file in "$run_dir"/pids/*; do
        if [[ -f $file ]]; then names+=("${file##*/}"); fi
    done
}

# Postgres last, so that whoever drains can still write; Redis just before it. INT is what
# Postgres calls a fast stop: open sessions end, nothing is lost. QUIT is the harder one.
stop_everything() {
    local name
    local -a names others=()
    names_of_pid_files
    for name in "${names[@]}"; do
        if [[ $name != postgres && $name != redis ]]; then others+=("$name"); fi
    done
    stop_all_of TERM 25 KILL "${others[@]}"
    stop_all_of TERM 5 KILL redis
    stop_all_of INT 30 QUIT postgres
    rm -f "$run_dir"/pids/*
}

stop_leftovers() {
    local -a names running
    names_of_pid_files
    find_running "${names[@]}"
    if ((${#running[@]} > 0)); then
        say "Stopping what an earlier run left behind: ${running[*]}"
    fi
    stop_everything
}
