#include "catalog/names.h"

#include <jansson.h>

#include "base/mem.h"
#include "catalog/app.h"

enum { APPLY_TIMEOUT_MS = 5000, SILENCE_MS = 15000, ROWS_MAX = 1024 * 1024 };

static const struct db_stmt CURSOR_READ = { "event_cursor_read", DB_WRITE };
static const struct db_stmt APPLY = { "event_apply", DB_WRITE };

struct catalog_names {
    struct catalog_app *app;
    struct rpc_client *auth;
    struct event_follower *follower;
    struct event_consumer *applying; /* whose batch the statement carries */
};

/* --- rows ------------------------------------------------------------------------------
 */

struct name_row {
    int64_t user_id, version;
    const char *username; /* NULL: deleted */
};

/* True when the event says what a user is called from a version on. */
static bool read_row(const struct event *e, const json_t *payload, struct name_row *ret)
{
    bool updated = strcmp(e->type, "user.updated") == 0;
    bool deleted = strcmp(e->type, "user.deleted") == 0;
    if ((!updated && !deleted) || e->version != 1)
        return false;
    *ret = (struct name_row){
        .user_id = json_integer_value(json_object_get(payload, "user_id")),
        .version = json_integer_value(json_object_get(payload, "uv")),
    };
    if (updated)
        ret->username = json_string_value(json_object_get(payload, "username"));
    return ret->user_id > 0 && ret->version > 0 && (deleted || ret->username);
}

static void write_row(struct jsonw *w, const struct name_row *row)
{
    jw_object(w);
    jw_kint(w, "user_id", row->user_id);
    jw_kcstr(w, "username", row->username);
    jw_kint(w, "version", row->version);
    jw_object_end(w);
}

/* A later event of the batch tells of the same user: one statement writes a row once, and
 * events of one user come in order. */
static bool is_overtaken(const struct event_batch *batch, unsigned at)
{
    for (unsigned i = at + 1; i < batch->n; i++) {
        const struct event *e = &batch->events[i];
        if (e->aggregate_id == batch->events[at].aggregate_id &&
            (strcmp(e->type, "user.updated") == 0 ||
             strcmp(e->type, "user.deleted") == 0))
            return true;
    }
    return false;
}

void catalog_names_rows(const struct event_batch *batch, struct buf *out)
{
    struct jsonw w;
    jw_begin(&w, out);
    jw_array(&w);
    for (unsigned i = 0; i < batch->n; i++) {
        const struct event *e = &batch->events[i];
        json_t *payload =
            json_loadb(e->payload.p, e->payload.n, JSON_REJECT_DUPLICATES, NULL);
        struct name_row row;
        if (read_row(e, payload, &row) && !is_overtaken(batch, i))
            write_row(&w, &row);
        json_decref(payload);
    }
    jw_array_end(&w);
    jw_end(&w);
}

/* --- applying --------------------------------------------------------------------------
 */

static void on_applied(void *arg, const struct db_result *r)
{
    struct catalog_names *n = arg;
    struct event_consumer *ec = n->applying;
    n->applying = NULL;
    catalog_counts_clear(n->app->counts); /* some are of a creator's name */
    if (r->status != DB_OK || r->rows != 1)
        event_consumer_applied(ec, false, -1);
    else
        event_consumer_applied(ec, db_bool(r, 0, 0), db_int(r, 0, 1));
}

static void apply(void *arg, struct event_consumer *ec, const struct event_batch *batch)
{
    struct catalog_names *n = arg;
    char after[DB_INT_TEXT], last[DB_INT_TEXT];
    AUTO_BUF struct buf rows;
    buf_init(&rows, ROWS_MAX);
    catalog_names_rows(batch, &rows);
    struct str params[] = { STR("user"), str_of(batch->epoch),
                            db_int_param(batch->after, after),
                            db_int_param(batch->last, last), buf_get(&rows) };
    n->applying = ec;
    db_query(n->app->db, &APPLY, params, ARRAY_LEN(params), APPLY_TIMEOUT_MS, on_applied,
             n);
}

/* --- life ------------------------------------------------------------------------------
 */

struct catalog_names *catalog_names_start(struct catalog_app *app)
{
    struct rpc_client *auth = svc_client(app->svc, "auth", app->cfg->auth_endpoint);
    if (!auth)
        return NULL;
    struct catalog_names *n = xcalloc(1, sizeof(*n));
    n->app = app;
    n->auth = auth;
    n->follower = event_follower_start(
        app->svc,
        &(struct event_consumer_config){ .stream = "user",
                                         .peer = "auth",
                                         .endpoints = app->cfg->auth_events,
                                         .client = auth,
                                         .pull_method = "auth.events.pull",
                                         .silence_ms = SILENCE_MS,
                                         .apply = apply,
                                         .arg = n },
        &CURSOR_READ);
    return n;
}

void catalog_names_drain(struct catalog_names *n)
{
    event_follower_stop(n->follower);
}

bool catalog_names_busy(const struct catalog_names *n)
{
    return n->applying != NULL;
}

void catalog_names_beat(const struct catalog_names *n, struct jsonw *w)
{
    event_follower_beat(n->follower, w);
}

void catalog_names_stop(struct catalog_names **np)
{
    struct catalog_names *n = *np;
    if (!n)
        return;
    event_follower_free(&n->follower);
    rpc_client_free(&n->auth);
    free(n);
    *np = NULL;
}
