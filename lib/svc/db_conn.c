#include "svc/db_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "svc/log.h"

enum {
    NAME_WAIT_MS = 1000,
    CONNECT_TIMEOUT_MS = 3000,
    BACKOFF_MIN_MS = 50,
    BACKOFF_MAX_MS = 2000
};

static void on_socket(void *arg, int events);
static void start_connecting(void *arg);

static void set_state(struct db_conn *c, enum conn_state state)
{
    struct metric **gauges = c->db->states[c->lane];
    metric_add(gauges[c->state], -1);
    metric_add(gauges[state], 1);
    c->state = state;
}

static void watch(struct db_conn *c, int events)
{
    loop_remove(&c->source);
    c->source = loop_add_fd(c->db->loop, PQsocket(c->pg), events, on_socket, c);
}

/* ---- losing ------------------------------------------------------------------ */

static void close_pg(struct db_conn *c)
{
    loop_remove(&c->source);
    loop_timer_cancel(&c->timer);
    PQfinish(c->pg);
    c->pg = NULL;
    c->broken = c->unsynced = c->unflushed = c->in_pipeline = false;
    memset(c->prepared, 0, (size_t)c->db->nstmts * sizeof(*c->prepared));
}

/* Reads go back to the front of their lane in their order; what a write did is unknown.
 */
static void settle_owed(struct db_conn *c)
{
    struct request_list again = { 0 }, unknown = { 0 };
    for (struct slot s; slot_pop(&c->owed, &s);) {
        if (s.kind != SLOT_QUERY)
            continue;
        if (s.request->answered || c->lane == DB_WRITE)
            request_push(&unknown, s.request);
        else
            request_push(&again, s.request);
    }
    c->in_flight = 0;
    request_prepend(&c->db->pending[c->lane], &again);
    for (struct db_request *r; (r = request_pop(&unknown));)
        request_finish(c->db, r, DB_UNKNOWN, NULL);
    if (c->db->pending[c->lane].head)
        db_kick(c->db);
}

/* The next pause, up to a fourth longer or shorter, so that replicas come one by one. */
static int next_backoff(struct db_conn *c)
{
    uint8_t random;
    id_random(&random, sizeof(random));
    int base = c->backoff_ms ? c->backoff_ms : BACKOFF_MIN_MS;
    c->backoff_ms = base * 2 < BACKOFF_MAX_MS ? base * 2 : BACKOFF_MAX_MS;
    return base * (192 + random / 2) / 256;
}

static void report_down(struct db_conn *c, const char *why)
{
    if (c->db->said_down)
        return;
    c->db->said_down = true;
    struct str detail = str_trim(str_of(c->pg ? PQerrorMessage(c->pg) : ""));
    log_warn("db", "connection lost", F_STR("lane", DB_TRAITS[c->lane].name),
             F_STR("why", why), F_SLICE("detail", detail));
}

void conn_lost(struct db_conn *c, const char *why)
{
    report_down(c, why);
    close_pg(c);
    set_state(c, CONN_DOWN);
    c->timer = loop_timer(c->db->loop, next_backoff(c), 0, start_connecting, c);
    settle_owed(c);
}

/* ---- connecting -------------------------------------------------------------- */

static void on_connected(struct db_conn *c)
{
    if (PQsetnonblocking(c->pg, 1) != 0 || !PQenterPipelineMode(c->pg)) {
        conn_lost(c, "the pipeline cannot be entered");
        return;
    }
    c->in_pipeline = true;
    watch(c, LOOP_READ);
    pipe_setup(c);
    conn_flush(c);
}

void conn_ready(struct db_conn *c)
{
    loop_timer_cancel(&c->timer);
    set_state(c, CONN_READY);
    c->backoff_ms = 0;
    if (c->db->said_down)
        log_info("db", "connected again", F_STR("lane", DB_TRAITS[c->lane].name));
    c->db->said_down = false;
    db_kick(c->db);
}

static void go_on_connecting(struct db_conn *c)
{
    switch (PQconnectPoll(c->pg)) {
    case PGRES_POLLING_READING:
        watch(c, LOOP_READ);
        break;
    case PGRES_POLLING_WRITING:
        watch(c, LOOP_WRITE);
        break;
    case PGRES_POLLING_OK:
        on_connected(c);
        break;
    default:
        conn_lost(c, "cannot connect");
    }
}

static void on_connect_timeout(void *arg)
{
    struct db_conn *c = arg;
    c->timer = NULL;
    conn_lost(c, "no answer while connecting");
}

static PGconn *start_pg(const struct db *db)
{
    const struct db_config *cfg = &db->cfg;
    const char *const names[] = { "host",
                                  "hostaddr",
                                  "port",
                                  "dbname",
                                  "user",
                                  "password",
                                  "sslmode",
                                  "application_name",
                                  "client_encoding",
                                  "target_session_attrs",
                                  "tcp_user_timeout",
                                  "keepalives_idle",
                                  "keepalives_interval",
                                  "keepalives_count",
                                  NULL };
    const char *const values[] = { db->names ? db->names : cfg->host,
                                   db->addresses,
                                   cfg->port,
                                   cfg->dbname,
                                   cfg->user,
                                   cfg->password ? secret_expose(cfg->password).p : NULL,
                                   cfg->sslmode,
                                   cfg->application,
                                   "UTF8",
                                   "read-write",
                                   "5000",
                                   "10",
                                   "3",
                                   "3",
                                   NULL };
    return PQconnectStartParams(names, values, 0);
}

static void ignore_notice(void *arg, const PGresult *res)
{
    (void)arg;
    (void)res;
}

static void start_connecting(void *arg)
{
    struct db_conn *c = arg;
    c->timer = NULL;
    if (!host_known(c->db)) {
        conn_lost(c, "the server's name has no address yet");
        return;
    }
    c->pg = start_pg(c->db);
    set_state(c, CONN_CONNECTING);
    if (!c->pg || PQstatus(c->pg) == CONNECTION_BAD) {
        conn_lost(c, "cannot connect");
        return;
    }
    PQsetNoticeReceiver(c->pg, ignore_notice, NULL);
    c->timer = loop_timer(c->db->loop, CONNECT_TIMEOUT_MS, 0, on_connect_timeout, c);
    watch(c, LOOP_WRITE); /* as libpq asks before its first poll */
}

void conn_start_all(struct db *db)
{
    for (enum db_lane lane = 0; lane < DB_LANES; lane++) {
        for (int i = 0; db->conns[lane] && i < db->cfg.connections[lane]; i++) {
            struct db_conn *c = &db->conns[lane][i];
            if (c->state != CONN_DOWN)
                continue;
            loop_timer_cancel(&c->timer);
            c->timer = loop_timer(db->loop, 0, 0, start_connecting, c);
        }
    }
}

void conn_init(struct db_conn *c, struct db *db, enum db_lane lane)
{
    c->db = db;
    c->lane = lane;
    c->prepared = xcalloc((size_t)db->nstmts + 1, sizeof(*c->prepared));
    metric_add(db->states[lane][CONN_DOWN], 1);
    /* A name is known after a moment (conn_start_all); say so only when it is not. */
    c->timer =
        loop_timer(db->loop, host_known(db) ? 0 : NAME_WAIT_MS, 0, start_connecting, c);
}

void conn_deinit(struct db_conn *c)
{
    close_pg(c);
    metric_add(c->db->states[c->lane][c->state], -1);
    free(c->owed.slots);
    free(c->prepared);
}

/* ---- working ----------------------------------------------------------------- */

void conn_flush(struct db_conn *c)
{
    if (c->broken) {
        conn_lost(c, "cannot send");
        return;
    }
    if (!c->unflushed)
        return;
    int left = PQflush(c->pg);
    if (left < 0) {
        conn_lost(c, "cannot send");
        return;
    }
    c->unflushed = left > 0;
    loop_set_events(c->source, left > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void on_socket(void *arg, int events)
{
    struct db_conn *c = arg;
    if (!c->in_pipeline) {
        go_on_connecting(c);
        return;
    }
    if ((events & LOOP_READ) && !PQconsumeInput(c->pg)) {
        pipe_drain(c); /* answers that came before the end */
        conn_lost(c, "the server closed it");
        return;
    }
    pipe_drain(c);
    if (c->broken) {
        conn_lost(c, "the server gave it up");
        return;
    }
    conn_flush(c);
}
