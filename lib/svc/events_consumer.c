/*
 * The consumer's half of events.h. Three stations in a row, each with numbers that only
 * grow: applied (`cursor`), handed to apply (`flight`), received in order (`waiting`).
 * `tail` is the last number of the three; only tail + 1 may be appended, from PUB or from
 * a pull alike. Whatever else happens (a hole, a beacon ahead, silence) ends in a pull
 * from the tail, so losing every message of PUB delays and loses nothing.
 */
#include "svc/events.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/events_consumer_private.h"
#include "svc/events_parse.h"
#include "svc/log.h"

enum {
    TICK_MS = 250,
    LAG_MAX = 1000,   /* further behind than this, PUB is not listened to */
    DRAIN_MAX = 1000, /* messages taken in one turn */
    BEHIND_MS = 50,   /* a beacon may overtake the event of another replica */
    REFUSED_RETRY_MS = 5000,
    ALARM_MS = 60000,
    /* A pull also says how far we are: retention waits for it, and people see it. */
    TELL_MS = 600000,
    TELL_MOVED_MS = 5000, /* when that is news */
};

/* --- runs -------------------------------------------------------------------------- */

static struct event *run_add(struct run *r)
{
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 16;
        r->v = xrealloc(r->v, r->cap * sizeof *r->v);
    }
    return &r->v[r->n++];
}

static void run_clear(struct run *r)
{
    arena_deinit(&r->arena);
    r->n = 0;
}

static void run_deinit(struct run *r)
{
    run_clear(r);
    free(r->v);
    *r = (struct run){ 0 };
}

void consumer_free(struct event_consumer *ec)
{
    run_deinit(&ec->waiting);
    run_deinit(&ec->flight);
    free(ec);
}

/* --- epochs ------------------------------------------------------------------------ */

/* The stream is not the one our cursor counts in: restored from a backup, or another. */
void consumer_refuse(struct event_consumer *ec, const char *theirs)
{
    int64_t now = clock_mono_ms();
    bool quiet = ec->last_alarm_ms && now - ec->last_alarm_ms < ALARM_MS;
    ec->refused = true;
    ec->pull_after_ms = now + REFUSED_RETRY_MS;
    if (ec->cfg.lost) {
        ec->cfg.lost(ec->cfg.arg);
        return;
    }
    if (quiet)
        return;
    ec->last_alarm_ms = now;
    log_error("events", "the stream is not the one we have read; nothing is applied",
              F_STR("stream", ec->cfg.stream), F_STR("ours", ec->epoch),
              F_STR("theirs", theirs), F_INT("cursor", ec->cursor));
}

bool consumer_check_epoch(struct event_consumer *ec, const json_t *message)
{
    const char *theirs = json_string_value(json_object_get(message, "epoch"));
    if (!theirs || !*theirs || strlen(theirs) >= CONSUMER_EPOCH)
        return false;
    if (ec->epoch[0] == '\0')
        snprintf(ec->epoch, sizeof ec->epoch, "%s", theirs);
    if (strcmp(ec->epoch, theirs) != 0) {
        consumer_refuse(ec, theirs);
        return false;
    }
    ec->refused = false;
    return true;
}

void consumer_note_head(struct event_consumer *ec, const json_t *message)
{
    int64_t head = json_integer_value(json_object_get(message, "head"));
    if (head > ec->head)
        ec->head = head;
    if (ec->head - ec->tail > LAG_MAX)
        ec->catching_up = ec->want_pull = true;
    metric_set(ec->lag_gauge, ec->head > ec->cursor ? ec->head - ec->cursor : 0);
}

static void note_fresh(struct event_consumer *ec)
{
    if (ec->cursor >= ec->head)
        ec->fresh_ms = ec->answered_ms;
}

void consumer_note_answer(struct event_consumer *ec)
{
    ec->answered_ms = clock_mono_ms();
    note_fresh(ec);
}

void consumer_heard(struct event_consumer *ec)
{
    if (ec->cfg.heard)
        ec->cfg.heard(ec->cfg.arg);
}

/* --- receiving --------------------------------------------------------------------- */

static bool continues(struct event_consumer *ec, int64_t seq, bool hole)
{
    if (seq <= ec->tail) {
        ec->duplicates++;
        metric_add(ec->duplicates_total, 1);
        return false;
    }
    if (seq > ec->tail + 1 && !hole) {
        ec->gaps++;
        metric_add(ec->gaps_total, 1);
        ec->want_pull = true;
        return false;
    }
    if (seq > ec->tail + 1 && ec->cfg.lost) {
        ec->cfg.lost(ec->cfg.arg);
        return false;
    }
    if (seq > ec->tail + 1 && ec->tail > 0)
        log_error("events", "events were deleted before we read them",
                  F_STR("stream", ec->cfg.stream), F_INT("after", ec->tail),
                  F_INT("next", seq));
    return true;
}

/* Only an event that is kept is read into the run's arena: it is freed with the run, and
 * what a hole keeps out may come for hours. */
void consumer_append(struct event_consumer *ec, const json_t *in, bool hole)
{
    struct event e;
    int64_t seq = json_integer_value(json_object_get(in, "seq"));
    if (seq < 1) {
        log_warn("events", "an event has no number", F_STR("stream", ec->cfg.stream));
        return;
    }
    if (!continues(ec, seq, hole) || !event_parse(in, ec->epoch, &ec->waiting.arena, &e))
        return;
    if (strcmp(e.type, EVENT_MALFORMED) == 0)
        log_error("events", "a malformed event is passed over",
                  F_STR("stream", ec->cfg.stream), F_INT("seq", e.seq));
    *run_add(&ec->waiting) = e;
    ec->tail = e.seq;
    if (ec->head < e.seq)
        ec->head = e.seq;
}

static void on_behind(void *arg)
{
    struct event_consumer *ec = arg;
    ec->behind = NULL;
    if (ec->head > ec->tail)
        ec->want_pull = true;
    consumer_work(ec);
}

static void on_beacon(struct event_consumer *ec, const json_t *beacon)
{
    const char *note = json_string_value(json_object_get(beacon, "note"));
    snprintf(ec->note, sizeof ec->note, "%s", note ? note : "");
    if (ec->head > ec->tail && !ec->behind && !ec->pulling)
        ec->behind = loop_timer(ec->svc->loop, BEHIND_MS, 0, on_behind, ec);
}

static void on_published(struct event_consumer *ec, const json_t *event)
{
    if (ec->catching_up || ec->waiting.n >= CONSUMER_WAITING)
        ec->want_pull = true;
    else
        consumer_append(ec, event, false);
}

static void on_message(struct event_consumer *ec, struct str topic, struct str body)
{
    const int flags = JSON_REJECT_DUPLICATES;
    json_t *message = json_loadb(body.p, body.n, flags, NULL);
    if (json_is_object(message) && consumer_check_epoch(ec, message)) {
        ec->last_heard_ms = clock_mono_ms();
        consumer_note_head(ec, message);
        if (str_starts(topic, STR("beacon.")))
            on_beacon(ec, message);
        else
            on_published(ec, message);
        consumer_note_answer(ec);
    }
    json_decref(message);
}

/* One message of two frames; false when there is none. Other shapes are dropped. */
static bool receive(struct event_consumer *ec)
{
    void *socket = peer_link_socket(ec->link);
    zmq_msg_t topic, body;
    zmq_msg_init(&topic);
    zmq_msg_init(&body);
    bool any = zmq_msg_recv(&topic, socket, ZMQ_DONTWAIT) >= 0;
    bool two =
        any && zmq_msg_more(&topic) && zmq_msg_recv(&body, socket, ZMQ_DONTWAIT) >= 0;
    bool more = two && zmq_msg_more(&body);
    if (two && !more)
        on_message(ec, (struct str){ zmq_msg_data(&topic), zmq_msg_size(&topic) },
                   (struct str){ zmq_msg_data(&body), zmq_msg_size(&body) });
    while (more && zmq_msg_recv(&body, socket, ZMQ_DONTWAIT) >= 0)
        more = zmq_msg_more(&body);
    zmq_msg_close(&topic);
    zmq_msg_close(&body);
    return any;
}

static void on_readable(void *arg)
{
    struct event_consumer *ec = arg;
    for (int i = 0; i < DRAIN_MAX && receive(ec); i++)
        ;
    consumer_work(ec);
    consumer_heard(ec);
}

/* --- applying ---------------------------------------------------------------------- */

static void apply(struct event_consumer *ec)
{
    struct event_batch batch = { .after = ec->cursor,
                                 .events = ec->flight.v,
                                 .n = ec->flight.n };
    snprintf(batch.epoch, sizeof batch.epoch, "%s", ec->epoch);
    batch.last = ec->flight.v[ec->flight.n - 1].seq;
    ec->applying = true;
    ec->cfg.apply(ec->cfg.arg, ec, &batch);
}

static void apply_next(struct event_consumer *ec)
{
    if (ec->applying || ec->refused || clock_mono_ms() < ec->apply_after_ms)
        return;
    if (ec->flight.n == 0 && ec->waiting.n > 0) {
        struct run empty = ec->flight;
        ec->flight = ec->waiting;
        ec->waiting = empty;
    }
    if (ec->flight.n > 0)
        apply(ec);
}

/* Another replica applied up to `actual`; what we hold beyond it may still continue it.
 */
static void jump(struct event_consumer *ec, int64_t actual)
{
    bool usable = actual == ec->flight.v[ec->flight.n - 1].seq;
    run_clear(&ec->flight);
    ec->cursor = actual;
    if (usable)
        return;
    run_clear(&ec->waiting);
    ec->tail = actual;
    ec->want_pull = true;
    ec->pull_void = ec->pulling;
}

void event_consumer_applied(struct event_consumer *ec, bool ok, int64_t actual)
{
    ec->applying = false;
    if (ec->stopped) {
        if (!ec->pulling)
            consumer_free(ec);
        return;
    }
    if (ok) {
        ec->cursor = ec->flight.v[ec->flight.n - 1].seq;
        run_clear(&ec->flight);
    } else if (actual >= 0) {
        jump(ec, actual);
    } else {
        ec->apply_after_ms = clock_mono_ms() + CONSUMER_RETRY_MS;
    }
    metric_set(ec->lag_gauge, ec->head > ec->cursor ? ec->head - ec->cursor : 0);
    note_fresh(ec);
    consumer_work(ec);
}

/* --- life -------------------------------------------------------------------------- */

void consumer_work(struct event_consumer *ec)
{
    apply_next(ec);
    consumer_pull(ec);
}

static int64_t tell_every_ms(const struct event_consumer *ec)
{
    return ec->told == ec->cursor ? TELL_MS : TELL_MOVED_MS;
}

static void on_tick(void *arg)
{
    struct event_consumer *ec = arg;
    int64_t now = clock_mono_ms(), silence = ec->cfg.silence_ms;
    if (now - ec->last_heard_ms > silence && now - ec->last_pull_ms > silence)
        ec->want_pull = true;
    if (!ec->want_pull && now - ec->last_pull_ms > tell_every_ms(ec))
        ec->want_pull = ec->only_telling = true;
    if (ec->refused && !ec->pulling)
        ec->want_pull = true; /* until an operator has decided, or a snapshot came */
    consumer_work(ec);
}

static struct metric *counter(struct event_consumer *ec, const char *name,
                              const char *help)
{
    AUTO_FREE char *label = xasprintf("stream=\"%s\"", ec->cfg.stream);
    return metric_counter(name, help, label);
}

static void make_metrics(struct event_consumer *ec)
{
    AUTO_FREE char *label = xasprintf("stream=\"%s\"", ec->cfg.stream);
    ec->lag_gauge = metric_gauge("events_consumer_lag",
                                 "Events of the stream not applied here yet", label);
    ec->gaps_total = counter(ec, "events_gaps_total", "Events that PUB did not deliver");
    ec->pulls_total = counter(ec, "events_pulls_total",
                              "Times the stream was asked for what was missing");
    ec->duplicates_total =
        counter(ec, "events_duplicates_total", "Events received again");
}

static bool subscribe(struct event_consumer *ec)
{
    AUTO_FREE char *events = xasprintf("%s.", ec->cfg.stream);
    AUTO_FREE char *beacon = xasprintf("beacon.%s", ec->cfg.stream);
    ec->link = peer_link_new(ec->svc->loop, ec->svc->keys, ZMQ_SUB, ec->cfg.peer,
                             ec->cfg.endpoints);
    if (!ec->link)
        return false;
    void *socket = peer_link_socket(ec->link);
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, events, strlen(events));
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, beacon, strlen(beacon));
    ec->source = loop_add_socket(ec->svc->loop, socket, on_readable, ec);
    return true;
}

struct event_consumer *event_consumer_start(struct svc *svc,
                                            const struct event_consumer_config *cfg,
                                            const char *epoch, int64_t cursor)
{
    struct event_consumer *ec = xcalloc(1, sizeof *ec);
    ec->svc = svc;
    ec->cfg = *cfg;
    ec->pull = contract_by_name(svc->contract, cfg->pull_method);
    if (!ec->pull)
        BUG("no such pull method");
    snprintf(ec->epoch, sizeof ec->epoch, "%s", epoch);
    ec->cursor = ec->tail = ec->head = cursor;
    ec->last_heard_ms = clock_mono_ms();
    ec->limit = CONSUMER_BATCH;
    ec->want_pull = true; /* what happened while we were away */
    make_metrics(ec);
    if (!subscribe(ec)) {
        consumer_free(ec);
        return NULL;
    }
    ec->tick = loop_timer(svc->loop, 0, TICK_MS, on_tick, ec);
    return ec;
}

void event_consumer_reset(struct event_consumer *ec, const char *epoch, int64_t cursor)
{
    run_clear(&ec->waiting);
    run_clear(&ec->flight);
    snprintf(ec->epoch, sizeof ec->epoch, "%s", epoch);
    ec->cursor = ec->tail = ec->head = cursor;
    ec->refused = ec->catching_up = false;
    ec->pull_void = ec->pulling; /* it asks from where we stood */
    ec->pull_after_ms = ec->fresh_ms = ec->answered_ms = 0;
    ec->want_pull = true;
    consumer_work(ec);
}

void event_consumer_stop(struct event_consumer **p)
{
    struct event_consumer *ec = *p;
    *p = NULL;
    if (!ec)
        return;
    loop_timer_cancel(&ec->tick);
    loop_timer_cancel(&ec->behind);
    loop_remove(&ec->source);
    peer_link_free(&ec->link);
    ec->stopped = true;
    if (!ec->applying && !ec->pulling)
        consumer_free(ec);
}

void event_consumer_state(const struct event_consumer *ec,
                          struct event_consumer_state *ret)
{
    *ret = (struct event_consumer_state){
        .cursor = ec->cursor,
        .head = ec->head,
        .last_heard_ms = ec->last_heard_ms,
        .fresh_ms = ec->fresh_ms,
        .note = ec->note,
        .gaps = ec->gaps,
        .pulls = ec->pulls,
        .duplicates = ec->duplicates,
        .epoch_refused = ec->refused,
    };
}

void event_consumer_beat(const struct event_consumer *ec, struct jsonw *w)
{
    struct event_consumer_state s = { 0 };
    if (ec)
        event_consumer_state(ec, &s);
    jw_kint(w, "cursor", s.cursor);
    jw_kint(w, "lag", s.head > s.cursor ? s.head - s.cursor : 0);
    jw_kint(w, "gaps", s.gaps);
    jw_kint(w, "pulls", s.pulls);
}
