#include "svc/db.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/db_private.h"

/*
 * Point reads are short and go out together; lists and writes stay few, so that one that
 * is slow holds up few others, and what may take long waits behind nothing.
 *
 * Point reads and writes find rows by key: planning them anew for other values would cost
 * more than running them, and reading a whole table because it is still small doubles
 * what a look-up costs (measured: 19 against 9 us of Postgres). What a search reads
 * depends on its values alone. Its plans are for data in memory: Postgres' own cost of a
 * jump is a disk's, and would have it read a table of 200 MB rather than an index of 50.
 *
 * A write that takes the first few of many in their order walks an index. Planned while
 * the table was young, it would collect and sort them all each time: bitmaps have no
 * order.
 *
 * A search that is overdue is not given up at once: the server would go on with it, and
 * the next connection bring one more. Postgres ends it (statement_timeout, 5 s).
 */
const struct db_lane_traits DB_TRAITS[DB_LANES] = {
    [DB_POINT] = { "point", 256, 500, "force_generic_plan", "off", "on", NULL, false,
                   false },
    [DB_LIST] = { "list", 4, 500, "auto", "on", "on", NULL, false, true },
    [DB_WRITE] = { "write", 4, 500, "force_generic_plan", "off", "off", NULL, false,
                   false },
    [DB_SEARCH] = { "search", 1, 6000, "force_custom_plan", "on", "on", "1.1", true,
                    true },
};

static const char *const STATE_NAMES[CONN_STATES] = { "down", "connecting", "ready" };

/* ---- lists ------------------------------------------------------------------- */

void request_push(struct request_list *l, struct db_request *r)
{
    r->next = NULL;
    if (!l->head)
        l->tail = &l->head;
    *l->tail = r;
    l->tail = &r->next;
    l->n++;
}

void request_prepend(struct request_list *l, struct request_list *front)
{
    if (!front->head)
        return;
    *front->tail = l->head;
    if (!l->head)
        l->tail = front->tail;
    l->head = front->head;
    l->n += front->n;
    *front = (struct request_list){ 0 };
}

struct db_request *request_pop(struct request_list *l)
{
    struct db_request *r = l->head;
    if (!r)
        return NULL;
    l->head = r->next;
    l->n--;
    return r;
}

/* ---- a query's life ---------------------------------------------------------- */

/* One block: the struct, the pointers and the NUL-terminated values. */
static struct db_request *request_new(const struct str *params, unsigned n)
{
    size_t head = sizeof(struct db_request) + n * sizeof(char *);
    size_t size = head;
    for (unsigned i = 0; i < n; i++)
        size += params[i].p ? params[i].n + 1 : 0;
    struct db_request *r = xmalloc(size);
    *r = (struct db_request){ .n = n };
    char *at = (char *)r + head;
    for (unsigned i = 0; i < n; i++) {
        r->params[i] = params[i].p ? at : NULL;
        if (!params[i].p)
            continue;
        /* libpq's text ends at the first NUL: never send half a value. */
        if (memchr(params[i].p, '\0', params[i].n)) {
            r->refused = true;
            r->verdict = DB_REFUSED;
        }
        memcpy(at, params[i].p, params[i].n);
        at[params[i].n] = '\0';
        at += params[i].n + 1;
    }
    return r;
}

static void answer(struct db *db, struct db_request *r, enum db_status s, PGresult *res)
{
    struct db_result out = { .status = s, .pg = res };
    if (s == DB_OK && res)
        out.rows = PQntuples(res);
    stmt_count(r->stmt, s);
    metric_observe_us(db->duration[r->lane], clock_mono_us() - r->start_us);
    db->accepted--;
    r->answered = true;
    share_end(db, r);
    r->fn(r->arg, &out);
    share_answer(r, &out);
}

void request_finish(struct db *db, struct db_request *r, enum db_status s, PGresult *res)
{
    if (!r->answered)
        answer(db, r, s, res);
    free(r);
}

/* ---- the end of a turn ------------------------------------------------------- */

static struct db_conn *pick(struct db *db, enum db_lane lane)
{
    struct db_conn *best = NULL;
    for (int i = 0; i < db->cfg.connections[lane]; i++) {
        struct db_conn *c = &db->conns[lane][i];
        if (c->state != CONN_READY || c->broken ||
            c->in_flight >= DB_TRAITS[lane].in_flight_max)
            continue;
        if (lane == DB_POINT && c->unsynced)
            return c; /* one turn, one sync */
        if (!best || c->in_flight < best->in_flight)
            best = c;
    }
    return best;
}

static void send_lane(struct db *db, enum db_lane lane)
{
    struct request_list *queue = &db->pending[lane];
    while (queue->head) {
        if (queue->head->refused) {
            struct db_request *r = request_pop(queue);
            request_finish(db, r, r->verdict, NULL);
            continue;
        }
        struct db_conn *c = pick(db, lane);
        if (!c)
            break;
        pipe_send(c, request_pop(queue));
        if (lane == DB_WRITE)
            pipe_sync(c);
    }
    for (int i = 0; i < db->cfg.connections[lane]; i++) {
        struct db_conn *c = &db->conns[lane][i];
        pipe_sync(c);
        conn_flush(c);
    }
}

static void send_all(struct db *db)
{
    loop_timer_cancel(&db->kick);
    lookup_flush(db);
    for (enum db_lane lane = 0; lane < DB_LANES; lane++)
        if (db->pending[lane].head)
            send_lane(db, lane);
}

static void on_turn_end(void *arg)
{
    send_all(arg);
}

static void on_kick(void *arg)
{
    struct db *db = arg;
    db->kick = NULL;
    send_all(db);
}

/* ---- deadlines --------------------------------------------------------------- */

static bool lane_ready(const struct db *db, enum db_lane lane)
{
    for (int i = 0; i < db->cfg.connections[lane]; i++)
        if (db->conns[lane][i].state == CONN_READY)
            return true;
    return false;
}

/* The verdict on a query that was never sent. */
static enum db_status unsent(const struct db *db, enum db_lane lane)
{
    return lane_ready(db, lane) ? DB_BUSY : DB_UNAVAILABLE;
}

/* Those still waiting are taken out, the rest keeps its order. Callbacks may queue. */
static void expire_waiting(struct db *db, enum db_lane lane, int64_t now)
{
    struct request_list *queue = &db->pending[lane];
    struct request_list all = *queue, keep = { 0 }, late = { 0 };
    *queue = (struct request_list){ 0 };
    for (struct db_request *r; (r = request_pop(&all));)
        request_push(r->deadline_ms <= now ? &late : &keep, r);
    request_prepend(queue, &keep);
    for (struct db_request *r; (r = request_pop(&late));)
        request_finish(db, r, r->sent ? DB_TIMEOUT : unsent(db, lane), NULL);
}

/* Sent ones are answered and stay as ghosts until Postgres answers. A connection that is
 * stuck on an overdue one is given up; one that only just came to it is not. */
static void expire_sent(struct db_conn *c, int64_t now)
{
    if (c->in_flight == 0)
        return;
    struct db_request *head = pipe_head(c);
    bool stuck = head && head->deadline_ms <= now &&
                 c->progress_ms + DB_TRAITS[c->lane].stuck_ms <= now;
    for (unsigned i = 0; i < c->owed.n; i++) {
        struct slot *s = slot_at(&c->owed, i);
        struct db_request *r = s->kind == SLOT_QUERY ? s->request : NULL;
        if (r && !r->answered && r->deadline_ms <= now)
            answer(c->db, r, DB_TIMEOUT, NULL);
    }
    if (stuck)
        conn_lost(c, "the answer is overdue");
}

static void on_tick(void *arg);

static void arm_tick(struct db *db)
{
    if (!db->tick)
        db->tick = loop_timer(db->loop, DB_TICK_MS, 0, on_tick, db);
}

static void on_tick(void *arg)
{
    struct db *db = arg;
    db->tick = NULL;
    int64_t now = clock_mono_ms();
    for (enum db_lane lane = 0; lane < DB_LANES; lane++) {
        expire_waiting(db, lane, now);
        for (int i = 0; i < db->cfg.connections[lane]; i++)
            expire_sent(&db->conns[lane][i], now);
    }
    for (struct db_request *r; (r = request_pop(&db->delayed));)
        request_push(&db->pending[r->lane], r);
    if (db->accepted > 0)
        arm_tick(db);
}

/* ---- the door ---------------------------------------------------------------- */

void db_kick(struct db *db)
{
    /* The hook at the end of the turn cancels this again; it fires only when the query
     * was queued by a later hook of the same end. */
    if (!db->kick)
        db->kick = loop_timer(db->loop, 0, 0, on_kick, db);
}

static struct db_request *make(struct db *db, const struct db_stmt *stmt,
                               const struct str *params, unsigned n, uint32_t timeout_ms)
{
    struct db_request *r = request_new(params, n);
    r->stmt = stmt_find(db, stmt->name);
    r->lane = stmt->lane;
    r->start_us = clock_mono_us();
    r->deadline_ms = r->start_us / 1000 + timeout_ms;
    if (db->pending[r->lane].n >= DB_PENDING_MAX && !r->refused) {
        r->refused = true;
        r->verdict = unsent(db, r->lane);
    }
    return r;
}

static void submit(struct db *db, struct db_request *r)
{
    if (share_join(db, r)) {
        free(r);
        return;
    }
    db->accepted++;
    request_push(&db->pending[r->lane], r);
    arm_tick(db);
    db_kick(db);
}

void db_query_own(struct db *db, const struct db_stmt *stmt, const struct str *params,
                  unsigned n, uint32_t timeout_ms, db_fn *fn, void *arg,
                  void (*drop)(void *))
{
    struct db_request *r = make(db, stmt, params, n, timeout_ms);
    r->fn = fn;
    r->arg = arg;
    r->drop = drop;
    submit(db, r);
}

void db_query(struct db *db, const struct db_stmt *stmt, const struct str *params,
              unsigned n, uint32_t timeout_ms, db_fn *fn, void *arg)
{
    db_query_own(db, stmt, params, n, timeout_ms, fn, arg, NULL);
}

void db_query_anew(struct db *db, const struct db_stmt *stmt, const struct str *params,
                   unsigned n, uint32_t timeout_ms, db_fn *fn, void *arg)
{
    struct db_request *r = make(db, stmt, params, n, timeout_ms);
    r->fn = fn;
    r->arg = arg;
    r->anew = true;
    submit(db, r);
}

bool db_ready(const struct db *db)
{
    for (enum db_lane lane = 0; lane < DB_LANES; lane++)
        if (db->cfg.connections[lane] > 0 && !lane_ready(db, lane))
            return false;
    return true;
}

unsigned db_in_flight(const struct db *db)
{
    return db->accepted;
}

/* ---- open and close ---------------------------------------------------------- */

static const char *copy(const char *s)
{
    return s && *s ? xstrdup(s) : NULL;
}

static void copy_config(struct db *db, const struct db_config *cfg)
{
    db->cfg = *cfg;
    db->cfg.host = copy(cfg->host);
    db->cfg.port = copy(cfg->port);
    db->cfg.dbname = copy(cfg->dbname);
    db->cfg.user = copy(cfg->user);
    db->cfg.sslmode = copy(cfg->sslmode);
    db->cfg.application = copy(cfg->application);
    db->cfg.schema = copy(cfg->schema);
    struct str password = secret_expose(cfg->password);
    db->cfg.password = password.n ? secret_new(password) : NULL;
    for (enum db_lane lane = 0; lane < DB_LANES; lane++)
        if (db->cfg.connections[lane] < 1 && !DB_TRAITS[lane].optional)
            db->cfg.connections[lane] = 1;
}

static void make_metrics(struct db *db)
{
    char labels[64];
    db->merged = metric_counter("db_queries_joined_total",
                                "Queries answered by an equal one that waited", "");
    for (enum db_lane lane = 0; lane < DB_LANES; lane++) {
        if (db->cfg.connections[lane] == 0)
            continue;
        snprintf(labels, sizeof(labels), "lane=\"%s\"", DB_TRAITS[lane].name);
        db->duration[lane] = metric_histogram("db_query_duration_seconds",
                                              "Time from query to answer", labels);
        for (int s = 0; s < CONN_STATES; s++) {
            snprintf(labels, sizeof(labels), "lane=\"%s\",state=\"%s\"",
                     DB_TRAITS[lane].name, STATE_NAMES[s]);
            db->states[lane][s] =
                metric_gauge("db_connections", "Database connections by state", labels);
        }
    }
}

struct db *db_open(struct loop *l, const struct db_config *cfg,
                   const struct embed_file *const *sql_sets)
{
    struct db *db = xcalloc(1, sizeof(*db));
    db->loop = l;
    copy_config(db, cfg);
    stmt_load(db, sql_sets);
    make_metrics(db);
    host_start(db);
    for (enum db_lane lane = 0; lane < DB_LANES; lane++) {
        int n = db->cfg.connections[lane];
        db->conns[lane] = xcalloc((size_t)n, sizeof(struct db_conn));
        for (int i = 0; i < n; i++)
            conn_init(&db->conns[lane][i], db, lane);
    }
    loop_at_turn_end(l, on_turn_end, db);
    return db;
}

static void forget(struct request_list *l)
{
    for (struct db_request *r; (r = request_pop(l));) {
        if (r->drop && !r->answered)
            r->drop(r->arg);
        share_forget(r);
        free(r);
    }
}

static void free_config(struct db_config *cfg)
{
    const char *strings[] = { cfg->host,    cfg->port,        cfg->dbname, cfg->user,
                              cfg->sslmode, cfg->application, cfg->schema };
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        free((char *)strings[i]);
    struct secret *password = (struct secret *)cfg->password;
    secret_free(&password);
}

void db_close(struct db **dbp)
{
    struct db *db = *dbp;
    if (!db)
        return;
    *dbp = NULL;
    loop_timer_cancel(&db->tick);
    loop_timer_cancel(&db->kick);
    for (enum db_lane lane = 0; lane < DB_LANES; lane++) {
        for (int i = 0; i < db->cfg.connections[lane]; i++) {
            struct db_conn *c = &db->conns[lane][i];
            struct request_list owed = { 0 };
            for (struct slot s; slot_pop(&c->owed, &s);)
                if (s.kind == SLOT_QUERY)
                    request_push(&owed, s.request);
            forget(&owed);
            conn_deinit(c);
        }
        free(db->conns[lane]);
        forget(&db->pending[lane]);
    }
    forget(&db->delayed);
    host_stop(db);
    lookup_forget(db);
    stmt_unload(db);
    free_config(&db->cfg);
    free(db);
}
