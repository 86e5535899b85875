#include "monitor/history.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/app.h"
#include "svc/log.h"
#include "svc/metrics.h"

enum {
    WRITE_EVERY = 5, /* seconds */
    CHECKPOINT_EVERY = 60,
    RETIRE_EVERY = 300,
    SINCE_EVERY = 60,
    WRITE_MS = 10000,
    PENDING_MAX = 4 * 1024 * 1024, /* bytes of rows that wait */
    ROW_MAX = 16 * 1024,
    CHANGES_WAITING = 256,
    RECALL_S = 2 * 3600,  /* how far back "what changed" goes */
    RECALL_PATIENCE = 10, /* seconds */
    ROWS_KEPT = 500000,   /* of each tier, whatever their age */
    CHANGES_KEPT_S = 90 * 86400,
    ACTIONS_KEPT_S = 400 * 86400,
};

static const struct db_stmt WRITE = { "rollup_write", DB_WRITE };
static const struct db_stmt RETIRE = { "rollup_retire", DB_WRITE };
static const struct db_stmt RETIRE_REST = { "history_retire", DB_WRITE };
static const struct db_stmt WRITE_CHANGE = { "change_write", DB_WRITE };
static const struct db_stmt SINCE = { "history_since", DB_POINT };
static const struct db_stmt UNTIL = { "history_until", DB_POINT };
static const struct db_stmt READ_CHANGES = { "change_read", DB_LIST };

/* Of what an earlier run has written. */
enum recall { RECALL_WANTED, RECALL_ASKED, RECALL_DONE };

struct history {
    struct monitor_app *app;
    int64_t writer;
    struct buf pending; /* rows, comma separated */
    char *sent;         /* rows under way or to be sent again; heap */
    bool writing;
    struct change changes[CHANGES_WAITING]; /* ring of those not written */
    unsigned first_change, nchanges;
    int64_t writing_change; /* id of the one under way; 0: none */
    unsigned ticks;
    int64_t since_s;
    enum recall recall;
    int64_t until_us; /* of the earlier run */
    struct metric *lost;
};

struct history *history_new(struct monitor_app *app)
{
    struct history *h = xcalloc(1, sizeof *h);
    h->app = app;
    h->writer = clock_wall_us();
    buf_init(&h->pending, PENDING_MAX);
    h->lost =
        metric_counter("monitor_history_lost_total",
                       "Slots that could not be kept while the database was away", "");
    return h;
}

void history_free(struct history **hp)
{
    struct history *h = *hp;
    if (!h)
        return;
    *hp = NULL;
    buf_deinit(&h->pending);
    free(h->sent);
    free(h);
}

/* ---- slots ---- */

void history_keep(struct history *h, const struct replica *r, int tier, int64_t start_s,
                  const struct figure_slot *slot)
{
    struct jsonw w;
    AUTO_BUF struct buf row;
    buf_init(&row, ROW_MAX);
    jw_begin(&w, &row);
    jw_object(&w);
    jw_kint(&w, "tier", tier);
    jw_kint(&w, "start_s", start_s);
    jw_kcstr(&w, "service", r->service);
    jw_kcstr(&w, "instance", r->instance);
    jw_key(&w, "data");
    figure_slot_write(slot, &w);
    jw_object_end(&w);
    jw_end(&w);
    if (row.overflow || h->pending.n + row.n + 1 > PENDING_MAX) {
        metric_add(h->lost, 1);
        return;
    }
    if (h->pending.n > 0)
        buf_char(&h->pending, ',');
    buf_str(&h->pending, buf_get(&row));
}

static void on_written(void *arg, const struct db_result *r)
{
    struct history *h = arg;
    h->writing = false;
    if (r->status == DB_OK || r->status == DB_REFUSED) {
        free(h->sent);
        h->sent = NULL;
    } /* else the same rows again: writing them twice changes nothing */
}

/* Rows of two writes must not meet in one statement, or one row could come twice: each
 * batch is a write of its own. A slot written twice within a batch keeps its last form.
 */
static char *take_batch(struct history *h)
{
    json_t *seen = json_object(), *rows;
    AUTO_FREE char *text = xasprintf("[%.*s]", STR_ARG(buf_get(&h->pending)));
    buf_clear(&h->pending);
    rows = json_loads(text, 0, NULL);
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        AUTO_FREE char *key =
            xasprintf("%lld|%lld|%s|%s",
                      (long long)json_integer_value(json_object_get(row, "tier")),
                      (long long)json_integer_value(json_object_get(row, "start_s")),
                      json_string_value(json_object_get(row, "service")),
                      json_string_value(json_object_get(row, "instance")));
        json_object_set(seen, key, row);
    }
    json_t *last = json_array();
    const char *key;
    json_object_foreach(seen, key, row) json_array_append(last, row);
    char *batch = json_dumps(last, JSON_COMPACT);
    json_decref(last);
    json_decref(seen);
    json_decref(rows);
    return batch;
}

static void write_slots(struct history *h)
{
    char writer[DB_INT_TEXT];
    if (h->writing)
        return;
    if (!h->sent && h->pending.n > 0)
        h->sent = take_batch(h);
    if (!h->sent)
        return;
    struct str params[] = { str_of(h->sent), db_int_param(h->writer, writer) };
    h->writing = true;
    db_query(h->app->svc->db, &WRITE, params, ARRAY_LEN(params), WRITE_MS, on_written, h);
}

/* ---- changes ---- */

void history_change(struct history *h, const struct change *c)
{
    if (h->nchanges == CHANGES_WAITING) { /* the oldest one is lost */
        h->first_change = (h->first_change + 1) % CHANGES_WAITING;
        h->nchanges--;
    }
    h->changes[(h->first_change + h->nchanges++) % CHANGES_WAITING] = *c;
}

static void write_change(struct history *h);

static void on_change_written(void *arg, const struct db_result *r)
{
    struct history *h = arg;
    int64_t written = h->writing_change;
    h->writing_change = 0;
    if (r->status != DB_OK && r->status != DB_REFUSED)
        return; /* again at the next tick */
    /* Unless it made room meanwhile: the one that is first then was not written. */
    if (h->nchanges > 0 && h->changes[h->first_change].id == written) {
        h->first_change = (h->first_change + 1) % CHANGES_WAITING;
        h->nchanges--;
    }
    write_change(h);
}

static void write_change(struct history *h)
{
    char id[DB_INT_TEXT], at[CLOCK_TEXT_SIZE];
    if (h->writing_change || h->nchanges == 0)
        return;
    const struct change *c = &h->changes[h->first_change];
    struct str params[] = {
        db_int_param(c->id, id), str_of(clock_text(c->wall_us, at)),
        str_of(c->kind),         str_of(c->subject),
        str_of(c->text),         c->who[0] ? str_of(c->who) : db_null(),
    };
    h->writing_change = c->id;
    db_query(h->app->svc->db, &WRITE_CHANGE, params, ARRAY_LEN(params), WRITE_MS,
             on_change_written, h);
}

/* ---- what an earlier run has written ---- */

static void copy(char *to, size_t size, struct str from)
{
    snprintf(to, size, "%.*s", STR_ARG(from));
}

static void on_changes_read(void *arg, const struct db_result *r)
{
    struct history *h = arg;
    struct replicas *t = &h->app->replicas;
    h->recall =
        r->status == DB_OK || r->status == DB_REFUSED ? RECALL_DONE : RECALL_WANTED;
    if (r->status != DB_OK)
        return;
    for (int i = 0; i < r->rows; i++) { /* newest first */
        struct change c = { .id = db_int(r, i, 0), .wall_us = db_int(r, i, 1) };
        copy(c.kind, sizeof c.kind, db_text(r, i, 2));
        copy(c.subject, sizeof c.subject, db_text(r, i, 3));
        copy(c.text, sizeof c.text, db_text(r, i, 4));
        copy(c.who, sizeof c.who, db_text(r, i, 5));
        changes_put_older(&t->changes, &c);
    }
    replicas_recalled(t, h->until_us);
}

static void on_until(void *arg, const struct db_result *r)
{
    struct history *h = arg;
    char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE], limit[DB_INT_TEXT];
    h->until_us = r->status == DB_OK && r->rows == 1 ? db_int(r, 0, 0) : h->writer;
    struct str params[] = {
        str_of(clock_text(h->writer - INT64_C(1000000) * RECALL_S, from)),
        str_of(clock_text(clock_wall_us(), to)),
        db_int_param(CHANGES_MAX, limit),
        db_null(),
    };
    db_query(h->app->svc->db, &READ_CHANGES, params, ARRAY_LEN(params), WRITE_MS,
             on_changes_read, h);
}

/* Before anything of our own is written. Without a database only what starts from now on
 * is told. */
static void recall(struct history *h)
{
    if (h->recall == RECALL_WANTED && db_ready(h->app->svc->db)) {
        h->recall = RECALL_ASKED;
        db_query(h->app->svc->db, &UNTIL, NULL, 0, WRITE_MS, on_until, h);
    }
    if (!h->app->replicas.recalled && h->ticks >= RECALL_PATIENCE)
        replicas_recalled(&h->app->replicas, h->writer);
}

/* ---- age and size ---- */

static void ignore(void *arg, const struct db_result *r)
{
    (void)arg, (void)r; /* what stays is taken by the next round */
}

static void retire(struct history *h)
{
    char tier[DB_INT_TEXT], before[DB_INT_TEXT], rows[DB_INT_TEXT];
    char changes[CLOCK_TEXT_SIZE], actions[CLOCK_TEXT_SIZE];
    int64_t now_us = clock_wall_us();
    for (int i = 0; i < TIERS; i++) {
        struct str params[] = {
            db_int_param(i, tier),
            db_int_param(clock_wall_s() - TIER_KEPT_S[i], before),
            db_int_param(ROWS_KEPT, rows),
        };
        db_query(h->app->svc->db, &RETIRE, params, ARRAY_LEN(params), WRITE_MS, ignore,
                 h);
    }
    struct str params[] = {
        str_of(clock_text(now_us - INT64_C(1000000) * CHANGES_KEPT_S, changes)),
        str_of(clock_text(now_us - INT64_C(1000000) * ACTIONS_KEPT_S, actions)),
    };
    db_query(h->app->svc->db, &RETIRE_REST, params, ARRAY_LEN(params), WRITE_MS, ignore,
             h);
}

static void on_since(void *arg, const struct db_result *r)
{
    struct history *h = arg;
    enum { FIRST_HOUR, FIRST, HOUR_S = 3600 };
    if (r->status != DB_OK || r->rows != 1)
        return;
    int64_t hour_s = db_int(r, 0, FIRST_HOUR), first_s = db_int(r, 0, FIRST);
    /* The first hour began before us; what is finer is kept for some hours only. */
    bool exact = first_s > 0 && (hour_s == 0 || first_s - hour_s < HOUR_S);
    h->since_s = exact ? first_s : hour_s;
}

/* ---- time ---- */

void history_tick(struct history *h)
{
    unsigned tick = h->ticks++;
    recall(h);
    if (!db_ready(h->app->svc->db) || h->recall != RECALL_DONE)
        return;
    if (tick % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1)
        replicas_checkpoint(&h->app->replicas);
    if (tick % WRITE_EVERY == 0)
        write_slots(h);
    write_change(h);
    if (tick % RETIRE_EVERY == RETIRE_EVERY - 1)
        retire(h);
    if (tick % SINCE_EVERY == 2)
        db_query(h->app->svc->db, &SINCE, NULL, 0, WRITE_MS, on_since, h);
}

void history_drain(struct history *h)
{
    replicas_flush(&h->app->replicas, clock_wall_us());
    write_slots(h);
    write_change(h);
}

bool history_busy(struct history *h)
{
    if (!db_ready(h->app->svc->db))
        return false;
    write_slots(h);
    return h->writing || h->sent || h->pending.n > 0 || h->nchanges > 0;
}

void history_write_state(const struct history *h, struct jsonw *w)
{
    bool ok = db_ready(h->app->svc->db);
    jw_key(w, "history");
    jw_object(w);
    jw_kcstr(w, "state", ok ? "ok" : "unavailable");
    api_ktime(w, "since", h->since_s * 1000000);
    jw_kcstr(w, "why", ok ? NULL : "The monitor's database does not answer.");
    jw_object_end(w);
}

int history_tier_for(int64_t span_s)
{
    static const int64_t UP_TO_S[TIERS] = { 1800, 4 * 3600, 48 * 3600, INT64_MAX };
    int tier = 0;
    while (span_s > UP_TO_S[tier])
        tier++;
    return tier;
}
