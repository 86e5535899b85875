#include "svc/rpc_client_private.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "svc/log.h"

static void make_metrics(struct rpc_client *c)
{
    size_t errors;
    char labels[96];
    err_table(&errors);
    snprintf(labels, sizeof labels, "peer=\"%s\"", c->peer);
    c->results = xcalloc(errors + 1, sizeof(struct metric *));
    c->duration = metric_histogram("rpc_client_request_duration_seconds",
                                   "Time from call to answer", labels);
    c->retries = metric_counter("rpc_client_retries_total",
                                "Calls sent again to another replica", labels);
    c->ejections =
        metric_counter("rpc_client_ejections_total",
                       "Times a replica was left alone for bad answers", labels);
    c->handshakes = metric_counter("curve_handshake_failed_total",
                                   "Handshakes that a peer refused", labels);
}

/* ---- time ---- */

static void tick(void *arg)
{
    struct rpc_client *c = arg;
    int64_t now = clock_mono_ms();
    for (unsigned i = 0; i < c->nreplicas;) {
        struct rpc_replica *r = c->replica[i];
        if (!r->leaving || (r->owed > 0 && now < r->leave_by_ms)) {
            rpc_replica_tick(r, now);
            i++;
            continue;
        }
        c->replica[i] = c->replica[--c->nreplicas]; /* first, so that nobody chooses it */
        rpc_client_on_down(c, r);
        rpc_replica_free(&r);
    }
    rpc_client_flush(c); /* an ejection may be over */
}

/* ---- membership ---- */

static struct rpc_replica *find_replica(const struct rpc_client *c, const char *endpoint)
{
    for (unsigned i = 0; i < c->nreplicas; i++)
        if (strcmp(c->replica[i]->endpoint, endpoint) == 0)
            return c->replica[i];
    return NULL;
}

static void on_addresses(void *arg, const char *const *endpoints, unsigned n)
{
    struct rpc_client *c = arg;
    int64_t leave_by = clock_mono_ms() + RPC_LEAVE_MS;
    for (unsigned i = 0; i < c->nreplicas; i++) {
        if (!c->replica[i]->leaving)
            c->replica[i]->leave_by_ms = leave_by;
        c->replica[i]->leaving = true;
    }
    for (unsigned i = 0; i < n; i++) {
        struct rpc_replica *r = find_replica(c, endpoints[i]);
        if (r)
            r->leaving = false;
        else if (c->nreplicas < RPC_REPLICAS_MAX)
            c->replica[c->nreplicas++] = rpc_replica_new(c, endpoints[i]);
    }
    rpc_client_flush(c);
}

struct rpc_client *rpc_client_new(struct loop *l, struct keys *k, const char *peer,
                                  const char *endpoints)
{
    void *probe = keys_client_socket(k, ZMQ_DEALER, peer);
    if (!probe) {
        log_error("rpc", "there is no certificate of this peer", F_STR("peer", peer));
        return NULL;
    }
    keys_socket_free(k, &probe);
    struct rpc_client *c = xcalloc(1, sizeof *c);
    c->loop = l;
    c->keys = k;
    c->peer = xstrdup(peer);
    c->queue_end = &c->queue;
    c->queue_ms = RPC_QUEUE_MS;
    c->retry_filled_ms = clock_mono_ms();
    id_random(&c->random, sizeof c->random);
    c->random |= 1;
    c->retry_tokens = 10;
    make_metrics(c);
    c->tick = loop_timer(l, RPC_TICK_MS, RPC_TICK_MS, tick, c);
    c->resolver = resolver_start(l, endpoints, on_addresses, c);
    return c;
}

/* A replica that was sent it may have done it; "draining" would deny that. */
static enum err why_abandoned(const struct pending *p)
{
    return p->attempts > 0 ? ERR_OUTCOME_UNKNOWN : ERR_DRAINING;
}

void rpc_client_free(struct rpc_client **pc)
{
    struct rpc_client *c = *pc;
    *pc = NULL;
    if (!c)
        return;
    c->closing = true;
    resolver_stop(&c->resolver);
    for (uint32_t i = 0; i < c->nslots; i++)
        if (c->slots[i]->state != PENDING_FREE)
            rpc_client_finish(c, c->slots[i], why_abandoned(c->slots[i]), NULL);
    loop_timer_cancel(&c->sweep);
    loop_timer_cancel(&c->tick);
    loop_timer_cancel(&c->settle);
    for (unsigned i = 0; i < c->nreplicas; i++)
        rpc_replica_free(&c->replica[i]);
    for (uint32_t i = 0; i < c->nslots; i++)
        free(c->slots[i]);
    free(c->slots);
    free(c->results);
    free(c->peer);
    free(c);
}

void rpc_client_state(const struct rpc_client *c, struct rpc_client_state *ret)
{
    *ret = (struct rpc_client_state){ .in_flight = c->in_flight };
    for (unsigned i = 0; i < c->nreplicas; i++) {
        ret->replicas += !c->replica[i]->leaving;
        ret->live += !c->replica[i]->leaving && rpc_replica_live(c->replica[i]);
    }
}

/* ---- replies that outlive their callback ---- */

struct rpc_reply {
    zmq_msg_t message;
};

struct rpc_reply *rpc_reply_take(struct rpc_client *c)
{
    if (!c->current)
        BUG("no reply to take");
    struct rpc_reply *r = xmalloc(sizeof *r);
    zmq_msg_init(&r->message);
    zmq_msg_move(&r->message, c->current); /* the bytes stay where they are */
    return r;
}

void rpc_reply_free(struct rpc_reply *r)
{
    if (!r)
        return;
    zmq_msg_close(&r->message);
    free(r);
}

/* ---- one call, for the verbs ---- */

struct once {
    struct loop *loop;
    enum err e;
    int status;
    char *body;
    size_t n;
};

static void once_done(void *arg, enum err e, const struct frame *reply)
{
    struct once *o = arg;
    o->e = e;
    if (reply) {
        o->status = reply->status < 1000 ? reply->status : err_info(e)->status;
        o->n = reply->body.n;
        o->body = xstrndup(reply->body.n ? reply->body.p : "", reply->body.n);
    }
    loop_stop(o->loop);
}

enum err rpc_call_once(struct keys *k, const char *peer, const char *endpoints,
                       const struct frame *req, uint32_t timeout_ms, char **ret_body,
                       size_t *ret_n, int *ret_status)
{
    struct once o = { .loop = loop_new(), .e = ERR_UNAVAILABLE };
    struct rpc_client *c = rpc_client_new(o.loop, k, peer, endpoints);
    if (c) {
        c->queue_ms = timeout_ms;
        rpc_call(c, req, timeout_ms, false, once_done, &o);
        loop_run(o.loop);
        rpc_client_free(&c);
    }
    loop_free(&o.loop);
    *ret_body = o.body;
    *ret_n = o.n;
    *ret_status = o.status;
    return o.e;
}
