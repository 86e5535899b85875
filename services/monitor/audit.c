#include "monitor/audit.h"

#include <string.h>

#include "base/clock.h"
#include "monitor/app.h"
#include "monitor/live.h"
#include "svc/log.h"

enum { LIMIT_MS = 5000 };

static const struct db_stmt BEGIN = { "action_begin", DB_WRITE };
static const struct db_stmt END = { "action_end", DB_WRITE };
static const struct db_stmt LIST = { "action_list", DB_LIST };

enum column {
    ID,
    AT,
    ACTOR,
    VIA,
    CLIENT,
    ACTION,
    SUBJECT,
    COUNT,
    REASON,
    OUTCOME,
    SUMMARY
};

static void write_row(const struct db_result *r, int row, struct jsonw *w)
{
    char at[CLOCK_TEXT_SIZE];
    jw_object(w);
    jw_kint(w, "id", db_int(r, row, ID));
    jw_kcstr(w, "at", clock_text(db_int(r, row, AT), at));
    jw_kstr(w, "actor", db_text(r, row, ACTOR));
    jw_kstr(w, "via", db_text(r, row, VIA));
    jw_kstr(w, "client", db_text(r, row, CLIENT));
    jw_kstr(w, "action", db_text(r, row, ACTION));
    jw_kstr(w, "subject", db_text(r, row, SUBJECT));
    if (db_is_null(r, row, COUNT))
        jw_knull(w, "count");
    else
        jw_kint(w, "count", db_int(r, row, COUNT));
    jw_kstr(w, "reason", db_text(r, row, REASON));
    jw_kstr(w, "outcome", db_text(r, row, OUTCOME));
    jw_kstr(w, "summary", db_text(r, row, SUMMARY));
    jw_object_end(w);
}

/* ---- begin ---- */

struct begin {
    struct api *a;
    void (*fn)(struct api *a, int64_t id);
};

static void on_begun(void *arg, const struct db_result *r)
{
    struct begin b = *(struct begin *)arg;
    free(arg);
    if (r->status == DB_OK && r->rows == 1)
        b.fn(b.a, db_int(r, 0, 0));
    else
        api_fail(b.a, ERR_HISTORY,
                 "The action cannot be recorded now, so nothing was done.");
}

void audit_begin(struct api *a, const char *action, const char *subject,
                 const char *reason, void (*fn)(struct api *a, int64_t id))
{
    struct begin *b = xcalloc(1, sizeof *b);
    struct str params[] = {
        str_of(a->who.name), str_of(a->who.via), str_of(a->from.text), str_of(action),
        str_of(subject),     str_of(reason),     STR("begun"),         db_null(),
    };
    b->a = a;
    b->fn = fn;
    db_query(a->app->svc->db, &BEGIN, params, ARRAY_LEN(params), LIMIT_MS, on_begun, b);
}

/* ---- end ---- */

static void on_ended(void *arg, const struct db_result *r)
{
    struct monitor_app *app = arg;
    struct jsonw w;
    AUTO_BUF struct buf b = { .max = 8192 };
    if (r->status != DB_OK || r->rows != 1)
        return;
    jw_begin(&w, &b);
    write_row(r, 0, &w);
    jw_end(&w);
    if (!b.overflow)
        live_say(app->live, "action", buf_get(&b));
    AUTO_FREE char *actor = xstrndup(db_text(r, 0, ACTOR).p, db_text(r, 0, ACTOR).n);
    AUTO_FREE char *subject =
        xstrndup(db_text(r, 0, SUBJECT).p, db_text(r, 0, SUBJECT).n);
    if (str_eq(db_text(r, 0, OUTCOME), STR("done")))
        changes_note(&app->replicas.changes, clock_wall_us(), "action", subject, actor,
                     "%s: %.*s", actor, STR_ARG(db_text(r, 0, SUMMARY)));
}

void audit_end(struct monitor_app *app, int64_t id, const char *outcome,
               const char *summary, int64_t count)
{
    char id_text[DB_INT_TEXT], count_text[DB_INT_TEXT];
    struct str params[] = { db_int_param(id, id_text), str_of(outcome), str_of(summary),
                            count < 0 ? db_null() : db_int_param(count, count_text) };
    log_info("audit", "action ended", F_INT("action_id", id), F_STR("outcome", outcome));
    db_query(app->svc->db, &END, params, ARRAY_LEN(params), LIMIT_MS, on_ended, app);
}

static void ignore(void *arg, const struct db_result *r)
{
    (void)arg, (void)r;
}

void audit_note(struct monitor_app *app, const char *actor, const char *via,
                const char *client, const char *action, const char *outcome,
                const char *summary)
{
    struct str params[] = {
        str_of(actor), str_of(via), str_of(client),  str_of(action),
        STR(""),       STR(""),     str_of(outcome), str_of(summary)
    };
    if (db_ready(app->svc->db))
        db_query(app->svc->db, &BEGIN, params, ARRAY_LEN(params), LIMIT_MS, ignore, app);
}

/* ---- the page ---- */

static void on_rows(struct api *a, const struct db_result *r)
{
    const int64_t *limit = a->state;
    struct buf b;
    struct jsonw w;
    if (r->status != DB_OK) {
        api_fail(a, ERR_HISTORY, NULL);
        return;
    }
    api_begin(&b, &w);
    jw_key(&w, "actions");
    jw_array(&w);
    for (int i = 0; i < r->rows; i++)
        write_row(r, i, &w);
    jw_array_end(&w);
    if (r->rows == *limit)
        jw_kint(&w, "next", db_int(r, r->rows - 1, ID));
    else
        jw_knull(&w, "next");
    api_finish(a, &b, &w);
}

void handle_audit(struct api *a)
{
    int64_t *limit = arena_alloc(&a->arena, sizeof *limit), before;
    char limit_text[DB_INT_TEXT], before_text[DB_INT_TEXT];
    struct str actor = api_param(a, "actor"), action = api_param(a, "action");
    a->state = limit;
    if (!api_param_int(a, "limit", 1, 200, 50, limit) ||
        !api_param_int(a, "before", 1, INT64_MAX, 0, &before))
        return;
    struct str params[] = {
        before ? db_int_param(before, before_text) : db_null(),
        db_int_param(*limit, limit_text),
        actor.n > 0 ? actor : db_null(),
        action.n > 0 ? action : db_null(),
    };
    api_query(a, &LIST, params, ARRAY_LEN(params), on_rows);
}
