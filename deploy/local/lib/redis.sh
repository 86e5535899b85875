# shellcheck shell=bash disable=SC2034,SC2154  # the parts share variables
# The private Redis of a stack, on a Unix socket only. Sourced, never run. Needs common.sh,
# process.sh, config.sh and postgres.sh (socket_dir).

configure_redis() {
    if [[ -n ${REDIS_URL:-} ]]; then
        private_redis=no
        note_given REDIS_URL
        return
    fi
    private_redis=yes
    command -v redis-cli >/dev/null ||
        fail 69 'Redis is not installed; deploy/local/install run gets it.'
    make_private_dir "$run_dir/redis"
    redis_socket="$(socket_dir redis-socket "$run_dir/redis" redis.sock)/redis.sock"
    default REDIS_URL "unix://$redis_socket"
}

# All Redis programs are one file that looks at the name it was called by. redis-tools, unlike
# redis-server, installs no system service, and its redis-check-rdb is that file.
start_redis() {
    # shellcheck disable=SC2016  # expanded by the bash that becomes Redis
    local become='program=$(command -v redis-server || command -v redis-check-rdb)
        exec -a redis-server "$program" "$@"'
    spawn redis "$run_dir/logs/redis.log" bash -c "$become" redis-server \
        --port 0 --unixsocket "$redis_socket" --unixsocketperm 700 --daemonize no \
        --save '' --appendonly no --dir "$run_dir/redis"
}

redis_is_ready() {
    [[ -S $redis_socket && "$(redis-cli -s "$redis_socket" ping 2>/dev/null)" == PONG ]]
}

bring_up_redis() {
    local began text
    if [[ $private_redis == no ]]; then
        report redis 'the one of REDIS_URL'
        return
    fi
    clock
    began=$now
    watch redis
    until redis_is_ready; do
        clock
        if ! is_alive redis || ((now - began > 20000)); then
            show_output "$run_dir/logs/redis.log"
            fail 69 'Redis did not start; its last lines are above.'
        fi
        tick 0.02
    done
    clock
    in_seconds $((now - began))
    report redis "ready ($text)"
}
