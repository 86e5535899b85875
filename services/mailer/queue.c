#include "mailer/queue.h"

#include "base/clock.h"
#include "base/mem.h"
#include "mailer/app.h"
#include "mailer/breaker.h"
#include "mailer/sender.h"
#include "mailer/upkeep.h"
#include "svc/log.h"
#include "svc/metrics.h"

enum {
    POLL_MS = 500,
    QUERY_TIMEOUT_MS = 5000,
    AHEAD_MS = 1000, /* a mail taken ahead that no connection begins within goes back */
    SENDERS_MAX = SMTP_CONNECTIONS_MAX + MAILER_PREFETCH_MAX,
};

static const struct db_stmt JOB_CLAIM = { "job_claim", DB_WRITE };
static const struct db_stmt QUEUE_READ = { "queue_read", DB_WRITE };
static const struct db_stmt JOB_WAKE = { "job_wake", DB_WRITE };

/* What operators set for all replicas; the claim's own statement obeys it too. */
struct settings {
    bool paused, paced;
    unsigned connections; /* 0: as configured */
};

struct mailer_queue {
    struct mailer_app *app;
    struct mailer_ends *ends;
    struct mailer_upkeep *upkeep;
    struct mailer_sender **senders, **idle; /* all, and those without a mail */
    unsigned made, nidle;
    unsigned n; /* connections */
    unsigned in_hand;
    struct settings settings;
    bool claiming, draining, stopped, reading;
    bool again; /* there may be more than the last claim saw */
    bool dry;   /* the last claim got less than it asked for */
    bool alone; /* a suspect is in hand */
    unsigned asked;
    int64_t claim_sent_ms; /* by clock_boot_ms */
    struct breaker breaker;
    struct pace pace;
    struct loop_timer *poll;
    struct metric *paused_gauge;
};

static void claim(struct mailer_queue *q);

/* There may be work. */
static void look(struct mailer_queue *q)
{
    q->again = true;
    claim(q);
}

/* --- how many ---------------------------------------------------------------------- */

static bool may_claim(const struct mailer_queue *q)
{
    return !q->draining && !q->stopped && !q->settings.paused &&
           clock_mono_ms() >= q->breaker.until_ms &&
           !rpc_server_draining(q->app->svc->rpc);
}

/* More mails than connections are taken for a server that answers at once: then a
 * connection need not wait for the database between two mails, and the faster the server,
 * the more of them share a statement and its commit. */
static unsigned ahead(const struct mailer_queue *q)
{
    unsigned most = (unsigned)q->app->cfg->prefetch;
    if (q->breaker.strikes > 0 || q->settings.paced)
        return 0;
    unsigned n = pace_ahead(&q->pace, q->n);
    return n < most ? n : most;
}

static unsigned capacity(const struct mailer_queue *q)
{
    return q->n + ahead(q);
}

/* How many mails to ask for now. While some are in hand ahead of the connections, a
 * statement should bring several. */
static unsigned room(const struct mailer_queue *q)
{
    unsigned most = capacity(q);
    if (q->alone || q->in_hand >= most)
        return 0;
    if (breaker_open(&q->breaker)) /* one probe at a time */
        return q->in_hand == 0;
    unsigned free = most - q->in_hand;
    return free * 2 < ahead(q) ? 0 : free;
}

static unsigned busy(const struct mailer_queue *q)
{
    return q->in_hand < q->n ? q->in_hand : q->n;
}

/* Gives back what waits for a connection since min_ms. Returns how many. */
static unsigned call_back(struct mailer_queue *q, int64_t min_ms)
{
    unsigned n = 0;
    for (unsigned i = 0; i < q->made; i++)
        n += mailer_sender_recall(q->senders[i], min_ms);
    return n;
}

/* --- breaker ----------------------------------------------------------------------- */

static int64_t note_fault(struct mailer_queue *q, const struct mail_result *r)
{
    int64_t ms = breaker_fault(&q->breaker, r, clock_mono_ms());
    log_error("queue", "mail is paused: our own set-up fails, no mail is given up",
              F_STR("phase", mail_phase_name(r->phase)), F_INT("code", r->code),
              F_STR("text", r->text), F_INT("pause_ms", ms));
    metric_set(q->paused_gauge, 1);
    return 2 * ms; /* the next probe is another mail: this one may be the cause */
}

static void note_strike(struct mailer_queue *q, const struct mail_result *r)
{
    int64_t ms = breaker_strike(&q->breaker, r, clock_mono_ms());
    if (ms == 0)
        return;
    log_warn("queue", "mail is paused: the server cannot be reached",
             F_STR("phase", mail_phase_name(r->phase)), F_INT("code", r->code),
             F_STR("text", r->text), F_INT("pause_ms", ms));
    metric_set(q->paused_gauge, 1);
}

static void on_woken(void *arg, const struct db_result *r)
{
    struct mailer_queue *q = arg;
    if (!q->stopped && r->status == DB_OK)
        look(q);
}

static void note_contact(struct mailer_queue *q)
{
    bool open = breaker_open(&q->breaker), waited = q->breaker.strikes > 0;
    breaker_contact(&q->breaker);
    metric_set(q->paused_gauge, 0);
    if (open)
        log_info("queue", "mail flows again", F_STR("from", q->app->cfg->from));
    if (open || waited)
        db_query(q->app->svc->db, &JOB_WAKE, NULL, 0, QUERY_TIMEOUT_MS, on_woken, q);
}

static int64_t on_result(void *arg, const struct mail_result *r,
                         const struct mail_verdict *v)
{
    struct mailer_queue *q = arg;
    int64_t rest_ms = 0;
    if (r->phase == PHASE_RENDER || v->action == ACTION_DROP)
        return 0;
    pace_note(&q->pace, r->took_us);
    if (v->action == ACTION_RELEASE)
        rest_ms = note_fault(q, r);
    else if (v->no_start)
        note_strike(q, r);
    else
        note_contact(q);
    if (breaker_open(&q->breaker))
        call_back(q, 0);
    return rest_ms;
}

/* --- claiming ---------------------------------------------------------------------- */

static void on_free(void *arg, struct mailer_sender *s);

static struct mailer_sender *make_sender(struct mailer_queue *q)
{
    struct sender_owner owner = { on_result, on_free, q };
    q->senders[q->made] = mailer_sender_new(q->app, q->ends, &owner);
    return q->senders[q->made++];
}

/* NULL: as many as there can be have a mail. */
static struct mailer_sender *find_free(struct mailer_queue *q)
{
    if (q->nidle > 0)
        return q->idle[--q->nidle];
    return q->made < SENDERS_MAX ? make_sender(q) : NULL;
}

static void on_claimed(void *arg, const struct db_result *r)
{
    struct mailer_queue *q = arg;
    q->claiming = false;
    if (q->stopped || r->status != DB_OK)
        return;
    q->dry = (unsigned)r->rows < q->asked;
    for (int i = 0; i < r->rows; i++) {
        struct mailer_sender *s = find_free(q);
        if (!s)
            break; /* its lease will run out */
        q->in_hand++;
        mailer_sender_start(s, r, i, q->claim_sent_ms);
        q->alone = q->alone || mailer_sender_suspect(s);
    }
    if (q->again || !q->dry)
        claim(q);
}

static void claim(struct mailer_queue *q)
{
    char n[DB_INT_TEXT], lease[DB_INT_TEXT], crashes[DB_INT_TEXT];
    unsigned free = room(q);
    if (q->claiming || free == 0 || !may_claim(q))
        return;
    /* Also a claim that stopped in front of a suspect was dry: nothing in hand, once
     * more.
     */
    if (q->dry && !q->again && q->in_hand > 0)
        return;
    struct str params[] = { db_int_param(free, n), str_of(q->app->svc->instance),
                            db_int_param(q->app->cfg->lease_ms, lease),
                            db_int_param(VERDICT_CRASHES_MAX, crashes),
                            q->in_hand == 0 ? STR("true") : STR("false") };
    q->claiming = true;
    q->again = false;
    q->asked = free;
    q->claim_sent_ms = clock_boot_ms();
    db_query(q->app->svc->db, &JOB_CLAIM, params, ARRAY_LEN(params), QUERY_TIMEOUT_MS,
             on_claimed, q);
}

static void on_free(void *arg, struct mailer_sender *s)
{
    struct mailer_queue *q = arg;
    q->idle[q->nidle++] = s;
    if (--q->in_hand == 0)
        q->alone = false;
    claim(q);
}

/* --- settings ---------------------------------------------------------------------- */

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
    backend_resize(q->app->backend, (int)n);
}

/* What was taken ahead and need not stay: who else has a connection free may have it. */
static void return_surplus(struct mailer_queue *q)
{
    if (!may_claim(q) || q->in_hand > capacity(q))
        call_back(q, 0);
    else if (call_back(q, AHEAD_MS) > 0)
        q->pace = (struct pace){ 0 };
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
                 F_INT("ready", mailer_upkeep_counts(q->upkeep).ready));
    q->settings = now;
    resize(q, now.connections);
    look(q);
}

static void read_settings(struct mailer_queue *q)
{
    if (q->reading)
        return;
    q->reading = true;
    db_query(q->app->svc->db, &QUEUE_READ, NULL, 0, QUERY_TIMEOUT_MS, on_settings, q);
}

static void on_poll(void *arg)
{
    return_surplus(arg);
    read_settings(arg);
}

void mailer_queue_wake(struct mailer_queue *q)
{
    if (q)
        look(q);
}

void mailer_queue_changed(struct mailer_queue *q)
{
    if (q)
        read_settings(q);
}

/* --- life -------------------------------------------------------------------------- */

struct mailer_queue *mailer_queue_start(struct mailer_app *app)
{
    struct mailer_queue *q = xcalloc(1, sizeof *q);
    struct loop *l = app->svc->loop;
    q->app = app;
    q->ends = mailer_ends_new(l, app->svc->db);
    q->senders = xcalloc(SENDERS_MAX, sizeof(struct mailer_sender *));
    q->idle = xcalloc(SENDERS_MAX, sizeof(struct mailer_sender *));
    q->idle[q->nidle++] = make_sender(q); /* its counters are shown before any mail */
    q->paused_gauge =
        metric_gauge("mailer_queue_paused", "1 while the queue stands still", "");
    resize(q, 0);
    q->upkeep = mailer_upkeep_start(app);
    q->poll = loop_timer(l, 0, POLL_MS, on_poll, q);
    return q;
}

void mailer_queue_drain(struct mailer_queue *q)
{
    q->draining = true;
    call_back(q, 0);
}

bool mailer_queue_busy(const struct mailer_queue *q)
{
    return q->claiming || q->in_hand > 0;
}

void mailer_queue_stop(struct mailer_queue *q)
{
    q->stopped = true;
    loop_timer_cancel(&q->poll);
    mailer_upkeep_stop(q->upkeep);
    mailer_ends_stop(q->ends);
    for (unsigned i = 0; i < q->made; i++)
        mailer_sender_stop(q->senders[i]);
}

void mailer_queue_beat(const struct mailer_queue *q, struct jsonw *w)
{
    const struct mail_counts counts = mailer_upkeep_counts(q->upkeep);
    jw_kint(w, "ready", counts.ready);
    jw_kint(w, "sending", counts.sending);
    jw_kint(w, "sent", counts.sent);
    jw_kint(w, "dead", counts.dead);
    jw_kint(w, "oldest_s", counts.oldest_s);
    jw_kint(w, "connections", q->n);
    jw_kint(w, "busy", busy(q));
    jw_kbool(w, "paused", q->settings.paused || breaker_open(&q->breaker));
    jw_kbool(w, "held", q->settings.paused);
}

static void write_breaker(const struct breaker *b, struct jsonw *w)
{
    int64_t left = b->until_ms - clock_mono_ms();
    jw_key(w, "breaker");
    jw_object(w);
    jw_kcstr(w, "state", breaker_open(b) ? "open" : "closed");
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
    const struct mail_counts counts = mailer_upkeep_counts(q->upkeep);
    jw_kint(w, "ready", counts.ready);
    jw_kint(w, "leased", counts.sending);
    jw_kint(w, "oldest_s", counts.oldest_s);
    jw_kcstr(w, "replica", q->app->svc->instance);
    jw_kint(w, "pool", q->n);
    jw_kint(w, "busy", busy(q));
    jw_kint(w, "in_hand", q->in_hand);
    jw_kint(w, "in_hand_most", capacity(q));
    write_breaker(&q->breaker, w);
}
