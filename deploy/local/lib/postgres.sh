# shellcheck shell=bash disable=SC2034,SC2153,SC2154  # the parts share variables
# The private Postgres of a stack, on a Unix socket only. Sourced, never run. Needs common.sh,
# process.sh and config.sh.

readonly PG_SUPERUSER=postgres
# As root the server runs as this user, since Postgres refuses root.
readonly PG_SYSTEM_USER=postgres
# sun_path is 108 bytes with its final NUL.
readonly SOCKET_PATH_MAX=107

as_pg=()      # puts a command into the hands of the server's user
pg_user_opt=() # the same as options of setpriv

find_pg_programs() {
    local dir wanted='' version
    if [[ -f ${pg_data:-}/PG_VERSION ]]; then wanted="$(<"$pg_data/PG_VERSION")"; fi
    pg_bin=''
    while read -r dir; do
        version=${dir%/bin}
        if [[ -x $dir/initdb && (-z $wanted || ${version##*/} == "$wanted") ]]; then pg_bin=$dir; fi
    done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V)
    [[ -n $pg_bin ]] || fail 69 "the programs of the Postgres server${wanted:+ $wanted, which made \
the data in $pg_data,} are not installed; deploy/local/install run gets them."
}

# --- where it lives ----------------------------------------------------------------------

choose_pg_user() {
    [[ $EUID -eq 0 ]] || return 0
    id "$PG_SYSTEM_USER" >/dev/null 2>&1 ||
        fail 69 "Postgres refuses to run as root and there is no user '$PG_SYSTEM_USER' to run it as."
    pg_user_opt=(--reuid="$PG_SYSTEM_USER" --regid="$PG_SYSTEM_USER" --init-groups)
    as_pg=(setpriv "${pg_user_opt[@]}" --)
}

own_by_pg() { # DIR
    [[ $EUID -ne 0 ]] || chown "$PG_SYSTEM_USER:$PG_SYSTEM_USER" "$1" 2>/dev/null
}

# Tried, not reasoned about: a closed parent directory, a file system that knows no owners
# and one that is read-only all end the same.
pg_can_use() { # DIR
    make_private_dir "$1" && own_by_pg "$1" &&
        "${as_pg[@]}" touch "$1/.probe" 2>/dev/null && rm -f "$1/.probe"
}

choose_pg_home() {
    pg_home="$(outside_dir postgres)"
    if [[ -z $pg_home ]]; then
        pg_home="$run_dir/postgres"
        if ! pg_can_use "$pg_home"; then
            rmdir "$pg_home" 2>/dev/null || true
            pg_home="$(new_outside_dir postgres /var/lib/quintet-run)"
            say "The database lives in $pg_home, since its user cannot enter $shown_dir."
        fi
    fi
    pg_can_use "$pg_home" || fail 73 "the user of the database cannot write to $pg_home."
    pg_data="$pg_home/data"
}

# Prints a directory in which a socket FILE has a path short and plain enough for everybody:
# BASE, or one in /tmp that is kept in mind as KIND.
socket_dir() { # KIND BASE FILE
    local dir="$2" path="$2/$3"
    if [[ ${#path} -gt $SOCKET_PATH_MAX || $dir =~ [^A-Za-z0-9._/+-] ]]; then
        dir="$(outside_dir "$1")"
        if [[ -z $dir ]]; then dir="$(new_outside_dir "$1" /tmp)"; fi
    fi
    make_private_dir "$dir"
    printf '%s\n' "$dir"
}

# --- first start -------------------------------------------------------------------------

# Into a directory beside the final one, so that half a cluster is never taken for a whole.
create_cluster() {
    local fresh="$pg_home/data.new"
    [[ ! -f $pg_data/PG_VERSION ]] || return 0
    report postgres 'creating the database cluster ...'
    rm -rf "$fresh"
    make_secret "$pg_home/superuser-password"
    own_by_pg "$pg_home/superuser-password"
    spawn_user=("${pg_user_opt[@]}") spawn_dir=$pg_home
    run_step initdb "$pg_bin/initdb" --pgdata="$fresh" --username="$PG_SUPERUSER" \
        --pwfile="$pg_home/superuser-password" --encoding=UTF8 --locale=C.UTF-8 \
        --auth-local=scram-sha-256 --auth-host=scram-sha-256
    if ((status != 0)); then
        show_output "$run_dir/logs/initdb.out"
        fail 69 'Postgres could not create its data directory; its last lines are above.'
    fi
    mv "$fresh" "$pg_data"
}

# --- running -----------------------------------------------------------------------------

# All durability settings stay as they are: what is acknowledged must survive a kill here too.
start_postgres() {
    spawn_user=("${pg_user_opt[@]}") spawn_dir=$pg_home spawn_signal=INT
    spawn postgres "$run_dir/logs/postgres.log" "$pg_bin/postgres" -D "$pg_data" \
        -c listen_addresses= -c port="$POSTGRES_PORT" \
        -c unix_socket_directories="$pg_socket_dir" -c unix_socket_permissions=0700 \
        -c max_connections=200 -c timezone=UTC -c log_timezone=UTC \
        -c log_line_prefix='%m [%p] %q%u@%d '
}

postgres_is_ready() {
    "$pg_bin/pg_isready" --quiet --timeout=1 --host="$pg_socket_dir" --port="$POSTGRES_PORT"
}

# Roles and database of the stack, on every start: they may have been renamed by the
# environment, and the password file is what counts. Not a superuser, as in production.
prepare_database() {
    local password
    password="${POSTGRES_PASSWORD:-}"
    if [[ -n ${POSTGRES_PASSWORD_FILE:-} ]]; then password="$(<"$POSTGRES_PASSWORD_FILE")"; fi
    STACK_PASSWORD="$password" PGPASSWORD="$(<"$pg_home/superuser-password")" \
        "$pg_bin/psql" --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --output=/dev/null \
        --host="$pg_socket_dir" --port="$POSTGRES_PORT" \
        --username="$PG_SUPERUSER" --dbname=postgres \
        --set=role="$POSTGRES_USER" --set=db="$POSTGRES_DB" >"$run_dir/logs/prepare.out" 2>&1 <<'SQL'
\set password `printenv STACK_PASSWORD`
select format('create role %I login createrole', :'role')
 where not exists (select from pg_roles where rolname = :'role') \gexec
alter role :"role" password :'password';
select format('create database %I owner %I', :'db', :'role')
 where not exists (select from pg_database where datname = :'db') \gexec
SQL
}

wait_for_postgres() {
    local deadline
    clock
    deadline=$((now + 60000))
    until postgres_is_ready; do
        clock
        if ! is_alive postgres || ((now > deadline)); then
            show_output "$run_dir/logs/postgres.log"
            fail 69 'Postgres did not start; its last lines are above.'
        fi
        tick 0.05
    done
}

configure_private_postgres() {
    choose_pg_user
    choose_pg_home
    find_pg_programs
    default POSTGRES_PORT 5432
    pg_socket_dir="$(socket_dir postgres-socket "$pg_home/socket" ".s.PGSQL.$POSTGRES_PORT")"
    own_by_pg "$pg_socket_dir"
    default POSTGRES_HOST "$pg_socket_dir"
    note_given POSTGRES_PASSWORD POSTGRES_PASSWORD_FILE
    if [[ -z ${POSTGRES_PASSWORD:-} && -z ${POSTGRES_PASSWORD_FILE:-} ]]; then
        make_secret "$run_dir/secrets/postgres-password"
        default POSTGRES_PASSWORD_FILE "$run_dir/secrets/postgres-password"
    fi
}

# The user's own server: nothing is created for it, but what is known goes to RUN_DIR/env.
configure_given_postgres() {
    find_pg_programs
    note_given POSTGRES_HOST POSTGRES_PORT POSTGRES_PASSWORD POSTGRES_PASSWORD_FILE
}

configure_postgres() {
    default POSTGRES_DB quintet
    default POSTGRES_USER quintet
    if [[ -n ${POSTGRES_HOST:-} ]]; then
        private_postgres=no
        configure_given_postgres
    else
        private_postgres=yes
        configure_private_postgres
    fi
}

check_given_postgres() {
    "$pg_bin/pg_isready" --quiet --timeout=5 --host="$POSTGRES_HOST" \
        --port="${POSTGRES_PORT:-5432}" ||
        fail 69 "no Postgres answers at POSTGRES_HOST=$POSTGRES_HOST, port \
${POSTGRES_PORT:-5432}; unset POSTGRES_HOST to get a private one."
}

bring_up_postgres() {
    local began text
    if [[ $private_postgres == no ]]; then
        check_given_postgres
        report postgres "ready, the one at $POSTGRES_HOST"
        return
    fi
    clock
    began=$now
    create_cluster
    watch postgres
    wait_for_postgres
    if ! prepare_database; then
        show_output "$run_dir/logs/prepare.out"
        fail 69 'the database of the stack could not be set up; the reason is above.'
    fi
    clock
    in_seconds $((now - began))
    report postgres "ready ($text)"
}
