#include "mailer/handle_jobs.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "mailer/app.h"

enum { REPLY_MAX = 1024 * 1024, CURSOR_TEXT = 64 };

static const struct db_stmt JOB_LIST = { "job_list", DB_LIST };
static const struct db_stmt JOB_COUNTS = { "job_counts", DB_LIST };
static const struct db_stmt JOB_SHOW = { "job_show", DB_LIST };

/* The first columns of job_list.sql and job_show.sql are the same. */
enum job_column {
    COL_JOB,
    COL_EVENT,
    COL_TEMPLATE,
    COL_RECIPIENT,
    COL_STATE,
    COL_ATTEMPT,
    COL_CREATED,
    COL_RUN_AT,
    COL_FINISHED,
    COL_CODE,
    COL_ERROR,
    COL_WORKER,
    LIST_CREATED_US,
    SHOW_MESSAGE_ID = LIST_CREATED_US,
    SHOW_REQUEST,
    SHOW_PARAMS,
    SHOW_EVENT_CREATED,
    SHOW_EXPIRES,
    SHOW_RECEIVED,
    SHOW_SEQ,
    TRY_AT,
    TRY_WORKER,
    TRY_PHASE,
    TRY_CODE,
    TRY_TEXT,
    TRY_DURATION,
    TRY_NUMBER,
};

static void write_text(struct jsonw *w, const char *key, const struct db_result *r,
                       int row, int col)
{
    if (db_is_null(r, row, col))
        jw_knull(w, key);
    else
        jw_kstr(w, key, db_text(r, row, col));
}

static void write_int(struct jsonw *w, const char *key, const struct db_result *r,
                      int row, int col)
{
    if (db_is_null(r, row, col))
        jw_knull(w, key);
    else
        jw_kint(w, key, db_int(r, row, col));
}

static void write_job(struct jsonw *w, const struct db_result *r, int row)
{
    write_text(w, "job_id", r, row, COL_JOB);
    write_text(w, "event_id", r, row, COL_EVENT);
    write_text(w, "template", r, row, COL_TEMPLATE);
    write_text(w, "recipient", r, row, COL_RECIPIENT);
    write_text(w, "state", r, row, COL_STATE);
    write_int(w, "attempt", r, row, COL_ATTEMPT);
    write_text(w, "created_at", r, row, COL_CREATED);
    write_text(w, "run_at", r, row, COL_RUN_AT);
    write_text(w, "finished_at", r, row, COL_FINISHED);
    write_int(w, "last_code", r, row, COL_CODE);
    write_text(w, "last_error", r, row, COL_ERROR);
    write_text(w, "worker", r, row, COL_WORKER);
}

/* --- list -------------------------------------------------------------------------- */

/* A list call between its two queries. Lives in the call's arena. */
struct listing {
    struct call *call;
    int64_t limit;
    struct buf jobs;
    char next[CURSOR_TEXT];
    struct str before_us, before_id;
};

static void on_counts(void *arg, const struct db_result *r)
{
    struct listing *l = arg;
    struct buf out AUTO_BUF;
    struct jsonw w;
    buf_init(&out, REPLY_MAX);
    if (r->status != DB_OK) {
        buf_deinit(&l->jobs);
        call_fail(l->call, db_err(&JOB_COUNTS, r));
        return;
    }
    jw_begin(&w, &out);
    jw_object(&w);
    jw_kraw(&w, "jobs", buf_get(&l->jobs));
    jw_kcstr(&w, "next", l->next[0] ? l->next : NULL);
    jw_key(&w, "counts");
    jw_object(&w);
    for (int i = 0; i < r->rows; i++) {
        AUTO_FREE char *state = xstrndup(db_text(r, i, 0).p, db_text(r, i, 0).n);
        jw_kint(&w, state, db_int(r, i, 1));
    }
    jw_object_end(&w);
    jw_object_end(&w);
    jw_end(&w);
    buf_deinit(&l->jobs);
    call_reply(l->call, 0, buf_get(&out));
}

/* One row more than asked for was read: it says whether there is a next page. */
static void note_next(struct listing *l, const struct db_result *r)
{
    if (r->rows <= l->limit)
        return;
    int last = (int)l->limit - 1;
    snprintf(l->next, sizeof l->next, "%lld.%.*s",
             (long long)db_int(r, last, LIST_CREATED_US),
             STR_ARG(db_text(r, last, COL_JOB)));
}

static void on_list(void *arg, const struct db_result *r)
{
    struct listing *l = arg;
    struct jsonw w;
    if (r->status != DB_OK) {
        call_fail(l->call, db_err(&JOB_LIST, r));
        return;
    }
    buf_init(&l->jobs, REPLY_MAX);
    jw_begin(&w, &l->jobs);
    jw_array(&w);
    for (int i = 0; i < r->rows && i < l->limit; i++) {
        jw_object(&w);
        write_job(&w, r, i);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_end(&w);
    note_next(l, r);
    db_query(l->call->svc->db, &JOB_COUNTS, NULL, 0, call_budget_ms(l->call), on_counts,
             l);
}

/* "<microseconds>.<job id>", as `next` gave it. */
static bool parse_before(struct listing *l, struct str before)
{
    int64_t us;
    uint8_t id[16];
    struct str rest = before;
    l->before_us = str_cut(&rest, '.');
    l->before_id = rest;
    return str_to_i64(l->before_us, &us) && us >= 0 && us < INT64_C(1) << 60 &&
           id_uuid_parse(rest, id);
}

static struct str text_or_null(struct call *c, const char *name)
{
    const struct value *v = values_get(&c->body, name);
    return v->kind == VALUE_STR && v->s.n > 0 ? v->s : db_null();
}

void mailer_handle_jobs_list(struct call *c)
{
    char limit[DB_INT_TEXT];
    if (!call_body(c, SCHEMA_FULL))
        return;
    struct listing *l = arena_alloc(&c->arena, sizeof *l);
    const struct value *wanted = values_get(&c->body, "limit");
    struct str before = text_or_null(c, "before");
    l->call = c;
    l->limit = wanted->kind == VALUE_INT ? wanted->i : 50;
    if (before.p && !parse_before(l, before)) {
        call_fail_field(c, "before", "This is not the `next` of another page.");
        return;
    }
    struct str params[] = { text_or_null(c, "state"), text_or_null(c, "search"),
                            l->before_us, l->before_id,
                            db_int_param(l->limit + 1, limit) };
    db_query(c->svc->db, &JOB_LIST, params, ARRAY_LEN(params), call_budget_ms(c), on_list,
             l);
}

/* --- show -------------------------------------------------------------------------- */

static void write_moment(struct jsonw *w, struct str at, const char *what,
                         const char *who)
{
    if (at.n == 0)
        return;
    jw_object(w);
    jw_kstr(w, "at", at);
    jw_kcstr(w, "what", what);
    jw_kcstr(w, "who", who);
    jw_object_end(w);
}

static void write_received(struct jsonw *w, const struct db_result *r)
{
    char text[48];
    if (db_is_null(r, 0, SHOW_RECEIVED))
        return;
    snprintf(text, sizeof text, "event %lld", (long long)db_int(r, 0, SHOW_SEQ));
    jw_object(w);
    write_text(w, "at", r, 0, SHOW_RECEIVED);
    jw_kcstr(w, "what", "received");
    jw_kcstr(w, "who", "mailer");
    jw_kcstr(w, "text", text);
    jw_object_end(w);
}

static void write_attempt(struct jsonw *w, const struct db_result *r, int row)
{
    struct str phase = db_text(r, row, TRY_PHASE), said = db_text(r, row, TRY_TEXT);
    AUTO_FREE char *text =
        xasprintf("attempt %d, %.*s%s%.*s", (int)db_int(r, row, TRY_NUMBER),
                  STR_ARG(phase), said.n ? ": " : "", STR_ARG(said));
    jw_object(w);
    write_text(w, "at", r, row, TRY_AT);
    jw_kcstr(w, "what", "attempt");
    write_text(w, "who", r, row, TRY_WORKER);
    jw_kcstr(w, "text", text);
    write_int(w, "code", r, row, TRY_CODE);
    write_int(w, "duration_ms", r, row, TRY_DURATION);
    jw_object_end(w);
}

/* What the job came to: its end, or when it is tried next. */
static void write_present(struct jsonw *w, const struct db_result *r)
{
    struct str state = db_text(r, 0, COL_STATE);
    bool over = !db_is_null(r, 0, COL_FINISHED);
    bool tried = !db_is_null(r, 0, TRY_AT);
    const char *what = str_eq(state, STR("leased")) ? "claimed" : "deferred";
    if (!over && !tried && !str_eq(state, STR("leased")))
        return;
    jw_object(w);
    write_text(w, "at", r, 0, over ? COL_FINISHED : COL_RUN_AT);
    if (over)
        jw_kstr(w, "what", state);
    else
        jw_kcstr(w, "what", what);
    write_text(w, "who", r, 0, COL_WORKER);
    write_text(w, "text", r, 0, COL_ERROR);
    write_int(w, "code", r, 0, COL_CODE);
    jw_object_end(w);
}

static void write_timeline(struct jsonw *w, const struct db_result *r)
{
    jw_key(w, "timeline");
    jw_array(w);
    write_moment(w, db_text(r, 0, SHOW_EVENT_CREATED), "registered", "auth");
    write_received(w, r);
    for (int i = 0; i < r->rows; i++)
        if (!db_is_null(r, i, TRY_AT))
            write_attempt(w, r, i);
    write_present(w, r);
    jw_array_end(w);
}

static void write_preview(struct jsonw *w, const struct mailer_app *app,
                          const struct db_result *r)
{
    struct buf subject AUTO_BUF, text AUTO_BUF;
    struct letter_job job = {
        .job_id = db_text(r, 0, COL_JOB),
        .template = db_text(r, 0, COL_TEMPLATE),
        .params = db_text(r, 0, SHOW_PARAMS),
        .expires_us = db_int(r, 0, SHOW_EXPIRES),
    };
    buf_init(&subject, 64 * 1024);
    buf_init(&text, 64 * 1024);
    if (!letter_preview(app->letters, &job, &subject, &text))
        return;
    jw_kstr(w, "subject", buf_get(&subject));
    jw_kstr(w, "preview", buf_get(&text));
}

static void on_show(void *arg, const struct db_result *r)
{
    struct call *c = arg;
    struct buf out AUTO_BUF;
    struct jsonw w;
    buf_init(&out, REPLY_MAX);
    if (r->status != DB_OK || r->rows == 0) {
        call_fail(c, r->status != DB_OK ? db_err(&JOB_SHOW, r) : ERR_NOT_FOUND);
        return;
    }
    jw_begin(&w, &out);
    jw_object(&w);
    write_job(&w, r, 0);
    write_text(&w, "message_id", r, 0, SHOW_MESSAGE_ID);
    write_text(&w, "request_id", r, 0, SHOW_REQUEST);
    write_preview(&w, c->app, r);
    write_timeline(&w, r);
    jw_object_end(&w);
    jw_end(&w);
    call_reply(c, 0, buf_get(&out));
}

void mailer_handle_jobs_show(struct call *c)
{
    if (!call_body(c, SCHEMA_FULL))
        return;
    struct str id = values_get(&c->body, "job_id")->s;
    db_query(c->svc->db, &JOB_SHOW, &id, 1, call_budget_ms(c), on_show, c);
}
