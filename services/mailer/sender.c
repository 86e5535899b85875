#include "mailer/sender.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "mailer/app.h"
#include "svc/log.h"
#include "svc/metrics.h"
#include "svc/telemetry.h"

enum {
    MAIL_MAX = 512 * 1024,
    DIALOGUE_MAX = 16 * 1024,
    RENEW_TIMEOUT_MS = 5000,
    FINISH_TIMEOUT_MS = 5000,
    FINISH_RETRY_MS = 1000,
    NO_LIMIT = 1000000,
};

static const struct db_stmt JOB_RENEW = { "job_renew", DB_WRITE };
static const struct db_stmt JOB_FINISH = { "job_finish", DB_WRITE };

enum claim_column {
    COL_JOB,
    COL_TOKEN,
    COL_TEMPLATE,
    COL_RECIPIENT,
    COL_PARAMS,
    COL_SEALED,
    COL_MESSAGE_ID,
    COL_ATTEMPT,
    COL_DATE,
    COL_EXPIRES,
    COL_REQUEST,
    COL_TRACE,
    COL_EVENT,
    COL_TRIES,
};

struct mailer_sender {
    struct mailer_app *app;
    struct sender_owner owner;
    bool busy, stopped;
    struct arena arena; /* of the mail in hand */
    struct letter_job job;
    struct str token, event_id, trace_id;
    int attempt, tries; /* tries: attempts since an operator's retry */
    struct buf mail;
    int64_t lease_end_ms, started_us, duration_us;
    struct smtp_send *send; /* stands before its body */
    bool renewing;          /* the lease's renewal is under way */
    int64_t renew_sent_ms;
    bool ended; /* the result is there, waiting for the renewal's answer */
    struct mail_result result;
    struct mail_verdict verdict;
    int64_t rest_ms;
    bool repeated; /* the end was sent before and no answer came */
    struct loop_timer *again;
    struct metric *outcomes[ACTION_DROP + 1], *duration, *age;
};

static const char *const ACTIONS[] = {
    [ACTION_SENT] = "sent",       [ACTION_RETRY] = "retry",  [ACTION_DEAD] = "dead",
    [ACTION_RELEASE] = "release", [ACTION_DROP] = "release",
};

/* --- what others hear -------------------------------------------------------------- */

/* A hint for the dashboard: nothing secret, no recipient. */
static void tell(struct mailer_sender *s, const char *state, int attempt)
{
    struct buf b AUTO_BUF;
    struct jsonw w;
    buf_init(&b, 4096);
    jw_begin(&w, &b);
    jw_object(&w);
    jw_kstr(&w, "job_id", s->job.job_id);
    jw_kstr(&w, "event_id", s->event_id);
    jw_kstr(&w, "template", s->job.template);
    jw_kcstr(&w, "state", state);
    jw_kint(&w, "attempt", attempt);
    jw_kint(&w, "code", s->result.code);
    jw_kcstr(&w, "worker", s->app->svc->instance);
    if (s->job.request_id.n > 0)
        jw_kstr(&w, "request_id", s->job.request_id);
    if (s->trace_id.n > 0)
        jw_kstr(&w, "trace_id", s->trace_id);
    jw_object_end(&w);
    jw_end(&w);
    telemetry_send(s->app->svc->telemetry, "job", buf_get(&b));
}

/* The server's words may quote the recipient, so they stay out of the log. */
static void log_result(struct mailer_sender *s, const char *state)
{
    const struct mail_result *r = &s->result;
    enum log_level level = s->verdict.action == ACTION_SENT ? LEVEL_INFO : LEVEL_WARN;
    LOG_AT(level, "mail", s->verdict.action == ACTION_SENT ? "sent" : "not sent",
           F_SLICE("job_id", s->job.job_id), F_SLICE("template", s->job.template),
           F_STR("state", state), F_INT("attempt", s->attempt),
           F_STR("phase", mail_phase_name(r->phase)), F_INT("code", r->code),
           F_BOOL("uncertain", s->verdict.uncertain),
           F_INT("duration_ms", s->duration_us / 1000),
           F_SLICE("request_id", s->job.request_id));
}

static void count(struct mailer_sender *s)
{
    metric_add(s->outcomes[s->verdict.action], 1);
    metric_observe_us(s->duration, s->duration_us);
    if (s->verdict.action == ACTION_SENT)
        metric_observe_us(s->age, clock_wall_us() - s->job.date_us);
}

/* --- the end ----------------------------------------------------------------------- */

static void let_go(struct mailer_sender *s)
{
    arena_deinit(&s->arena);
    buf_deinit(&s->mail);
    s->busy = false;
    s->owner.free(s->owner.arg);
}

static void finish(void *arg);

static void try_again(struct mailer_sender *s)
{
    if (clock_mono_ms() + FINISH_RETRY_MS < s->lease_end_ms) {
        s->repeated = true;
        s->again = loop_timer(s->app->svc->loop, FINISH_RETRY_MS, 0, finish, s);
        return;
    }
    log_error("mail", "the end of a mail could not be written down",
              F_SLICE("job_id", s->job.job_id), F_STR("end", ACTIONS[s->verdict.action]));
    let_go(s);
}

static void on_finished(void *arg, const struct db_result *r)
{
    struct mailer_sender *s = arg;
    if (s->stopped)
        return;
    if (r->status != DB_OK) {
        try_again(s);
        return;
    }
    if (r->rows == 1) {
        AUTO_FREE char *state = xstrndup(db_text(r, 0, 0).p, db_text(r, 0, 0).n);
        log_result(s, state);
        tell(s, state, (int)db_int(r, 0, 1));
        count(s);
    } else if (!s->repeated) {
        log_warn("mail", "late_ack", F_SLICE("job_id", s->job.job_id),
                 F_STR("end", ACTIONS[s->verdict.action]));
    }
    let_go(s);
}

/* A server that was not there says nothing about a mail: only its expiry ends it. */
static int attempts_max(const struct mailer_sender *s)
{
    return s->verdict.no_start ? NO_LIMIT : VERDICT_ATTEMPTS_MAX;
}

static void write_dialogue(const struct mail_result *r, struct buf *out)
{
    struct jsonw w;
    jw_begin(&w, out);
    jw_array(&w);
    for (unsigned i = 0; i < r->nlines; i++) {
        jw_object(&w);
        jw_kint(&w, "ms", r->lines[i].at_ms);
        jw_kcstr(&w, "phase", mail_phase_name(r->lines[i].phase));
        jw_kcstr(&w, "text", r->lines[i].text);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_end(&w);
}

static void finish(void *arg)
{
    struct mailer_sender *s = arg;
    struct buf dialogue AUTO_BUF;
    char delay[DB_INT_TEXT], code[DB_INT_TEXT], ms[DB_INT_TEXT], most[DB_INT_TEXT];
    s->again = NULL;
    buf_init(&dialogue, DIALOGUE_MAX);
    write_dialogue(&s->result, &dialogue);
    struct str params[] = {
        s->job.job_id,
        s->token,
        str_of(ACTIONS[s->verdict.action]),
        db_int_param(s->rest_ms, delay),
        str_of(mail_phase_name(s->result.phase)),
        db_int_param(s->result.code, code),
        str_of(s->result.text),
        s->verdict.uncertain ? STR("1") : STR("0"),
        db_int_param(s->duration_us / 1000, ms),
        db_int_param(attempts_max(s), most),
        buf_get(&dialogue),
    };
    db_query(s->app->svc->db, &JOB_FINISH, params, ARRAY_LEN(params), FINISH_TIMEOUT_MS,
             on_finished, s);
}

static void judge(struct mailer_sender *s)
{
    uint32_t random;
    id_random(&random, sizeof random);
    s->ended = false;
    s->duration_us = clock_mono_us() - s->started_us;
    s->verdict = mail_verdict(&s->result);
    s->rest_ms = s->owner.result(s->owner.arg, &s->result, &s->verdict);
    if (s->verdict.action == ACTION_RETRY)
        s->rest_ms = mail_backoff_ms(s->tries, random);
    finish(s);
}

static void on_sent(void *arg, const struct mail_result *r)
{
    struct mailer_sender *s = arg;
    if (s->stopped)
        return;
    s->result = *r;
    s->send = NULL;
    s->ended = true;
    if (!s->renewing)
        judge(s);
}

/* --- the lease --------------------------------------------------------------------- */

static void on_renewed(void *arg, const struct db_result *r)
{
    struct mailer_sender *s = arg;
    bool ours = r->status == DB_OK && r->rows == 1;
    s->renewing = false;
    if (s->stopped)
        return;
    if (ours)
        s->lease_end_ms = s->renew_sent_ms + s->app->cfg->lease_ms;
    if (s->ended)
        judge(s); /* the connection broke meanwhile */
    else
        smtp_continue(s->send, ours);
}

static void on_ask(void *arg, struct smtp_send *send)
{
    struct mailer_sender *s = arg;
    char lease[DB_INT_TEXT];
    struct str params[] = { s->job.job_id, s->token,
                            db_int_param(s->app->cfg->lease_ms, lease) };
    s->send = send;
    s->renewing = true;
    s->renew_sent_ms = clock_mono_ms();
    db_query(s->app->svc->db, &JOB_RENEW, params, ARRAY_LEN(params), RENEW_TIMEOUT_MS,
             on_renewed, s);
}

/* --- the beginning ----------------------------------------------------------------- */

static void take_row(struct mailer_sender *s, const struct db_result *r, int row)
{
    struct arena *a = &s->arena;
    s->job = (struct letter_job){
        .job_id = arena_dup(a, db_text(r, row, COL_JOB)),
        .template = arena_dup(a, db_text(r, row, COL_TEMPLATE)),
        .recipient = arena_dup(a, db_text(r, row, COL_RECIPIENT)),
        .params = arena_dup(a, db_text(r, row, COL_PARAMS)),
        .sealed = arena_dup(a, db_text(r, row, COL_SEALED)),
        .message_id = arena_dup(a, db_text(r, row, COL_MESSAGE_ID)),
        .request_id = arena_dup(a, db_text(r, row, COL_REQUEST)),
        .date_us = db_int(r, row, COL_DATE),
        .expires_us = db_int(r, row, COL_EXPIRES),
    };
    s->token = arena_dup(a, db_text(r, row, COL_TOKEN));
    s->event_id = arena_dup(a, db_text(r, row, COL_EVENT));
    s->trace_id = arena_dup(a, db_text(r, row, COL_TRACE));
    s->attempt = (int)db_int(r, row, COL_ATTEMPT);
    s->tries = (int)db_int(r, row, COL_TRIES);
}

static void send_mail(struct mailer_sender *s)
{
    struct str to = { 0 };
    const char *why = letter_write(s->app->letters, &s->job, &s->arena, &s->mail, &to);
    if (why) {
        s->result.outcome = OUTCOME_FAILED;
        s->result.phase = PHASE_RENDER;
        snprintf(s->result.text, sizeof s->result.text, "%s", why);
        judge(s);
        return;
    }
    struct delivery d = {
        .mail = { letters_sender(s->app->letters), to, buf_get(&s->mail) },
        .job_id = s->job.job_id.p,
        .created_us = s->job.date_us,
    };
    backend_send(s->app->backend, &d, on_ask, on_sent, s);
}

void mailer_sender_start(struct mailer_sender *s, const struct db_result *r, int row,
                         int64_t claimed_ms)
{
    s->busy = true;
    s->repeated = s->ended = s->renewing = false;
    s->send = NULL;
    s->result = (struct mail_result){ 0 };
    s->lease_end_ms = claimed_ms + s->app->cfg->lease_ms;
    s->started_us = clock_mono_us();
    buf_init(&s->mail, MAIL_MAX);
    take_row(s, r, row);
    tell(s, "leased", s->attempt);
    send_mail(s);
}

static void make_metrics(struct mailer_sender *s)
{
    for (size_t i = 0; i < ARRAY_LEN(ACTIONS); i++) {
        AUTO_FREE char *label = xasprintf("end=\"%s\"", ACTIONS[i]);
        s->outcomes[i] = metric_counter("mailer_attempts_total",
                                        "Delivery attempts by how they ended", label);
    }
    s->duration = metric_histogram("mailer_attempt_duration_seconds",
                                   "Time of a delivery attempt", "");
    s->age = metric_histogram("mailer_delivery_age_seconds",
                              "From the event to the accepted mail", "");
}

struct mailer_sender *mailer_sender_new(struct mailer_app *app,
                                        const struct sender_owner *owner)
{
    struct mailer_sender *s = xcalloc(1, sizeof *s);
    s->app = app;
    s->owner = *owner;
    make_metrics(s);
    return s;
}

bool mailer_sender_busy(const struct mailer_sender *s)
{
    return s->busy;
}

void mailer_sender_stop(struct mailer_sender *s)
{
    s->stopped = true;
    loop_timer_cancel(&s->again);
}
