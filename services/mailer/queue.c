#include "mailer/queue.h"

#include "base/clock.h"
#include "base/mem.h"
#include "mailer/app.h"
#include "mailer/sender.h"
#include "svc/log.h"
#include "svc/metrics.h"
#include "svc/telemetry.h"

enum {
    POLL_MS = 500,
    SWEEP_MS = 5000,
    COUNT_MS = 1000,
    TOTALS_EVERY = 10, /* counts of finished jobs: every tenth time */
    RETIRE_MS = 600 * 1000,
    QUERY_TIMEOUT_MS = 5000,
    STRIKES = 3, /* failures to reach the server before the queue pauses */
    PAUSE_MIN_MS = 1000,
    PAUSE_MAX_MS = 60 * 1000,
    FAULT_PAUSE_MIN_MS = 5000,
    FAULT_PAUSE_MAX_MS = 300 * 1000,
};

static const struct db_stmt JOB_CLAIM = { "job_claim", DB_WRITE };
static const struct db_stmt JOB_CLAIM_PACED = { "job_claim_paced", DB_WRITE };
static const struct db_stmt JOB_FOLD = { "job_fold", DB_WRITE };
static const struct db_stmt QUEUE_READ = { "queue_read", DB_WRITE };
static const struct db_stmt JOB_SWEEP = { "job_sweep", DB_WRITE };
static const struct db_stmt JOB_WAKE = { "job_wake", DB_WRITE };
static const struct db_stmt JOB_RETIRE = { "job_retire", DB_WRITE };
static const struct db_stmt JOB_DUE = { "job_due", DB_POINT };
static const struct db_stmt JOB_COUNTS = { "job_counts", DB_LIST };

/* Who is to blame while the queue stands still: the server that is not there, or us. */
struct breaker {
    unsigned strikes;       /* failures to reach the server in a row */
    unsigned faults;        /* faults of our own set-up in a row */
    int64_t until_ms;       /* monotonic: no claim before */
    struct mail_result why; /* of the last failure */
};

/* What operators set for all replicas; the claim's own statement obeys it too. */
struct settings {
    bool paused, paced;
    unsigned connections; /* 0: as configured */
};

struct mailer_queue {
    struct mailer_app *app;
    struct mailer_sender **senders;
    unsigned made; /* senders there are; those beyond n only finish */
    unsigned n;    /* mails that may be sent at the same time */
    struct settings settings;
    bool claiming, again, reading, draining, stopped;
    int64_t claim_sent_ms;
    struct breaker breaker;
    struct loop_timer *poll, *sweep, *count, *retire;
    unsigned rounds; /* of counting */
    int64_t ready, sending, sent, dead, oldest_s;
    struct metric *ready_gauge, *oldest_gauge, *paused_gauge;
};

static void claim(struct mailer_queue *q);

static unsigned busy_senders(const struct mailer_queue *q)
{
    unsigned n = 0;
    for (unsigned i = 0; i < q->made; i++)
        n += mailer_sender_busy(q->senders[i]);
    return n;
}

static unsigned free_senders(const struct mailer_queue *q)
{
    unsigned busy = busy_senders(q);
    return busy < q->n ? q->n - busy : 0;
}

/* --- breaker ----------------------------------------------------------------------- */

static bool is_doubtful(const struct breaker *b)
{
    return b->faults > 0 || b->strikes >= STRIKES;
}

static int64_t doubled(int64_t least, int64_t most, unsigned times)
{
    int64_t ms = least << (times > 10 ? 10 : times);
    return ms < most ? ms : most;
}

static int64_t pause_queue(struct mailer_queue *q, int64_t ms)
{
    q->breaker.until_ms = clock_mono_ms() + ms;
    metric_set(q->paused_gauge, 1);
    return ms;
}

static int64_t note_fault(struct mailer_queue *q, const struct mail_result *r)
{
    struct breaker *b = &q->breaker;
    b->why = *r;
    int64_t ms = doubled(FAULT_PAUSE_MIN_MS, FAULT_PAUSE_MAX_MS, b->faults++);
    log_error("queue", "mail is paused: our own set-up fails, no mail is given up",
              F_STR("phase", mail_phase_name(r->phase)), F_INT("code", r->code),
              F_STR("text", r->text), F_INT("pause_ms", ms));
    pause_queue(q, ms);
    return 2 * ms; /* the next probe is another mail: this one may be the cause */
}

static void note_strike(struct mailer_queue *q, const struct mail_result *r)
{
    struct breaker *b = &q->breaker;
    b->why = *r;
    if (++b->strikes < STRIKES)
        return;
    int64_t ms = doubled(PAUSE_MIN_MS, PAUSE_MAX_MS, b->strikes - STRIKES);
    log_warn("queue", "mail is paused: the server cannot be reached",
             F_STR("phase", mail_phase_name(r->phase)), F_INT("code", r->code),
             F_STR("text", r->text), F_INT("pause_ms", ms));
    pause_queue(q, ms);
}

static void on_ignored(void *arg, const struct db_result *r)
{
    (void)arg; /* what it did shows in the next claim; a failure comes round again */
    (void)r;
}

static void note_contact(struct mailer_queue *q)
{
    bool doubtful = is_doubtful(&q->breaker);
    bool waited = doubtful || q->breaker.strikes > 0;
    q->breaker = (struct breaker){ 0 };
    metric_set(q->paused_gauge, 0);
    if (doubtful)
        log_info("queue", "mail flows again", F_STR("from", q->app->cfg->from));
    if (waited)
        db_query(q->app->svc->db, &JOB_WAKE, NULL, 0, QUERY_TIMEOUT_MS, on_ignored, q);
}

static int64_t on_result(void *arg, const struct mail_result *r,
                         const struct mail_verdict *v)
{
    struct mailer_queue *q = arg;
    if (r->phase == PHASE_RENDER || v->action == ACTION_DROP)
        return 0;
    if (v->action == ACTION_RELEASE)
        return note_fault(q, r);
    if (v->no_start)
        note_strike(q, r);
    else
        note_contact(q);
    return 0;
}

/* --- claiming ---------------------------------------------------------------------- */

static struct mailer_sender *find_free(struct mailer_queue *q)
{
    for (unsigned i = 0; i < q->made; i++)
        if (!mailer_sender_busy(q->senders[i]))
            return q->senders[i];
    return NULL;
}

static void on_claimed(void *arg, const struct db_result *r)
{
    struct mailer_queue *q = arg;
    q->claiming = false;
    if (q->stopped || r->status != DB_OK)
        return;
    for (int i = 0; i < r->rows; i++) {
        struct mailer_sender *s = find_free(q);
        if (!s)
            break; /* its lease will run out */
        mailer_sender_start(s, r, i, q->claim_sent_ms);
    }
    if (q->again)
        claim(q);
}

static bool may_claim(const struct mailer_queue *q)
{
    return !q->draining && !q->stopped && !q->settings.paused &&
           clock_mono_ms() >= q->breaker.until_ms &&
           !rpc_server_draining(q->app->svc->rpc);
}

static void claim(struct mailer_queue *q)
{
    char n[DB_INT_TEXT], lease[DB_INT_TEXT], crashes[DB_INT_TEXT];
    unsigned free = free_senders(q);
    q->again = q->claiming;
    if (q->claiming || free == 0 || !may_claim(q))
        return;
    if (is_doubtful(&q->breaker)) /* one probe at a time */
        free = free == q->n ? 1 : 0;
    if (free == 0)
        return;
    bool asks = mailer_config_backend(q->app->cfg) == BACKEND_SMTP;
    struct str params[] = { db_int_param(free, n), str_of(q->app->svc->instance),
                            db_int_param(q->app->cfg->lease_ms, lease),
                            db_int_param(VERDICT_CRASHES_MAX, crashes),
                            asks ? STR("false") : STR("true") };
    q->claiming = true;
    q->claim_sent_ms = clock_mono_ms();
    db_query(q->app->svc->db, q->settings.paced ? &JOB_CLAIM_PACED : &JOB_CLAIM, params,
             ARRAY_LEN(params), QUERY_TIMEOUT_MS, on_claimed, q);
}

static void on_free(void *arg)
{
    claim(arg);
}

/* --- settings ---------------------------------------------------------------------- */

static void make_senders(struct mailer_queue *q)
{
    struct sender_owner owner = { on_result, on_free, q };
    for (; q->made < q->n; q->made++)
        q->senders[q->made] = mailer_sender_new(q->app, &owner);
}

static void resize(struct mailer_queue *q, unsigned n)
{
    if (n == 0)
        n = (unsigned)q->app->cfg->connections;
    if (n > SMTP_CONNECTIONS_MAX)
        n = SMTP_CONNECTIONS_MAX;
    if (n == q->n)
        return;
    if (q->n > 0)
        log_info("queue", "another number of connections", F_INT("was", q->n),
                 F_INT("is", n));
    q->n = n;
    make_senders(q);
    backend_resize(q->app->backend, (int)n);
}

static void on_settings(void *arg, const struct db_result *r)
{
    enum { PAUSED = 0, CONNECTIONS = 4, PER_MINUTE = 5 };
    struct mailer_queue *q = arg;
    q->reading = false;
    if (q->stopped || r->status != DB_OK || r->rows != 1)
        return;
    struct settings now = { .paused = db_bool(r, 0, PAUSED),
                            .paced = !db_is_null(r, 0, PER_MINUTE),
                            .connections = (unsigned)db_int(r, 0, CONNECTIONS) };
    if (now.paused != q->settings.paused)
        log_warn("queue", now.paused ? "paused by an operator" : "resumed by an operator",
                 F_INT("ready", q->ready));
    q->settings = now;
    resize(q, now.connections);
    claim(q);
}

static void on_poll(void *arg)
{
    struct mailer_queue *q = arg;
    if (q->reading)
        return;
    q->reading = true;
    db_query(q->app->svc->db, &QUEUE_READ, NULL, 0, QUERY_TIMEOUT_MS, on_settings, q);
}

void mailer_queue_wake(struct mailer_queue *q)
{
    if (q)
        claim(q);
}

/* --- upkeep ------------------------------------------------------------------------ */

static void tell_ended(struct mailer_queue *q, const struct db_result *r, int row)
{
    struct buf b AUTO_BUF;
    struct jsonw w;
    buf_init(&b, 1024);
    jw_begin(&w, &b);
    jw_object(&w);
    jw_kstr(&w, "job_id", db_text(r, row, 0));
    jw_kstr(&w, "state", db_text(r, row, 1));
    jw_kstr(&w, "template", db_text(r, row, 2));
    jw_kint(&w, "attempt", db_int(r, row, 3));
    jw_object_end(&w);
    jw_end(&w);
    telemetry_send(q->app->svc->telemetry, "job", buf_get(&b));
}

static void on_swept(void *arg, const struct db_result *r)
{
    struct mailer_queue *q = arg;
    if (q->stopped || r->status != DB_OK)
        return;
    for (int i = 0; i < r->rows; i++) {
        log_warn("mail", "given up", F_SLICE("job_id", db_text(r, i, 0)),
                 F_SLICE("state", db_text(r, i, 1)), F_INT("attempt", db_int(r, i, 3)));
        tell_ended(q, r, i);
    }
}

static void on_sweep(void *arg)
{
    struct mailer_queue *q = arg;
    char crashes[DB_INT_TEXT];
    struct str param = db_int_param(VERDICT_CRASHES_MAX, crashes);
    db_query(q->app->svc->db, &JOB_SWEEP, &param, 1, QUERY_TIMEOUT_MS, on_swept, q);
}

static void on_retire(void *arg)
{
    struct mailer_queue *q = arg;
    db_query(q->app->svc->db, &JOB_RETIRE, NULL, 0, QUERY_TIMEOUT_MS, on_ignored, q);
}

static void on_due(void *arg, const struct db_result *r)
{
    struct mailer_queue *q = arg;
    if (q->stopped || r->status != DB_OK || r->rows != 1)
        return;
    q->ready = db_int(r, 0, 0);
    q->sending = db_int(r, 0, 1);
    q->oldest_s = db_int(r, 0, 2);
    metric_set(q->ready_gauge, q->ready);
    metric_set(q->oldest_gauge, q->oldest_s);
}

static void on_totals(void *arg, const struct db_result *r)
{
    struct mailer_queue *q = arg;
    if (q->stopped || r->status != DB_OK)
        return;
    q->sent = q->dead = 0;
    for (int i = 0; i < r->rows; i++) {
        if (str_eq(db_text(r, i, 0), STR("sent")))
            q->sent = db_int(r, i, 1);
        if (str_eq(db_text(r, i, 0), STR("dead")))
            q->dead = db_int(r, i, 1);
    }
}

static void on_count(void *arg)
{
    struct mailer_queue *q = arg;
    struct db *db = q->app->svc->db;
    db_query(db, &JOB_FOLD, NULL, 0, QUERY_TIMEOUT_MS, on_ignored, q);
    db_query(db, &JOB_DUE, NULL, 0, QUERY_TIMEOUT_MS, on_due, q);
    if (q->rounds++ % TOTALS_EVERY == 0)
        db_query(db, &JOB_COUNTS, NULL, 0, QUERY_TIMEOUT_MS, on_totals, q);
}

/* --- life -------------------------------------------------------------------------- */

static void make_metrics(struct mailer_queue *q)
{
    q->ready_gauge = metric_gauge("mailer_queue_jobs", "Mails waiting to be sent", "");
    q->oldest_gauge = metric_gauge("mailer_queue_oldest_seconds",
                                   "Wait of the oldest mail that is due", "");
    q->paused_gauge =
        metric_gauge("mailer_queue_paused", "1 while the queue stands still", "");
}

struct mailer_queue *mailer_queue_start(struct mailer_app *app)
{
    struct mailer_queue *q = xcalloc(1, sizeof *q);
    struct loop *l = app->svc->loop;
    q->app = app;
    q->senders = xcalloc(SMTP_CONNECTIONS_MAX, sizeof *q->senders);
    resize(q, 0);
    make_metrics(q);
    q->poll = loop_timer(l, 0, POLL_MS, on_poll, q);
    q->sweep = loop_timer(l, SWEEP_MS, SWEEP_MS, on_sweep, q);
    q->count = loop_timer(l, 0, COUNT_MS, on_count, q);
    q->retire = loop_timer(l, RETIRE_MS, RETIRE_MS, on_retire, q);
    return q;
}

void mailer_queue_drain(struct mailer_queue *q)
{
    q->draining = true;
}

bool mailer_queue_busy(const struct mailer_queue *q)
{
    return q->claiming || busy_senders(q) > 0;
}

void mailer_queue_stop(struct mailer_queue *q)
{
    q->stopped = true;
    loop_timer_cancel(&q->poll);
    loop_timer_cancel(&q->sweep);
    loop_timer_cancel(&q->count);
    loop_timer_cancel(&q->retire);
    for (unsigned i = 0; i < q->made; i++)
        mailer_sender_stop(q->senders[i]);
}

void mailer_queue_beat(const struct mailer_queue *q, struct jsonw *w)
{
    jw_kint(w, "ready", q->ready);
    jw_kint(w, "sending", q->sending);
    jw_kint(w, "sent", q->sent);
    jw_kint(w, "dead", q->dead);
    jw_kint(w, "oldest_s", q->oldest_s);
    jw_kint(w, "connections", q->n);
    jw_kint(w, "busy", busy_senders(q));
    jw_kbool(w, "paused", q->settings.paused || is_doubtful(&q->breaker));
    jw_kbool(w, "held", q->settings.paused);
}

static void write_breaker(const struct breaker *b, struct jsonw *w)
{
    int64_t left = b->until_ms - clock_mono_ms();
    jw_key(w, "breaker");
    jw_object(w);
    jw_kcstr(w, "state", is_doubtful(b) ? "open" : "closed");
    jw_kcstr(w, "blames", b->faults ? "set-up" : b->strikes ? "server" : NULL);
    jw_kint(w, "failures", b->faults + b->strikes);
    jw_kint(w, "next_probe_ms", left > 0 ? left : 0);
    bool failed = b->faults + b->strikes > 0;
    jw_kcstr(w, "phase", failed ? mail_phase_name(b->why.phase) : NULL);
    jw_kint(w, "code", b->why.code);
    jw_kcstr(w, "text", failed ? b->why.text : NULL);
    jw_object_end(w);
}

void mailer_queue_status(const struct mailer_queue *q, struct jsonw *w)
{
    jw_kint(w, "ready", q->ready);
    jw_kint(w, "leased", q->sending);
    jw_kint(w, "oldest_s", q->oldest_s);
    jw_kcstr(w, "replica", q->app->svc->instance);
    jw_kint(w, "pool", q->n);
    jw_kint(w, "busy", busy_senders(q));
    write_breaker(&q->breaker, w);
}
