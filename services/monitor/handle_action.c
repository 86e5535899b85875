/* POST /api/actions/{action}: the table, the frame around each action. */
#include <string.h>

#include "monitor/action.h"
#include "monitor/app.h"
#include "monitor/audit.h"
#include "monitor/watch.h"

enum { REASON_MIN = 3, REASON_MAX = 300 };

static const char *const MAILS[] = { "ids", "q", NULL };
static const char *const NOTHING[] = { NULL };
static const char *const SETTINGS[] = { "connections", "per_minute", NULL };
static const char *const USER[] = { "user_id", NULL };
static const char *const ADDRESS[] = { "user_id", "email", NULL };
static const char *const POOL[] = { "instance", "size", "by", NULL };
static const char *const INSTANCE[] = { "instance", NULL };
static const char *const LEVELS[] = { "instance", "levels", NULL };

static const struct action_row ROWS[] = {
    { "mails.retry", MAILS, action_check_mails, action_run_mails, "mailer.jobs.retry" },
    { "mails.revoke", MAILS, action_check_mails, action_run_mails, "mailer.jobs.revoke" },
    { "queue.pause", NOTHING, action_check_queue, action_run_queue,
      "mailer.queue.pause" },
    { "queue.resume", NOTHING, action_check_queue, action_run_queue,
      "mailer.queue.resume" },
    { "queue.settings", SETTINGS, action_check_settings, action_run_settings,
      "mailer.queue.settings" },
    { "replica.drain", INSTANCE, action_check_replica, action_run_replica,
      "control.drain" },
    { "replica.resume", INSTANCE, action_check_replica, action_run_replica,
      "control.resume" },
    { "replica.log_level", LEVELS, action_check_replica, action_run_replica,
      "control.log_level" },
    { "mails.resend", USER, action_check_user, action_run_user,
      "auth.users.resend_verification" },
    { "mails.correct", ADDRESS, action_check_user, action_run_user,
      "auth.users.correct_email" },
    { "replica.pool", POOL, action_check_pool, action_run_settings,
      "mailer.queue.settings" },
    { "replica.forget", INSTANCE, action_check_replica, action_run_forget, NULL },
};

/* ---- answers ---- */

static void release(struct action *act)
{
    json_decref(act->ids);
    json_decref(act->sample);
    act->ids = act->sample = NULL;
}

static void write_sample(const struct action *act, struct jsonw *w)
{
    AUTO_FREE char *text = act->sample ? json_dumps(act->sample, JSON_COMPACT) : NULL;
    jw_kraw(w, "sample", text ? str_of(text) : STR("[]"));
}

static void write_undo(const struct action *act, struct jsonw *w)
{
    if (!act->undo_action) {
        jw_knull(w, "undo");
        return;
    }
    jw_key(w, "undo");
    jw_object(w);
    jw_kcstr(w, "action", act->undo_action);
    jw_kraw(w, "body", str_of(act->undo_body));
    jw_kcstr(w, "label", act->undo_label);
    jw_object_end(w);
}

bool action_is_flower(const struct api *a)
{
    return strcmp(a->route->path, "/api/actions/") != 0;
}

static void answer_done(struct api *a, const struct action *act)
{
    struct buf b;
    struct jsonw w;
    api_begin(&b, &w);
    if (action_is_flower(a)) {
        jw_kcstr(&w, "message", act->summary);
    } else if (act->preview) {
        jw_kbool(&w, "preview", true);
        jw_kcstr(&w, "title", act->title);
        jw_kcstr(&w, "summary", act->summary);
        jw_kint(&w, "count", act->count);
        jw_kint(&w, "skipped", act->skipped);
        write_sample(act, &w);
    } else {
        jw_kbool(&w, "done", true);
        jw_kcstr(&w, "summary", act->summary);
        jw_kint(&w, "count", act->count);
        jw_kint(&w, "skipped", act->skipped);
        jw_kint(&w, "audit_id", act->audit_id);
        write_undo(act, &w);
    }
    api_finish(a, &b, &w);
}

void action_done(struct api *a, struct action *act)
{
    if (!act->preview) {
        audit_end(a->app, act->audit_id, "done", act->summary, act->count);
        watch_stale(a->app->watch);
    }
    json_t *ids = act->ids, *sample = act->sample; /* act goes with the answer */
    answer_done(a, act);
    json_decref(ids);
    json_decref(sample);
}

void action_failed(struct api *a, struct action *act, enum err e, const char *detail)
{
    if (act->audit_id)
        audit_end(a->app, act->audit_id, "failed", detail ? detail : err_info(e)->detail,
                  -1);
    release(act);
    if (action_is_flower(a))
        api_reply_as(a, e == ERR_NOT_FOUND ? 404 : 403, "text/plain; charset=utf-8",
                     str_of(detail ? detail : err_info(e)->detail));
    else
        api_fail(a, e, detail);
}

void action_failed_reply(struct api *a, struct action *act, const char *service,
                         enum err e, const struct frame *reply)
{
    if (action_is_flower(a)) {
        action_failed(a, act, e,
                      arena_printf(&a->arena, "%s: %s", service, err_info(e)->detail));
        return;
    }
    if (act->audit_id)
        audit_end(a->app, act->audit_id, "failed",
                  arena_printf(&a->arena, "%s: %s", service, err_info(e)->detail), -1);
    release(act);
    api_fail_reply(a, service, e, reply);
}

void action_begin_body(const struct api *a, const struct action *act, struct buf *b,
                       struct jsonw *w)
{
    buf_init(b, 128 * 1024);
    jw_begin(w, b);
    jw_object(w);
    jw_kcstr(w, "actor", a->who.name);
    jw_kcstr(w, "reason", act->preview ? "preview" : act->reason);
}

/* ---- the frame ---- */

static void on_recorded(struct api *a, int64_t id)
{
    struct action *act = a->state;
    act->audit_id = id;
    act->row->run(a, act);
}

static bool only_known(struct api *a, const struct action_row *row)
{
    const char *known[8] = { "reason", "preview" };
    for (size_t i = 0; row->members[i]; i++)
        known[i + 2] = row->members[i];
    return api_only(a, known);
}

static bool read_reason(struct api *a, struct action *act)
{
    const char *reason = api_text(a, "reason");
    struct str text = str_trim(str_of(reason));
    act->reason = arena_str(&a->arena, text);
    if (act->preview || (text.n >= REASON_MIN && text.n <= REASON_MAX))
        return true;
    api_fail_field(a, "reason", "Say why, in 3 to 300 characters.", -1);
    return false;
}

static const struct action_row *find_row(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++)
        if (str_eq(name, str_of(ROWS[i].name)))
            return &ROWS[i];
    return NULL;
}

static void start(struct api *a, const struct action_row *row)
{
    struct action *act = arena_alloc(&a->arena, sizeof *act);
    act->row = row;
    act->subject = "";
    act->preview = json_is_true(json_object_get(a->body, "preview"));
    a->state = act;
    if (!only_known(a, row) || !read_reason(a, act) || !row->check(a, act))
        return;
    if (act->preview)
        row->run(a, act);
    else
        audit_begin(a, row->name, act->subject, act->reason, on_recorded);
}

void handle_action(struct api *a)
{
    const struct action_row *row = find_row(a->rest);
    if (!row)
        api_fail(a, ERR_NOT_FOUND, "There is no such action.");
    else if (api_body(a))
        start(a, row);
}

void action_start(struct api *a, const char *name, json_t *body)
{
    a->body = body;
    start(a, find_row(str_of(name)));
}
