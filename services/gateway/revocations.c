#include "gateway/revocations.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "gateway/revocation_set.h"
#include "svc/log.h"
#include "svc/metrics.h"

enum {
    SNAPSHOT_RETRY_MS = 500,
    SILENCE_MS = 1000,
    TICK_MS = 250,
    SWEEP_MS = 60 * 1000,
    LATE_S = 120, /* clocks apart, and a signature under way during the revocation */
    ROOM = 1024,
};

struct gateway_revocations {
    struct gateway_revocations_config cfg;
    const struct contract_method *snapshot;
    struct event_consumer *consumer; /* once there was a snapshot */
    struct loop_timer *retry, *tick;
    bool asking, closed;
    int64_t swept_ms;

    /* the snapshot that is being read */
    struct revocation_set *staged;
    bool staged_over; /* it has more than may be held */
    int64_t asked_ms; /* when its first page was asked for */

    pthread_mutex_t lock; /* set */
    struct revocation_set *set;
    _Atomic int64_t fresh_ms; /* 0: never */
    atomic_bool overflow;     /* more than may be held: nobody can be judged */
    struct metric *held, *age, *snapshots, *refused[REVOKED_DELETED + 1];
};

static const struct {
    enum err error;
    const char *label;
} CAUSES[] = {
    [REVOKED_ENDED] = { ERR_TOKEN_NOT_VALID, "cause=\"revoked\"" },
    [REVOKED_INACTIVE] = { ERR_USER_INACTIVE, "cause=\"user_inactive\"" },
    [REVOKED_DELETED] = { ERR_USER_NOT_FOUND, "cause=\"user_deleted\"" },
};

/* ---- asking ---- */

static int64_t age_ms(const struct gateway_revocations *r)
{
    int64_t fresh = atomic_load_explicit(&r->fresh_ms, memory_order_acquire);
    return fresh ? clock_mono_ms() - fresh : -1;
}

static bool is_current(const struct gateway_revocations *r)
{
    int64_t age = age_ms(r);
    return age >= 0 && age <= r->cfg.settings->revocation_max_staleness_s * 1000 &&
           !atomic_load_explicit(&r->overflow, memory_order_relaxed);
}

enum err gateway_revocations_check(struct gateway_revocations *r,
                                   const struct token_claims *c)
{
    int64_t now = clock_wall_s();
    pthread_mutex_lock(&r->lock);
    enum revocation_cause cause =
        revocation_set_check(r->set, c->sid, c->user_id, c->uv, now);
    pthread_mutex_unlock(&r->lock);
    if (cause == REVOKED_NOT)
        return is_current(r) ? ERR_OK : ERR_UNAVAILABLE;
    metric_add(r->refused[cause], 1);
    return CAUSES[cause].error;
}

bool gateway_revocations_ready(const struct gateway_revocations *r, const char **ret_why)
{
    if (is_current(r))
        return true;
    if (age_ms(r) < 0)
        *ret_why = "no revocations from auth yet";
    else if (atomic_load(&r->overflow))
        *ret_why = "more revocations than REVOCATION_MAX";
    else
        *ret_why = "the revocations are too old: auth is not heard";
    return false;
}

void gateway_revocations_beat(const struct gateway_revocations *r, struct jsonw *w)
{
    jw_kint(w, "revocations", (int64_t)revocation_set_count(r->set));
    jw_kint(w, "revocations_age_ms", age_ms(r));
    event_consumer_beat(r->consumer, w);
}

/* ---- feeding ---- */

static void publish(struct gateway_revocations *r, struct revocation_set *set)
{
    pthread_mutex_lock(&r->lock);
    struct revocation_set *old = r->set;
    r->set = set;
    pthread_mutex_unlock(&r->lock);
    revocation_set_free(&old);
}

static bool is_full(const struct revocation_set *s)
{
    return revocation_set_count(s) >= revocation_set_room(s);
}

/* No more can be kept, so no token can be judged until a snapshot fits. */
static void overflow(struct gateway_revocations *r)
{
    if (!atomic_exchange(&r->overflow, true))
        log_error("revocations", "more revocations than may be held; tokens are refused",
                  F_INT("max", r->cfg.settings->revocation_max));
}

/* A bigger set of what still counts; NULL when that is as much as may be held. Only this
 * thread writes, so it may be read without the lock. */
static struct revocation_set *grown(const struct gateway_revocations *r,
                                    const struct revocation_set *s)
{
    int64_t now = clock_wall_s();
    if ((int64_t)revocation_set_living(s, now) >= r->cfg.settings->revocation_max)
        return NULL;
    return revocation_set_copy(s, now, ROOM);
}

/* One revocation: a session's, or when sid is NULL a user's. */
struct revoked {
    const uint8_t *sid;
    int64_t user_id, min_uv;
    enum revocation_cause cause;
    int64_t at; /* seconds */
};

static void put(const struct gateway_revocations *r, struct revocation_set *set,
                const struct revoked *x)
{
    int64_t until = x->at + r->cfg.settings->access_lifetime_s + LATE_S;
    if (x->sid)
        revocation_set_add_session(set, x->sid, until);
    else
        revocation_set_add_user(set, x->user_id, x->min_uv, x->cause, until);
}

/* Into the snapshot that is being read. */
static void stage(struct gateway_revocations *r, const struct revoked *x)
{
    if (is_full(r->staged)) {
        struct revocation_set *bigger = grown(r, r->staged);
        if (!bigger) {
            r->staged_over = true;
            return;
        }
        revocation_set_free(&r->staged);
        r->staged = bigger;
    }
    put(r, r->staged, x);
}

/* Into the set in force. */
static void add(struct gateway_revocations *r, const struct revoked *x)
{
    if (is_full(r->set)) {
        struct revocation_set *bigger = grown(r, r->set);
        if (!bigger) {
            overflow(r);
            return;
        }
        publish(r, bigger);
    }
    pthread_mutex_lock(&r->lock);
    put(r, r->set, x);
    pthread_mutex_unlock(&r->lock);
}

static void on_lost(void *arg);

static void show(struct gateway_revocations *r)
{
    int64_t age = age_ms(r);
    metric_set(r->held, (int64_t)revocation_set_count(r->set));
    metric_set(r->age, age < 0 ? -1 : age / 1000);
}

static void on_tick(void *arg)
{
    struct gateway_revocations *r = arg;
    int64_t now = clock_mono_ms();
    show(r);
    if (now - r->swept_ms < SWEEP_MS)
        return;
    r->swept_ms = now;
    size_t held = revocation_set_count(r->set);
    if (atomic_load(&r->overflow))
        on_lost(r);
    else if (revocation_set_living(r->set, clock_wall_s()) < held - held / 4)
        publish(r, revocation_set_copy(r->set, clock_wall_s(), ROOM));
}

/* ---- events ---- */

static int64_t int_member(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

static enum revocation_cause cause_of(const struct event *e, const json_t *payload)
{
    if (strcmp(e->type, "user.deleted") == 0)
        return REVOKED_DELETED;
    return json_is_false(json_object_get(payload, "is_active")) ? REVOKED_INACTIVE
                                                                : REVOKED_ENDED;
}

/* By what an event says, not by what it is called: a user version ends what is older. */
static void apply_event(struct gateway_revocations *r, const struct event *e)
{
    uint8_t sid[16];
    json_t *payload =
        json_loadb(e->payload.p, e->payload.n, JSON_REJECT_DUPLICATES, NULL);
    struct revoked x = { .user_id = int_member(payload, "user_id"),
                         .min_uv = int_member(payload, "uv"),
                         .at = e->created_us / 1000000 };
    const char *text = json_string_value(json_object_get(payload, "sid"));
    if (strcmp(e->type, "session.revoked") == 0 &&
        hex_decode(str_of(text), sid, sizeof sid)) {
        x.sid = sid;
        add(r, &x);
    } else if (x.user_id > 0 && x.min_uv > 0) {
        x.cause = cause_of(e, payload);
        add(r, &x);
    }
    json_decref(payload);
}

static void apply(void *arg, struct event_consumer *ec, const struct event_batch *batch)
{
    for (unsigned i = 0; i < batch->n; i++)
        apply_event(arg, &batch->events[i]);
    event_consumer_applied(ec, true, -1);
}

static void on_heard(void *arg)
{
    struct gateway_revocations *r = arg;
    struct event_consumer_state s;
    event_consumer_state(r->consumer, &s);
    if (s.fresh_ms > 0)
        atomic_store_explicit(&r->fresh_ms, s.fresh_ms, memory_order_release);
    if (*s.note)
        r->cfg.ring(r->cfg.arg, s.note);
}

/* ---- the snapshot ---- */

static void ask(struct gateway_revocations *r, struct str continuation);

static void begin(void *arg)
{
    struct gateway_revocations *r = arg;
    r->retry = NULL;
    r->asking = true;
    r->asked_ms = clock_mono_ms();
    revocation_set_free(&r->staged);
    r->staged = revocation_set_new(ROOM);
    r->staged_over = false;
    ask(r, STR(""));
}

static void begin_later(struct gateway_revocations *r)
{
    r->asking = false;
    revocation_set_free(&r->staged);
    r->retry = loop_timer(r->cfg.svc->loop, SNAPSHOT_RETRY_MS, 0, begin, r);
}

/* What is held cannot be continued: a new snapshot. */
static void on_lost(void *arg)
{
    struct gateway_revocations *r = arg;
    if (r->asking || r->retry || r->closed)
        return;
    log_warn("revocations", "a new snapshot is taken");
    begin_later(r);
}

static bool follow(struct gateway_revocations *r, const char *epoch, int64_t head)
{
    const struct event_consumer_config cfg = {
        .stream = "user",
        .peer = "auth",
        .endpoints = r->cfg.settings->auth_events,
        .client = r->cfg.auth,
        .pull_method = "auth.events.pull",
        .silence_ms = SILENCE_MS,
        .apply = apply,
        .lost = on_lost,
        .heard = on_heard,
        .arg = r,
    };
    if (r->consumer)
        event_consumer_reset(r->consumer, epoch, head);
    else
        r->consumer = event_consumer_start(r->cfg.svc, &cfg, epoch, head);
    return r->consumer != NULL;
}

static void take_sessions(struct gateway_revocations *r, const json_t *sessions)
{
    size_t i;
    const json_t *one;
    json_array_foreach(sessions, i, one)
    {
        uint8_t sid[16];
        const char *text = json_string_value(json_object_get(one, "sid"));
        if (hex_decode(str_of(text), sid, sizeof sid))
            stage(r, &(struct revoked){ .sid = sid, .at = int_member(one, "at") });
    }
}

static enum revocation_cause cause_named(const char *name)
{
    if (name && strcmp(name, "deleted") == 0)
        return REVOKED_DELETED;
    return name && strcmp(name, "inactive") == 0 ? REVOKED_INACTIVE : REVOKED_ENDED;
}

static void take_users(struct gateway_revocations *r, const json_t *users)
{
    size_t i;
    const json_t *one;
    json_array_foreach(users, i, one)
    {
        const char *cause = json_string_value(json_object_get(one, "cause"));
        stage(r, &(struct revoked){ .user_id = int_member(one, "id"),
                                    .min_uv = int_member(one, "min_uv"),
                                    .cause = cause_named(cause),
                                    .at = int_member(one, "at") });
    }
}

/* The last page has come: from now on its head is what events continue. */
static void finish(struct gateway_revocations *r, const json_t *page)
{
    const char *epoch = json_string_value(json_object_get(page, "epoch"));
    size_t n = revocation_set_count(r->staged);
    if (!epoch || !follow(r, epoch, int_member(page, "head"))) {
        begin_later(r);
        return;
    }
    r->asking = false;
    publish(r, r->staged);
    r->staged = NULL;
    if (r->staged_over)
        overflow(r);
    else
        atomic_store(&r->overflow, false);
    atomic_store_explicit(&r->fresh_ms, r->asked_ms, memory_order_release);
    metric_add(r->snapshots, 1);
    show(r);
    log_info("revocations", "snapshot loaded", F_INT("held", (int64_t)n),
             F_INT("head", int_member(page, "head")));
}

static void on_page(void *arg, enum err e, const struct frame *reply)
{
    struct gateway_revocations *r = arg;
    struct str more = STR("");
    if (r->closed) {
        r->asking = false;
        return;
    }
    json_t *page = NULL;
    if (e == ERR_OK)
        page = json_loadb(reply->body.p, reply->body.n, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(page)) {
        log_debug("revocations", "no snapshot", F_STR("reason", err_info(e)->code));
        json_decref(page);
        begin_later(r);
        return;
    }
    take_sessions(r, json_object_get(page, "sessions"));
    take_users(r, json_object_get(page, "users"));
    if (record_get(reply->meta, REC_CONTINUATION, 0, &more))
        ask(r, more);
    else
        finish(r, page);
    json_decref(page);
}

static void ask(struct gateway_revocations *r, struct str continuation)
{
    AUTO_BUF struct buf meta;
    struct frame f = { .method = r->snapshot->number };
    buf_init(&meta, FRAME_META_MAX);
    if (continuation.n > 0)
        record_add(&meta, REC_CONTINUATION, continuation);
    f.meta = buf_get(&meta);
    id_uuid7(f.request_id);
    rpc_call(r->cfg.auth, &f, r->snapshot->timeout_ms, true, on_page, r);
}

/* ---- life ---- */

static void make_metrics(struct gateway_revocations *r)
{
    for (size_t i = REVOKED_ENDED; i < ARRAY_LEN(CAUSES); i++)
        r->refused[i] = metric_counter("token_rejections_total",
                                       "Tokens that were refused", CAUSES[i].label);
    r->held = metric_gauge("revocations_held", "Revocations in memory", "");
    r->age =
        metric_gauge("revocations_age_seconds",
                     "Time since auth's revocations were known up to date, or -1", "");
    r->snapshots =
        metric_counter("revocation_snapshots_total", "Snapshots loaded from auth", "");
    metric_set(r->age, -1);
}

struct gateway_revocations *
gateway_revocations_new(const struct gateway_revocations_config *cfg)
{
    struct gateway_revocations *r = xcalloc(1, sizeof *r);
    r->cfg = *cfg;
    pthread_mutex_init(&r->lock, NULL);
    r->set = revocation_set_new(ROOM);
    r->snapshot = contract_by_name(cfg->svc->contract, "auth.revocations");
    if (!r->snapshot)
        BUG("the contract has no auth.revocations");
    make_metrics(r);
    r->tick = loop_timer(cfg->svc->loop, TICK_MS, TICK_MS, on_tick, r);
    begin(r);
    return r;
}

void gateway_revocations_close(struct gateway_revocations *r)
{
    r->closed = true;
    loop_timer_cancel(&r->retry);
    loop_timer_cancel(&r->tick);
    event_consumer_stop(&r->consumer);
}

void gateway_revocations_free(struct gateway_revocations **rp)
{
    struct gateway_revocations *r = *rp;
    if (!r)
        return;
    *rp = NULL;
    revocation_set_free(&r->staged);
    revocation_set_free(&r->set);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
