#include "svc/db_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/log.h"

enum { REFUSAL_LOG_MS = 1000, EMPTY_RESULTS_MAX = 8 };

/* ---- what is owed ------------------------------------------------------------ */

struct slot *slot_at(const struct slot_ring *ring, unsigned nth)
{
    return &ring->slots[(ring->head + nth) & (ring->cap - 1)];
}

static void slot_push(struct slot_ring *ring, enum slot_kind kind, struct db_request *r)
{
    if (ring->n == ring->cap) {
        unsigned cap = ring->cap ? ring->cap * 2 : 64;
        struct slot *slots = xcalloc(cap, sizeof(*slots));
        for (unsigned i = 0; i < ring->n; i++)
            slots[i] = *slot_at(ring, i);
        free(ring->slots);
        *ring = (struct slot_ring){ slots, 0, ring->n, cap };
    }
    *slot_at(ring, ring->n++) = (struct slot){ kind, r };
}

bool slot_pop(struct slot_ring *ring, struct slot *ret)
{
    if (ring->n == 0)
        return false;
    *ret = *slot_at(ring, 0);
    ring->head = (ring->head + 1) & (ring->cap - 1);
    ring->n--;
    return true;
}

struct db_request *pipe_head(const struct db_conn *c)
{
    for (unsigned i = 0; i < c->owed.n; i++)
        if (slot_at(&c->owed, i)->kind == SLOT_QUERY)
            return slot_at(&c->owed, i)->request;
    return NULL;
}

/* ---- sending ----------------------------------------------------------------- */

static void pushed(struct db_conn *c, enum slot_kind kind, struct db_request *r, int ok)
{
    if (!ok)
        c->broken = true;
    slot_push(&c->owed, kind, r);
    c->unflushed = true;
}

/* $1 the schema or null, the others as the lane wants them. The timeout is the role's
 * anyway (migrate_roles.c), but for a single-role database. */
static const char SETUP[] =
    "select set_config('timezone', 'UTC', false), set_config('datestyle', 'ISO', false),"
    " set_config('jit', 'off', false), set_config('plan_cache_mode', $2::text, false),"
    " set_config('enable_seqscan', $3::text, false),"
    " set_config('enable_bitmapscan', $5::text, false),"
    " set_config('statement_timeout', '5s', false),"
    " case when $4::text is not null"
    " then set_config('random_page_cost', $4::text, false) end,"
    " case when $1::text is not null"
    " then set_config('search_path', $1::text, false) end";

/* Times are printed one way (db_time relies on it), whatever the server's settings. */
void pipe_setup(struct db_conn *c)
{
    const char *schema = c->db->cfg.schema;
    const struct db_lane_traits *t = &DB_TRAITS[c->lane];
    AUTO_FREE char *path = schema ? xasprintf("\"%s\"", schema) : NULL;
    const char *const values[] = { path, t->plans, t->whole, t->jump_cost, t->bitmaps };
    int ok =
        PQsendQueryParams(c->pg, SETUP, ARRAY_LEN(values), NULL, values, NULL, NULL, 0);
    pushed(c, SLOT_SETUP, NULL, ok);
    c->unsynced = true;
    pipe_sync(c);
}

static int send_prepared(struct db_conn *c, struct db_request *r)
{
    struct statement *s = r->stmt;
    if (!c->prepared[s->index]) {
        int ok = PQsendPrepare(c->pg, s->name, s->sql, 0, NULL);
        pushed(c, SLOT_PREPARE, r, ok);
        c->prepared[s->index] = true;
    }
    return PQsendQueryPrepared(c->pg, s->name, (int)r->n, r->params, NULL, NULL, 0);
}

/* A statement without a name is planned for the values it comes with. */
static int send_anew(struct db_conn *c, struct db_request *r)
{
    return PQsendQueryParams(c->pg, r->stmt->sql, (int)r->n, NULL, r->params, NULL, NULL,
                             0);
}

void pipe_send(struct db_conn *c, struct db_request *r)
{
    share_end(c->db, r);
    int ok = r->anew ? send_anew(c, r) : send_prepared(c, r);
    pushed(c, SLOT_QUERY, r, ok);
    if (c->in_flight++ == 0)
        c->progress_ms = clock_mono_ms();
    c->unsynced = true;
    r->sent = true;
}

void pipe_sync(struct db_conn *c)
{
    if (!c->unsynced)
        return;
    c->unsynced = false;
    pushed(c, SLOT_SYNC, NULL, PQpipelineSync(c->pg));
}

/* ---- judging ----------------------------------------------------------------- */

enum action {
    FINISH, /* tell the caller */
    RETRY,  /* rolled back by a conflict: send again */
    RENEW,  /* rolled back, this connection is of no use: elsewhere */
    LOST,   /* the connection is gone */
};

/* The longest matching prefix of the SQLSTATE decides (Postgres, appendix A). */
static const struct verdict {
    const char *prefix;
    enum action action;
    enum db_status status;
} VERDICTS[] = {
    { "23505", FINISH, DB_CONFLICT },    { "23503", FINISH, DB_FOREIGN_KEY },
    { "40001", RETRY, DB_UNAVAILABLE },  { "40P01", RETRY, DB_UNAVAILABLE },
    { "25006", RENEW, DB_UNAVAILABLE },  /* a standby: the primary moved */
    { "0A000", RENEW, DB_REFUSED },      /* "cached plan must not change result type" */
    { "26000", RENEW, DB_REFUSED },      /* prepared statement unknown */
    { "55P03", FINISH, DB_UNAVAILABLE }, /* lock_timeout: rolled back */
    { "57014", FINISH, DB_UNAVAILABLE }, /* statement_timeout: rolled back */
    { "53", FINISH, DB_UNAVAILABLE },    { "54", FINISH, DB_UNAVAILABLE },
    { "57P", LOST, DB_UNKNOWN },         { "08", LOST, DB_UNKNOWN },
    { "", FINISH, DB_REFUSED },
};

static const struct verdict *judge(const PGresult *res)
{
    static const struct verdict GONE = { "", LOST, DB_UNKNOWN };
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    if (!state)
        return &GONE;
    const struct verdict *v = VERDICTS;
    while (strncmp(state, v->prefix, strlen(v->prefix)) != 0)
        v++; /* the last prefix is empty */
    return v;
}

/* The name and the state only: a message may quote parameters. */
static void log_refusal(struct statement *s, const PGresult *res)
{
    int64_t now = clock_mono_ms();
    if (now - s->logged_ms < REFUSAL_LOG_MS)
        return;
    s->logged_ms = now;
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME);
    log_error("db", "statement refused", F_STR("statement", s->name),
              F_STR("sqlstate", state), F_STR("constraint", constraint));
}

/* ---- receiving --------------------------------------------------------------- */

static void send_again(struct db_conn *c, struct db_request *r)
{
    request_push(&c->db->pending[c->lane], r);
    db_kick(c->db);
}

static void finish_failed(struct db_conn *c, struct db_request *r,
                          const struct verdict *v, PGresult *res)
{
    if (v->status == DB_REFUSED)
        log_refusal(r->stmt, res);
    request_finish(c->db, r, v->status, res);
}

static void on_error(struct db_conn *c, struct db_request *r, PGresult *res)
{
    const struct verdict *v = judge(res);
    bool again = !r->answered && ++r->attempts < DB_ATTEMPTS_MAX;
    if (v->action == RENEW)
        c->broken = true;
    if (v->action == RENEW && again)
        send_again(c, r);
    else if (v->action == RETRY && again)
        request_push(&c->db->delayed, r);
    else
        finish_failed(c, r, v, res);
}

/* A neighbour failed before it: nothing is wrong with this one, unless it was its own
 * PREPARE that failed. */
static void on_aborted(struct db_conn *c, struct db_request *r)
{
    if (r->refused)
        request_finish(c->db, r, r->verdict, NULL);
    else if (r->answered || ++r->resends > DB_RESENDS_MAX)
        request_finish(c->db, r, DB_UNAVAILABLE, NULL);
    else
        send_again(c, r);
}

static void on_query(struct db_conn *c, struct db_request *r, PGresult *res)
{
    c->in_flight--;
    c->progress_ms = clock_mono_ms();
    ExecStatusType status = PQresultStatus(res);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        request_finish(c->db, r, DB_OK, res);
    else if (status == PGRES_PIPELINE_ABORTED)
        on_aborted(c, r);
    else
        on_error(c, r, res);
}

static void on_prepare(struct db_conn *c, struct db_request *r, PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);
    if (status == PGRES_COMMAND_OK)
        return;
    c->prepared[r->stmt->index] = false;
    if (status == PGRES_PIPELINE_ABORTED)
        return;
    const struct verdict *v = judge(res);
    log_refusal(r->stmt, res);
    r->refused = true;
    r->verdict = v->status;
}

static void on_setup(struct db_conn *c, const PGresult *res)
{
    if (PQresultStatus(res) == PGRES_TUPLES_OK)
        conn_ready(c);
    else
        c->broken = true;
}

static bool is_connection_error(const PGresult *res)
{
    return PQresultStatus(res) == PGRES_FATAL_ERROR && judge(res)->action == LOST;
}

/* False when the stream of answers cannot be followed any further. */
static bool on_result(struct db_conn *c, PGresult *res)
{
    struct slot slot;
    bool is_sync = PQresultStatus(res) == PGRES_PIPELINE_SYNC;
    /* What is owed when a connection dies stays owed: conn_lost settles it. */
    if (is_connection_error(res) || c->owed.n == 0 ||
        is_sync != (slot_at(&c->owed, 0)->kind == SLOT_SYNC)) {
        c->broken = true;
        return false;
    }
    slot_pop(&c->owed, &slot);
    if (slot.kind == SLOT_QUERY)
        on_query(c, slot.request, res);
    else if (slot.kind == SLOT_PREPARE)
        on_prepare(c, slot.request, res);
    else if (slot.kind == SLOT_SETUP)
        on_setup(c, res);
    return true;
}

void pipe_drain(struct db_conn *c)
{
    int empty = 0;
    bool going = true;
    while (going && c->owed.n > 0 && empty < EMPTY_RESULTS_MAX && !PQisBusy(c->pg)) {
        PGresult *res = PQgetResult(c->pg);
        if (!res) { /* the boundary between two queries */
            empty++;
            continue;
        }
        empty = 0;
        going = on_result(c, res);
        PQclear(res);
    }
}
