#include "mailer/sender.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "mailer/app.h"
#include "mailer/job_hint.h"
#include "svc/log.h"
#include "svc/metrics.h"

enum {
    MAIL_MAX = 512 * 1024,
    MAIL_USUAL = 6 * 1024,
    RENEW_TIMEOUT_MS = 5000,
    RETURN_TIMEOUT_MS = 5000,
    FINISH_RETRY_MS = 1000,
    NO_LIMIT = 1000000,
    ROW_MAX = 64 * 1024,
    YOUNG = 8, /* a lease is young in the first of so many parts of its time */
};

static const struct db_stmt JOB_RENEW = { "job_renew", DB_WRITE };
static const struct db_stmt JOB_RETURN = { "job_return", DB_WRITE };

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
    COL_SUSPECT,
};

struct mailer_sender {
    struct mailer_app *app;
    struct sender_owner owner;
    struct mailer_ends *ends;
    bool busy, suspect, stopped;
    struct arena arena; /* of the mail in hand */
    struct letter_job job;
    struct str token, event_id, trace_id;
    int attempt, tries; /* tries: attempts since an operator's retry */
    struct buf mail;
    int64_t claimed_ms, lease_end_ms; /* by clock_boot_ms */
    struct smtp_send *send;           /* by SMTP, until it is done */
    bool renewing;                    /* the lease's renewal is under way */
    int64_t renew_sent_ms;
    bool ended; /* the result is there, waiting for the renewal's answer */
    struct mail_result result;
    struct mail_verdict verdict;
    int64_t rest_ms;
    struct mail_end end;
    struct buf row; /* of the end */
    bool repeated;  /* the end was sent before and no answer came */
    struct loop_timer *again;
    struct metric *outcomes[ACTION_DROP + 1], *duration, *age;
};

static const char *const ACTIONS[] = {
    [ACTION_SENT] = "sent",       [ACTION_RETRY] = "retry",  [ACTION_DEAD] = "dead",
    [ACTION_RELEASE] = "release", [ACTION_DROP] = "release",
};

/* --- what others hear -------------------------------------------------------------- */

/* over: an attempt is. */
static void tell(struct mailer_sender *s, const char *state, int attempt, bool over)
{
    job_hint_send(s->app->svc, &(struct job_hint){ .job_id = s->job.job_id,
                                                   .template = s->job.template,
                                                   .state = str_of(state),
                                                   .attempt = attempt,
                                                   .worker = s->app->svc->instance,
                                                   .over = over,
                                                   .took_us = s->result.took_us,
                                                   .code = s->result.code,
                                                   .event_id = s->event_id,
                                                   .request_id = s->job.request_id,
                                                   .trace_id = s->trace_id });
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
           F_INT("duration_ms", s->result.took_us / 1000),
           F_SLICE("request_id", s->job.request_id));
}

static void count(struct mailer_sender *s)
{
    metric_add(s->outcomes[s->verdict.action], 1);
    metric_observe_us(s->duration, s->result.took_us);
    if (s->verdict.action == ACTION_SENT)
        metric_observe_us(s->age, clock_wall_us() - s->job.date_us);
}

/* --- the end ----------------------------------------------------------------------- */

static void let_go(struct mailer_sender *s)
{
    arena_deinit(&s->arena);
    buf_deinit(&s->mail);
    buf_deinit(&s->row);
    s->busy = s->suspect = false;
    s->owner.free(s->owner.arg, s);
}

static void write_end(void *arg)
{
    struct mailer_sender *s = arg;
    s->again = NULL;
    mailer_ends_write(s->ends, &s->end);
}

static void try_again(struct mailer_sender *s)
{
    if (clock_boot_ms() + FINISH_RETRY_MS < s->lease_end_ms) {
        s->repeated = true;
        s->again = loop_timer(s->app->svc->loop, FINISH_RETRY_MS, 0, write_end, s);
        return;
    }
    log_error("mail", "the end of a mail could not be written down",
              F_SLICE("job_id", s->job.job_id), F_STR("end", ACTIONS[s->verdict.action]));
    let_go(s);
}

static void on_written(void *arg, const struct end_answer *a)
{
    struct mailer_sender *s = arg;
    if (s->stopped)
        return;
    if (a->status != DB_OK) {
        try_again(s);
        return;
    }
    if (a->state.n > 0) {
        const char *state = arena_str(&s->arena, a->state);
        log_result(s, state);
        tell(s, state, a->attempt, true);
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

static void write_dialogue(const struct mail_result *r, struct jsonw *w)
{
    jw_key(w, "dialogue");
    jw_array(w);
    for (unsigned i = 0; i < r->nlines; i++) {
        jw_object(w);
        jw_kint(w, "ms", r->lines[i].at_ms);
        jw_kcstr(w, "phase", mail_phase_name(r->lines[i].phase));
        jw_kcstr(w, "text", r->lines[i].text);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void finish(struct mailer_sender *s)
{
    const struct mail_result *r = &s->result;
    struct jsonw w;
    jw_begin(&w, &s->row);
    jw_object(&w);
    jw_kstr(&w, "job", s->job.job_id);
    jw_kstr(&w, "token", s->token);
    jw_kcstr(&w, "how", ACTIONS[s->verdict.action]);
    jw_kint(&w, "delay", s->rest_ms);
    jw_kcstr(&w, "phase", mail_phase_name(r->phase));
    jw_kint(&w, "code", r->code);
    jw_kcstr(&w, "text", r->text);
    jw_kint(&w, "uncertain", s->verdict.uncertain);
    jw_kint(&w, "ms", r->took_us / 1000);
    jw_kint(&w, "most", attempts_max(s));
    write_dialogue(r, &w);
    jw_object_end(&w);
    jw_end(&w);
    s->end = (struct mail_end){
        .job_id = s->job.job_id, .row = buf_get(&s->row), .fn = on_written, .arg = s
    };
    write_end(s);
}

static int64_t back_off(const struct mailer_sender *s)
{
    uint32_t random;
    id_random(&random, sizeof random);
    return mail_backoff_ms(s->tries, random);
}

static void judge(struct mailer_sender *s)
{
    s->ended = false;
    s->verdict = mail_verdict(&s->result);
    s->rest_ms = s->owner.result(s->owner.arg, &s->result, &s->verdict);
    if (s->verdict.action == ACTION_RETRY)
        s->rest_ms = back_off(s);
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

static void on_ask(void *arg)
{
    struct mailer_sender *s = arg;
    char lease[DB_INT_TEXT];
    struct str params[] = { s->job.job_id, s->token,
                            db_int_param(s->app->cfg->lease_ms, lease) };
    s->renewing = true;
    s->renew_sent_ms = clock_boot_ms();
    db_query(s->app->svc->db, &JOB_RENEW, params, ARRAY_LEN(params), RENEW_TIMEOUT_MS,
             on_renewed, s);
}

/* --- back to the queue ------------------------------------------------------------- */

/* Whatever came of it: without an answer the lease runs out. */
static void on_returned(void *arg, const struct db_result *r)
{
    struct mailer_sender *s = arg;
    (void)r;
    if (!s->stopped)
        let_go(s);
}

bool mailer_sender_recall(struct mailer_sender *s, int64_t min_ms)
{
    struct str params[] = { s->job.job_id, s->token };
    if (!s->busy || !s->send || clock_boot_ms() - s->claimed_ms < min_ms ||
        !smtp_recall(s->send))
        return false;
    s->send = NULL;
    db_query(s->app->svc->db, &JOB_RETURN, params, ARRAY_LEN(params), RETURN_TIMEOUT_MS,
             on_returned, s);
    return true;
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
    s->suspect = db_bool(r, row, COL_SUSPECT);
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
        .mail = { .from = letters_sender(s->app->letters),
                  .to = to,
                  .message = buf_get(&s->mail),
                  .young_until_ms = s->claimed_ms + s->app->cfg->lease_ms / YOUNG },
        .job_id = s->job.job_id.p,
        .created_us = s->job.date_us,
    };
    s->send = backend_send(s->app->backend, &d, on_ask, on_sent, s);
}

void mailer_sender_start(struct mailer_sender *s, const struct db_result *r, int row,
                         int64_t claimed_ms)
{
    s->busy = true;
    s->repeated = s->ended = s->renewing = false;
    s->send = NULL;
    s->result = (struct mail_result){ 0 };
    s->claimed_ms = claimed_ms;
    s->lease_end_ms = claimed_ms + s->app->cfg->lease_ms;
    buf_init(&s->mail, MAIL_MAX);
    buf_expect(&s->mail, MAIL_USUAL);
    buf_init(&s->row, ROW_MAX);
    take_row(s, r, row);
    tell(s, "leased", s->attempt, false);
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

struct mailer_sender *mailer_sender_new(struct mailer_app *app, struct mailer_ends *ends,
                                        const struct sender_owner *owner)
{
    struct mailer_sender *s = xcalloc(1, sizeof *s);
    s->app = app;
    s->ends = ends;
    s->owner = *owner;
    make_metrics(s);
    return s;
}

bool mailer_sender_busy(const struct mailer_sender *s)
{
    return s->busy;
}

bool mailer_sender_suspect(const struct mailer_sender *s)
{
    return s->suspect;
}

void mailer_sender_stop(struct mailer_sender *s)
{
    s->stopped = true;
    loop_timer_cancel(&s->again);
}
