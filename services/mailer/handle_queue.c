/* mailer.queue.*: how the queue stands, and what all replicas are to obey. */
#include <stdio.h>

#include "base/mem.h"
#include "mailer/app.h"
#include "mailer/handlers.h"
#include "mailer/job_row.h"
#include "mailer/smtp.h"
#include "svc/log.h"

enum { REPLY_MAX = 64 * 1024 };

static const struct db_stmt QUEUE_READ = { "queue_read", DB_WRITE };
static const struct db_stmt QUEUE_PAUSE = { "queue_pause", DB_WRITE };
static const struct db_stmt QUEUE_CHANGE = { "queue_change", DB_WRITE };

enum read_column {
    COL_PAUSED,
    COL_PAUSED_BY,
    COL_PAUSED_WHY,
    COL_PAUSED_AT,
    COL_CONNECTIONS,
    COL_PER_MINUTE,
    COL_CHANGED_BY,
    COL_CHANGED_AT,
};

/* --- status ------------------------------------------------------------------------ */

static void on_status(void *arg, const struct db_result *r)
{
    struct call *c = arg;
    const struct mailer_app *app = c->app;
    AUTO_BUF struct buf out = { .max = REPLY_MAX };
    struct jsonw w;
    if (r->status != DB_OK || r->rows != 1 || !app->queue) {
        call_fail(c, r->status != DB_OK ? db_err(&QUEUE_READ, r) : ERR_UNAVAILABLE);
        return;
    }
    jw_begin(&w, &out);
    jw_object(&w);
    jw_kbool(&w, "paused", db_bool(r, 0, COL_PAUSED));
    row_text(&w, "paused_by", r, 0, COL_PAUSED_BY);
    row_text(&w, "paused_why", r, 0, COL_PAUSED_WHY);
    row_text(&w, "paused_at", r, 0, COL_PAUSED_AT);
    row_int(&w, "connections", r, 0, COL_CONNECTIONS);
    jw_kint(&w, "connections_default", app->cfg->connections);
    row_int(&w, "per_minute", r, 0, COL_PER_MINUTE);
    row_text(&w, "changed_by", r, 0, COL_CHANGED_BY);
    row_text(&w, "changed_at", r, 0, COL_CHANGED_AT);
    mailer_queue_status(app->queue, &w);
    jw_object_end(&w);
    jw_end(&w);
    call_reply(c, 0, buf_get(&out));
}

void mailer_handle_queue_status(struct call *c)
{
    db_query(c->svc->db, &QUEUE_READ, NULL, 0, call_budget_ms(c), on_status, c);
}

/* --- pause and resume -------------------------------------------------------------- */

static void write_action(struct jsonw *w, const struct db_result *r, int col)
{
    row_int(w, "action_id", r, 0, col);
}

static void on_paused(void *arg, const struct db_result *r)
{
    struct call *c = arg;
    const struct mailer_app *app = c->app;
    AUTO_BUF struct buf out = { .max = 1024 };
    struct jsonw w;
    if (r->status != DB_OK || r->rows != 1) {
        call_fail(c, db_err(&QUEUE_PAUSE, r));
        return;
    }
    bool was = db_bool(r, 0, 0), changed = db_bool(r, 0, 1);
    jw_begin(&w, &out);
    jw_object(&w);
    jw_kbool(&w, "paused", was != changed);
    jw_kbool(&w, "changed", changed);
    write_action(&w, r, 2);
    jw_object_end(&w);
    jw_end(&w);
    if (changed)
        log_warn("desk", was ? "the queue was resumed" : "the queue was paused",
                 F_SLICE("actor", values_get(&c->body, "actor")->s));
    call_reply(c, 0, buf_get(&out));
    mailer_queue_changed(app->queue);
}

static void set_paused(struct call *c, struct str paused)
{
    if (!call_body(c, SCHEMA_FULL))
        return;
    struct str params[] = { paused, values_get(&c->body, "actor")->s,
                            values_get(&c->body, "reason")->s };
    db_query(c->svc->db, &QUEUE_PAUSE, params, ARRAY_LEN(params), call_budget_ms(c),
             on_paused, c);
}

void mailer_handle_queue_pause(struct call *c)
{
    set_paused(c, STR("true"));
}

void mailer_handle_queue_resume(struct call *c)
{
    set_paused(c, STR("false"));
}

/* --- settings ---------------------------------------------------------------------- */

enum change_column {
    NOW_CONNECTIONS,
    NOW_PER_MINUTE,
    CHANGE_ACTION,
    WAS_CONNECTIONS,
    WAS_PER_MINUTE,
};

static void on_changed(void *arg, const struct db_result *r)
{
    struct call *c = arg;
    const struct mailer_app *app = c->app;
    AUTO_BUF struct buf out = { .max = 1024 };
    struct jsonw w;
    if (r->status != DB_OK || r->rows != 1) {
        call_fail(c, db_err(&QUEUE_CHANGE, r));
        return;
    }
    jw_begin(&w, &out);
    jw_object(&w);
    row_int(&w, "connections", r, 0, NOW_CONNECTIONS);
    jw_kint(&w, "connections_default", app->cfg->connections);
    row_int(&w, "per_minute", r, 0, NOW_PER_MINUTE);
    jw_key(&w, "before");
    jw_object(&w);
    row_int(&w, "connections", r, 0, WAS_CONNECTIONS);
    row_int(&w, "per_minute", r, 0, WAS_PER_MINUTE);
    jw_object_end(&w);
    write_action(&w, r, CHANGE_ACTION);
    jw_object_end(&w);
    jw_end(&w);
    log_info("desk", "the queue's settings were changed",
             F_SLICE("actor", values_get(&c->body, "actor")->s),
             F_INT("connections", db_int(r, 0, NOW_CONNECTIONS)),
             F_INT("per_minute", db_int(r, 0, NOW_PER_MINUTE)));
    call_reply(c, 0, buf_get(&out));
    mailer_queue_changed(app->queue);
}

static bool is_given(const struct call *c, const char *name)
{
    enum value_kind kind = values_get(&c->body, name)->kind;
    return kind == VALUE_INT || kind == VALUE_NULL;
}

static void write_change(struct call *c, struct buf *change)
{
    static const char *const NAMES[] = { "connections", "connections_by", "per_minute" };
    struct jsonw w;
    jw_begin(&w, change);
    jw_object(&w);
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        const struct value *v = values_get(&c->body, NAMES[i]);
        if (v->kind == VALUE_INT)
            jw_kint(&w, NAMES[i], v->i);
        else if (v->kind == VALUE_NULL)
            jw_knull(&w, NAMES[i]);
    }
    jw_object_end(&w);
    jw_end(&w);
}

void mailer_handle_queue_settings(struct call *c)
{
    const struct mailer_app *app = c->app;
    AUTO_BUF struct buf change = { .max = 256 };
    char configured[DB_INT_TEXT], most[DB_INT_TEXT];
    if (!call_body(c, SCHEMA_FULL))
        return;
    if (is_given(c, "connections") && is_given(c, "connections_by")) {
        call_fail_field(c, "connections_by", "Not beside connections.");
        return;
    }
    write_change(c, &change);
    struct str params[] = { buf_get(&change), values_get(&c->body, "actor")->s,
                            values_get(&c->body, "reason")->s,
                            db_int_param(app->cfg->connections, configured),
                            db_int_param(SMTP_CONNECTIONS_MAX, most) };
    db_query(c->svc->db, &QUEUE_CHANGE, params, ARRAY_LEN(params), call_budget_ms(c),
             on_changed, c);
}
