/* mailer.jobs.show: one mail with everything that happened to it. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "mailer/app.h"
#include "mailer/handlers.h"
#include "mailer/job_row.h"

enum { REPLY_MAX = 2 * 1024 * 1024 };

static const struct db_stmt JOB_SHOW = { "job_show", DB_LIST };

/* The columns of job_show.sql behind those of a job. */
enum show_column {
    COL_TRACE = JOB_COLUMNS,
    COL_MESSAGE_ID,
    COL_PARAMS,
    COL_DATE_US,
    COL_EXPIRES_US,
    COL_EVENT_CREATED,
    COL_PUBLISHED,
    COL_RECEIVED,
    COL_SEQ,
    COL_EVENT_TYPE,
    COL_LEASE,
    COL_PHASE,
    COL_UNCERTAIN,
    COL_CRASHES,
    COL_LIVES,
    COL_FORGIVEN,
    COL_ACTIONS,
    TRY_AT,
    TRY_WORKER,
    TRY_PHASE,
    TRY_CODE,
    TRY_TEXT,
    TRY_DURATION,
    TRY_NUMBER,
    TRY_DIALOGUE,
    TRY_ENDED,
};

static bool is_state(const struct db_result *r, const char *state)
{
    return str_eq(db_text(r, 0, JOB_STATE), str_of(state));
}

/* --- timeline ---------------------------------------------------------------------- */

static void write_moment(struct jsonw *w, const struct db_result *r, int at,
                         const char *what, const char *who, const char *text)
{
    if (db_is_null(r, 0, at))
        return;
    jw_object(w);
    row_text(w, "at", r, 0, at);
    jw_kcstr(w, "what", what);
    jw_kcstr(w, "who", who);
    jw_kcstr(w, "text", text);
    jw_object_end(w);
}

static void write_try(struct jsonw *w, const struct db_result *r, int row)
{
    bool lost = str_eq(db_text(r, row, TRY_PHASE), STR("lost"));
    struct str phase = db_text(r, row, TRY_PHASE), said = db_text(r, row, TRY_TEXT);
    AUTO_FREE char *text =
        xasprintf("attempt %d, %.*s%s%.*s", (int)db_int(r, row, TRY_NUMBER),
                  STR_ARG(phase), said.n ? ": " : "", STR_ARG(said));
    jw_object(w);
    row_text(w, "at", r, row, TRY_AT);
    jw_kcstr(w, "what", lost ? "lost" : "attempt");
    row_text(w, "who", r, row, TRY_WORKER);
    jw_kcstr(w, "text", text);
    row_int(w, "code", r, row, TRY_CODE);
    row_int(w, "duration_ms", r, row, TRY_DURATION);
    jw_object_end(w);
}

static void write_end(struct jsonw *w, const struct db_result *r, int at,
                      const char *what)
{
    jw_object(w);
    row_text(w, "at", r, 0, at);
    jw_kcstr(w, "what", what);
    row_text(w, "who", r, 0, JOB_WORKER);
    row_text(w, "text", r, 0, JOB_ERROR);
    row_int(w, "code", r, 0, JOB_CODE);
    jw_object_end(w);
}

/* The last attempt when it was put off; one that an operator's retry came after was not.
 */
static void write_deferral(struct jsonw *w, const struct db_result *r)
{
    int last = r->rows - 1;
    if (db_int(r, last, TRY_NUMBER) <= db_int(r, 0, COL_FORGIVEN))
        return;
    jw_object(w);
    row_text(w, "at", r, last, TRY_ENDED);
    jw_kcstr(w, "what", "deferred");
    row_text(w, "who", r, last, TRY_WORKER);
    row_text(w, "text", r, last, TRY_TEXT);
    row_int(w, "code", r, last, TRY_CODE);
    jw_object_end(w);
}

/* What the job came to: its end, who has it now, or when it is tried next. */
static void write_present(struct jsonw *w, const struct db_result *r)
{
    if (is_state(r, "leased"))
        write_moment(w, r, JOB_CLAIMED, "claimed", NULL, NULL);
    else if (is_state(r, "ready") && !db_is_null(r, 0, TRY_AT)) {
        write_deferral(w, r);
        write_moment(w, r, JOB_RUN, "next", NULL, NULL);
    } else if (!db_is_null(r, 0, JOB_FINISHED)) {
        AUTO_FREE char *state =
            xstrndup(db_text(r, 0, JOB_STATE).p, db_text(r, 0, JOB_STATE).n);
        write_end(w, r, JOB_FINISHED, state);
    }
}

static void write_timeline(struct jsonw *w, const struct db_result *r)
{
    AUTO_FREE char *event = xasprintf("event %lld", (long long)db_int(r, 0, COL_SEQ));
    bool registered = str_eq(db_text(r, 0, COL_EVENT_TYPE), STR("user.registered"));
    jw_key(w, "timeline");
    jw_array(w);
    write_moment(w, r, COL_EVENT_CREATED, registered ? "registered" : "requested", "auth",
                 NULL);
    write_moment(w, r, COL_PUBLISHED, "published", "auth", event);
    write_moment(w, r, COL_RECEIVED, "received", "mailer", event);
    for (int i = 0; i < r->rows; i++)
        if (!db_is_null(r, i, TRY_AT))
            write_try(w, r, i);
    write_present(w, r);
    jw_array_end(w);
}

/* --- the rest ---------------------------------------------------------------------- */

static void write_attempts(struct jsonw *w, const struct db_result *r)
{
    jw_key(w, "attempts");
    jw_array(w);
    for (int i = 0; i < r->rows; i++) {
        if (db_is_null(r, i, TRY_AT))
            continue;
        jw_object(w);
        row_int(w, "attempt", r, i, TRY_NUMBER);
        row_text(w, "at", r, i, TRY_AT);
        row_text(w, "worker", r, i, TRY_WORKER);
        row_text(w, "phase", r, i, TRY_PHASE);
        row_int(w, "code", r, i, TRY_CODE);
        row_text(w, "text", r, i, TRY_TEXT);
        row_int(w, "duration_ms", r, i, TRY_DURATION);
        jw_kraw(w, "dialogue",
                db_is_null(r, i, TRY_DIALOGUE) ? STR("[]") : db_text(r, i, TRY_DIALOGUE));
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_headers(struct jsonw *w, const struct letter_view *view,
                          const struct db_result *r)
{
    char date[40];
    jw_key(w, "headers");
    jw_object(w);
    jw_kstr(w, "From", view->from);
    row_text(w, "To", r, 0, JOB_RECIPIENT);
    jw_kstr(w, "Subject", view->subject);
    jw_kcstr(w, "Date", clock_mail_date(db_int(r, 0, COL_DATE_US), date));
    row_text(w, "Message-ID", r, 0, COL_MESSAGE_ID);
    jw_object_end(w);
}

static void write_preview(struct jsonw *w, struct call *c, const struct db_result *r)
{
    const struct mailer_app *app = c->app;
    struct letter_view view;
    struct letter_job job = {
        .job_id = db_text(r, 0, JOB_ID),
        .template = db_text(r, 0, JOB_TEMPLATE),
        .params = db_text(r, 0, COL_PARAMS),
        .date_us = db_int(r, 0, COL_DATE_US),
        .expires_us = db_int(r, 0, COL_EXPIRES_US),
    };
    if (!letter_preview(app->letters, &job, &c->arena, &view))
        return;
    jw_kstr(w, "subject", view.subject);
    jw_kstr(w, "preview", view.text);
    jw_kstr(w, "preview_html", view.html);
    write_headers(w, &view, r);
}

/* Why jobs.retry and jobs.revoke would refuse: the rules of job_retry.sql and
 * job_revoke.sql, for buttons. */
static void write_possible(struct jsonw *w, const struct db_result *r)
{
    bool lives = db_bool(r, 0, COL_LIVES);
    bool given_up =
        is_state(r, "dead") || is_state(r, "expired") || is_state(r, "revoked");
    jw_kbool(w, "can_retry", lives && (given_up || is_state(r, "ready")));
    jw_kbool(w, "can_revoke", is_state(r, "ready"));
}

static void write_job(struct jsonw *w, struct call *c, const struct db_result *r)
{
    jw_object(w);
    job_row_write(w, r, 0);
    row_text(w, "trace_id", r, 0, COL_TRACE);
    row_text(w, "message_id", r, 0, COL_MESSAGE_ID);
    row_text(w, "event_type", r, 0, COL_EVENT_TYPE);
    row_int(w, "event_seq", r, 0, COL_SEQ);
    row_text(w, "lease_until", r, 0, COL_LEASE);
    row_text(w, "last_phase", r, 0, COL_PHASE);
    row_int(w, "uncertain", r, 0, COL_UNCERTAIN);
    row_int(w, "crashes", r, 0, COL_CRASHES);
    write_possible(w, r);
    write_preview(w, c, r);
    write_attempts(w, r);
    write_timeline(w, r);
    jw_kraw(w, "actions",
            db_is_null(r, 0, COL_ACTIONS) ? STR("[]") : db_text(r, 0, COL_ACTIONS));
    jw_object_end(w);
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
    write_job(&w, c, r);
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
