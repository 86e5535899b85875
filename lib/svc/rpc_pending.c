/* Calls on their way: choosing a replica, queueing, sending again, giving up. */
#include "svc/rpc_client_private.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "svc/log.h"

/* ---- figures ---- */

void rpc_client_dropped(const char *cause)
{
    char labels[64];
    snprintf(labels, sizeof labels, "cause=\"%s\"", cause);
    metric_add(metric_counter("rpc_client_dropped_total", "Replies that answered nothing",
                              labels),
               1);
}

static void count_result(struct rpc_client *c, enum err e)
{
    size_t n;
    char labels[128];
    const struct err_info *table = err_table(&n);
    const struct err_info *row = e == ERR_OK ? NULL : err_info(e);
    size_t slot = row ? (size_t)(row - table) : n;
    if (!c->results[slot]) {
        snprintf(labels, sizeof labels, "peer=\"%s\",result=\"%s\"", c->peer,
                 row ? row->code : "ok");
        c->results[slot] =
            metric_counter("rpc_client_requests_total", "Calls finished", labels);
    }
    metric_add(c->results[slot], 1);
}

/* ---- the table of pending calls ---- */

static struct pending *take_slot(struct rpc_client *c)
{
    enum { GROW = 64 };
    if (!c->free) {
        c->slots = xrealloc(c->slots, (c->nslots + GROW) * sizeof(struct pending *));
        for (uint32_t i = 0; i < GROW; i++) {
            struct pending *p = xcalloc(1, sizeof *p);
            p->slot = c->nslots;
            p->next = c->free;
            c->free = p;
            c->slots[c->nslots++] = p;
        }
    }
    struct pending *p = c->free;
    c->free = p->next;
    p->next = NULL;
    c->in_flight++;
    return p;
}

static uint64_t tag_of(const struct pending *p)
{
    return (uint64_t)(p->generation & INT32_MAX) << 32 | p->slot;
}

static struct pending *find_owed(const struct rpc_client *c, const struct rpc_replica *r,
                                 uint64_t tag)
{
    uint32_t slot = (uint32_t)tag;
    if (slot >= c->nslots)
        return NULL;
    struct pending *p = c->slots[slot];
    bool match = p->state == PENDING_SENT && p->replica == r && tag_of(p) == tag;
    return match ? p : NULL;
}

void rpc_client_finish(struct rpc_client *c, struct pending *p, enum err e,
                       const struct frame *reply)
{
    rpc_done_fn *fn = p->fn;
    void *arg = p->arg;
    if (p->state == PENDING_SENT)
        p->replica->owed--;
    count_result(c, e);
    metric_observe_us(c->duration, clock_mono_us() - p->started_us);
    zmq_msg_close(&p->frame);
    p->state = PENDING_FREE;
    p->replica = NULL;
    p->generation++;
    p->next = c->free;
    c->free = p;
    c->in_flight--;
    fn(arg, e, reply);
}

/* ---- choosing a replica ---- */

static uint32_t random_below(struct rpc_client *c, uint32_t n)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return (uint32_t)((c->random >> 32) * n >> 32);
}

/* A new replica's share grows over RPC_WARM_MS: now and then it passes its turn. */
static bool passes_turn(struct rpc_client *c, const struct rpc_replica *r, int64_t now_ms)
{
    int64_t age_ms = now_ms - r->up_since_ms;
    return age_ms < RPC_WARM_MS && random_below(c, RPC_WARM_MS) > (uint64_t)age_ms;
}

/* The one that owes less; when they owe the same, a, unless it is new and b is not. */
static struct rpc_replica *better(struct rpc_client *c, struct rpc_replica *a,
                                  struct rpc_replica *b, int64_t now_ms)
{
    struct rpc_replica *less = b->owed < a->owed ? b : a, *other = less == a ? b : a;
    bool other_warm = now_ms - other->up_since_ms >= RPC_WARM_MS;
    return other_warm && passes_turn(c, less, now_ms) ? other : less;
}

/* None is free to take a call: one that says it is going but has refused nothing yet, or
 * an ejected one, now and then, to learn whether it has recovered. */
static struct rpc_replica *last_resort(struct rpc_client *c,
                                       const struct rpc_replica *not_this, int64_t now_ms)
{
    for (unsigned i = 0; i < c->nreplicas; i++) {
        struct rpc_replica *r = c->replica[i];
        if (r == not_this || !rpc_replica_live(r) || r->leaving || r->refusing ||
            r->owed >= RPC_OWED_MAX)
            continue;
        bool open = rpc_breaker_open(&r->breaker, now_ms);
        if (open ? now_ms >= c->probe_after_ms : r->draining)
            return r;
    }
    return NULL;
}

/* Two at random, the better one: near the best balance, without herding. */
static struct rpc_replica *choose(struct rpc_client *c,
                                  const struct rpc_replica *not_this)
{
    struct rpc_replica *usable[RPC_REPLICAS_MAX];
    uint32_t n = 0;
    int64_t now = loop_now_ms(c->loop);
    for (unsigned i = 0; i < c->nreplicas; i++)
        if (c->replica[i] != not_this && rpc_replica_usable(c->replica[i], now))
            usable[n++] = c->replica[i];
    if (n < 2)
        return n ? usable[0] : last_resort(c, not_this, now);
    uint32_t a = random_below(c, n), b = random_below(c, n - 1);
    b += b >= a;
    return better(c, usable[a], usable[b], now);
}

/* Somebody is there, and nobody worth asking: waiting would not help. */
static bool all_ejected(const struct rpc_client *c)
{
    int64_t now = loop_now_ms(c->loop);
    unsigned ejected = 0;
    for (unsigned i = 0; i < c->nreplicas; i++) {
        const struct rpc_replica *r = c->replica[i];
        if (!rpc_replica_live(r) || r->leaving)
            continue;
        if (rpc_breaker_takes(&r->breaker, now, r->owed))
            return false;
        ejected++;
    }
    return ejected > 0;
}

/* ---- sending ---- */

static bool try_send(struct rpc_client *c, struct pending *p,
                     const struct rpc_replica *not_this)
{
    struct rpc_replica *r = choose(c, not_this);
    if (r && !rpc_replica_send(r, &p->frame)) {
        r = choose(c, r); /* its pipe is full: never sent, so another one may have it */
        if (r && (r == not_this || !rpc_replica_send(r, &p->frame)))
            return false;
    }
    if (!r)
        return false;
    if (rpc_breaker_open(&r->breaker, loop_now_ms(c->loop)))
        c->probe_after_ms = loop_now_ms(c->loop) + RPC_PROBE_MS;
    p->state = PENDING_SENT;
    p->replica = r;
    p->sent_ms = loop_now_ms(c->loop);
    p->attempts++;
    r->owed++;
    return true;
}

static void tell_failed(void *arg)
{
    struct rpc_client *c = arg;
    c->settle = NULL;
    while (c->failed) {
        struct pending *p = c->failed;
        c->failed = p->next;
        rpc_client_finish(c, p, p->why, NULL);
    }
}

static void fail_later(struct rpc_client *c, struct pending *p, enum err why)
{
    p->state = PENDING_FAILED;
    p->replica = NULL;
    p->why = why;
    p->next = c->failed;
    c->failed = p;
    if (!c->settle)
        c->settle = loop_timer(c->loop, 0, 0, tell_failed, c);
}

static void enqueue(struct rpc_client *c, struct pending *p)
{
    if (c->queued >= RPC_QUEUE_MAX || all_ejected(c)) {
        fail_later(c, p, ERR_UNAVAILABLE);
        return;
    }
    p->state = PENDING_QUEUED;
    p->replica = NULL;
    p->queued_ms = clock_mono_ms();
    p->next = NULL;
    *c->queue_end = p;
    c->queue_end = &p->next;
    c->queued++;
}

static struct pending *dequeue(struct rpc_client *c)
{
    struct pending *p = c->queue;
    c->queue = p->next;
    if (!c->queue)
        c->queue_end = &c->queue;
    p->next = NULL;
    c->queued--;
    return p;
}

/* A second version of the frame: other tag, what is left of the budget, marked. The bytes
 * of the first may still be read by libzmq, so they are not touched. */
static bool rewrite(struct pending *p, int64_t now_ms)
{
    struct frame f;
    zmq_msg_t again;
    size_t n = zmq_msg_size(&p->frame);
    const struct str old = { zmq_msg_data(&p->frame), n };
    int64_t left = p->deadline_ms - now_ms;
    if (left <= 0 || frame_decode(old, &f) != ERR_OK || zmq_msg_init_size(&again, n) != 0)
        return false;
    p->generation++;
    f.tag = tag_of(p);
    f.budget_ms = (uint32_t)left;
    f.flags |= p->attempts ? FRAME_RETRY : 0;
    char *out = zmq_msg_data(&again);
    memcpy(out, old.p, n);
    frame_put_header(&f, out);
    zmq_msg_move(&p->frame, &again);
    return true;
}

void rpc_client_flush(struct rpc_client *c)
{
    int64_t now = clock_mono_ms();
    while (c->queue && choose(c, NULL)) {
        struct pending *p = c->queue;
        if (!rewrite(p, now))
            fail_later(c, dequeue(c), ERR_UNAVAILABLE);
        else if (try_send(c, p, NULL))
            dequeue(c);
        else
            return;
    }
}

/* ---- retrying ---- */

/* At most a tenth of the requests and 5 a second: retries must not feed an outage. */
static bool take_retry_token(struct rpc_client *c, int64_t now_ms)
{
    const double per_second = 5, most = 50;
    double gained = (double)(now_ms - c->retry_filled_ms) * per_second / 1000;
    c->retry_tokens += gained;
    if (c->retry_tokens > most)
        c->retry_tokens = most;
    c->retry_filled_ms = now_ms;
    if (c->retry_tokens < 1)
        return false;
    c->retry_tokens -= 1;
    return true;
}

/* Gives an unanswered call to another replica. untouched: the first one did no work on
 * it, which makes this free and right for every method. False: finish it instead. */
static bool send_elsewhere(struct rpc_client *c, struct pending *p, bool untouched)
{
    enum { TRIES = 2, LEAST_PERCENT = 40 };
    const struct rpc_replica *first = p->replica;
    int64_t now = clock_mono_ms(), left = p->deadline_ms - now;
    if (c->closing || p->attempts >= (untouched ? c->nreplicas : TRIES))
        return false;
    if (!untouched && (!p->retry || left * 100 < (int64_t)p->timeout_ms * LEAST_PERCENT))
        return false;
    if (!choose(c, first) || (!untouched && !take_retry_token(c, now)))
        return false;
    if (!rewrite(p, now))
        return false;
    p->replica->owed--;
    p->state = PENDING_FREE;
    metric_add(c->retries, 1);
    if (!try_send(c, p, first))
        enqueue(c, p);
    return true;
}

/* ---- what replicas tell ---- */

static void note_reply(struct rpc_replica *r, const struct frame *f)
{
    struct frame_load load;
    r->heard_ms = loop_now_ms(r->client->loop);
    r->misses = 0;
    if (!record_get_load(f->meta, &load))
        return;
    r->draining = load.draining;
    r->refusing = r->refusing && load.draining;
}

/* Errors that another replica might not have given. What the caller did wrong, a refusal
 * to take more and the control methods say nothing about how well it works; nor does a
 * call that took too long: a client that asks for what is slow could have every replica
 * ejected, and all others refused. */
static void judge(struct rpc_replica *r, const struct frame *f)
{
    static const uint16_t BAD[] = { ERR_INTERNAL, ERR_UNAVAILABLE, ERR_OUTCOME_UNKNOWN };
    int64_t now = clock_mono_ms();
    if (f->method <= RPC_CLIENT_CONTROL_LAST || f->status == ERR_DRAINING ||
        f->status == ERR_OVERLOADED || f->status == ERR_DEADLINE)
        return;
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        if (f->status != BAD[i])
            continue;
        rpc_replica_failed(r, now);
        return;
    }
    rpc_breaker_good(&r->breaker, now);
}

void rpc_client_on_reply(struct rpc_client *c, struct rpc_replica *r, zmq_msg_t *m)
{
    struct frame f;
    const struct str bytes = { zmq_msg_data(m), zmq_msg_size(m) };
    enum err e = frame_decode(bytes, &f);
    bool fine = e == ERR_OK && (f.flags & FRAME_REPLY);
    if (fine)
        note_reply(r, &f);
    if (f.tag & FRAME_TAG_TELL) {
        if (fine)
            rpc_replica_on_ping(r);
        rpc_client_flush(c); /* it may have ended its drain */
        return;
    }
    struct pending *p = find_owed(c, r, f.tag);
    if (!p || !fine) {
        rpc_client_dropped(p ? "bad_frame" : "late");
        if (p)
            rpc_client_finish(c, p, e == ERR_OK ? ERR_BAD_FRAME : e, NULL);
        return;
    }
    judge(r, &f);
    e = f.status < 1000 ? ERR_OK : (enum err)f.status;
    if (e == ERR_DRAINING)
        r->draining = r->refusing = true;
    bool busy = e == ERR_DRAINING || e == ERR_OVERLOADED;
    if (busy && send_elsewhere(c, p, e == ERR_DRAINING))
        return;
    c->current = m;
    rpc_client_finish(c, p, e, &f);
    c->current = NULL;
    rpc_client_flush(c);
}

void rpc_client_on_down(struct rpc_client *c, struct rpc_replica *r)
{
    for (uint32_t i = 0; i < c->nslots; i++) {
        struct pending *p = c->slots[i];
        if (p->state != PENDING_SENT || p->replica != r)
            continue;
        if (!send_elsewhere(c, p, false))
            rpc_client_finish(c, p, ERR_OUTCOME_UNKNOWN, NULL);
    }
}

/* ---- time ---- */

static void drop_old_queued(struct rpc_client *c, int64_t now)
{
    while (c->queue) {
        struct pending *p = c->queue;
        if (now - p->queued_ms < c->queue_ms && now < p->deadline_ms)
            return;
        rpc_client_finish(c, dequeue(c), ERR_UNAVAILABLE, NULL);
    }
}

/* No answer in time. From a replica that has said something since it was asked, if only a
 * pong, that is the call's fault; one that says nothing hangs. */
static void note_silence(struct rpc_replica *r, int64_t since_ms, int64_t now)
{
    if (r->heard_ms <= since_ms)
        rpc_replica_failed(r, now);
}

/* Half its time is gone without an answer: what may be done twice is asked of another
 * replica. The first one's answer, should it still come, is dropped as late. */
static void ask_elsewhere(struct rpc_client *c, struct pending *p, int64_t now)
{
    struct rpc_replica *slow = p->replica;
    int64_t since_ms = p->sent_ms;
    p->elsewhere_ms = INT64_MAX;
    if (send_elsewhere(c, p, false))
        note_silence(slow, since_ms, now);
}

static void sweep(void *arg)
{
    struct rpc_client *c = arg;
    int64_t now = clock_mono_ms();
    drop_old_queued(c, now);
    for (uint32_t i = 0; i < c->nslots; i++) {
        struct pending *p = c->slots[i];
        if (p->state != PENDING_SENT)
            continue;
        if (now >= p->elsewhere_ms)
            ask_elsewhere(c, p, now);
        if (p->state != PENDING_SENT || now < p->deadline_ms)
            continue;
        note_silence(p->replica, p->sent_ms, now);
        rpc_client_finish(c, p, ERR_DEADLINE, NULL);
    }
    if (c->in_flight == 0)
        loop_timer_cancel(&c->sweep);
}

/* ---- calling ---- */

static void write_request(struct pending *p, const struct frame *req)
{
    struct frame f = *req;
    f.tag = tag_of(p);
    f.budget_ms = p->timeout_ms;
    f.flags = req->flags & (FRAME_RETRY | FRAME_SAMPLED);
    f.status = 0;
    char *out = zmq_msg_data(&p->frame);
    frame_put_header(&f, out);
    out += FRAME_HEADER_SIZE;
    if (f.meta.n)
        out = mempcpy(out, f.meta.p, f.meta.n);
    if (f.body.n)
        memcpy(out, f.body.p, f.body.n);
}

void rpc_call(struct rpc_client *c, const struct frame *req, uint32_t timeout_ms,
              bool retry, rpc_done_fn *fn, void *arg)
{
    struct pending *p = take_slot(c);
    size_t size = FRAME_HEADER_SIZE + req->meta.n + req->body.n;
    p->fn = fn;
    p->arg = arg;
    p->retry = retry;
    p->attempts = 0;
    p->timeout_ms = timeout_ms;
    p->started_us = clock_mono_us();
    p->deadline_ms = p->started_us / 1000 + timeout_ms;
    p->elsewhere_ms = retry ? p->deadline_ms - timeout_ms / 2 : INT64_MAX;
    c->retry_tokens += 0.1;
    zmq_msg_init(&p->frame);
    bool big = req->meta.n > FRAME_META_MAX || req->body.n > FRAME_BULK_MAX;
    if (c->closing || big || zmq_msg_init_size(&p->frame, size) != 0) {
        fail_later(c, p, big ? ERR_TOO_LARGE : ERR_UNAVAILABLE);
        return;
    }
    write_request(p, req);
    if (c->queue || !try_send(c, p, NULL))
        enqueue(c, p);
    if (!c->sweep)
        c->sweep =
            loop_timer(c->loop, RPC_CLIENT_SWEEP_MS, RPC_CLIENT_SWEEP_MS, sweep, c);
}
