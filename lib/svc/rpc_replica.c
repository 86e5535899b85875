#include "svc/rpc_client_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/log.h"

/* ---- messages ---- */

bool rpc_replica_send(struct rpc_replica *r, zmq_msg_t *frame)
{
    zmq_msg_t copy;
    loop_used(r->source);
    if (zmq_send(r->socket, "", 0, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return false;
    zmq_msg_init(&copy);
    zmq_msg_copy(&copy, frame);
    if (zmq_msg_send(&copy, r->socket, ZMQ_DONTWAIT) >= 0)
        return true;
    zmq_msg_close(&copy);
    return false;
}

static bool receive_part(struct rpc_replica *r, zmq_msg_t *m)
{
    zmq_msg_close(m);
    zmq_msg_init(m);
    return zmq_msg_recv(m, r->socket, ZMQ_DONTWAIT) >= 0;
}

/* One message; false when there is none. */
static bool take_one(struct rpc_replica *r)
{
    zmq_msg_t m;
    zmq_msg_init(&m);
    bool got = receive_part(r, &m);
    bool shaped = got && zmq_msg_size(&m) == 0 && zmq_msg_more(&m) &&
                  receive_part(r, &m) && !zmq_msg_more(&m);
    if (shaped) {
        rpc_client_on_reply(r->client, r, &m);
    } else if (got) {
        rpc_client_dropped("not_a_reply");
        while (zmq_msg_more(&m) && receive_part(r, &m))
            continue;
    }
    zmq_msg_close(&m);
    return got;
}

static void on_readable(void *arg)
{
    struct rpc_replica *r = arg;
    for (unsigned n = 0; n < RPC_CLIENT_TURN_MAX; n++)
        if (!take_one(r))
            return;
}

/* ---- connection events ---- */

static void send_ping(struct rpc_replica *r, uint64_t tag, int64_t now_ms)
{
    const struct frame f = { .method = RPC_CLIENT_PING,
                             .budget_ms = RPC_PING_AFTER_MS,
                             .tag = tag };
    zmq_msg_t m;
    if (zmq_msg_init_size(&m, FRAME_HEADER_SIZE) != 0)
        return;
    frame_put_header(&f, zmq_msg_data(&m));
    if (rpc_replica_send(r, &m))
        r->ping_sent_ms = now_ms;
    zmq_msg_close(&m);
}

static void came_up(struct rpc_replica *r)
{
    r->up = true;
    r->heard_ms = clock_mono_ms();
    r->ping_sent_ms = 0;
    r->misses = 0;
    r->up_since_ms = r->heard_ms;
    r->draining = r->refusing = false; /* perhaps a new process; it will say so if not */
    send_ping(r, FRAME_TAG_TELL, r->heard_ms);
    r->client->handshake_logged = false;
    rpc_client_flush(r->client);
}

static void went_down(struct rpc_replica *r)
{
    if (!r->up)
        return;
    r->up = false;
    r->down_since_ms = clock_mono_ms();
    while (take_one(r)) /* answers that made it before the end */
        continue;
    rpc_client_on_down(r->client, r);
}

/* A refusal and a peer with another key than the one we know both end here; an absent
 * peer looks much the same, so this is said once and counted. */
static void handshake_failed(struct rpc_replica *r, int event)
{
    struct rpc_client *c = r->client;
    metric_add(c->handshakes, 1);
    if (c->handshake_logged)
        return;
    c->handshake_logged = true;
    log_warn("rpc", "handshake failed; trying on", F_STR("peer", c->peer),
             F_STR("endpoint", r->endpoint),
             F_STR("why", event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
                              ? "the peer refuses our key"
                              : "the peer went away or has another key"));
}

static void on_event(void *arg)
{
    struct rpc_replica *r = arg;
    struct socket_event e;
    while (socket_watch_next(r->watch, &e)) {
        if (e.event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            came_up(r);
        else if (e.event == ZMQ_EVENT_DISCONNECTED)
            went_down(r);
        else
            handshake_failed(r, e.event);
    }
}

/* ---- the socket ---- */

static void close_socket(struct rpc_replica *r)
{
    loop_remove(&r->source);
    socket_watch_free(&r->watch);
    keys_socket_free(r->client->keys, &r->socket);
}

static bool open_socket(struct rpc_replica *r)
{
    static const int EVENTS =
        ZMQ_EVENT_HANDSHAKE_SUCCEEDED | SOCKET_HANDSHAKE_FAILED | ZMQ_EVENT_DISCONNECTED;
    struct rpc_client *c = r->client;
    r->socket = keys_client_socket(c->keys, ZMQ_DEALER, c->peer);
    if (!r->socket)
        return false;
    r->watch = socket_watch_new(c->loop, r->socket, EVENTS, on_event, r);
    if (!r->watch || keys_connect(r->socket, r->endpoint) != 0) {
        log_error("rpc", "cannot connect", F_STR("endpoint", r->endpoint),
                  F_STR("why", zmq_strerror(zmq_errno())));
        close_socket(r);
        return false;
    }
    r->source = loop_add_socket(c->loop, r->socket, on_readable, r);
    return true;
}

struct rpc_replica *rpc_replica_new(struct rpc_client *c, const char *endpoint)
{
    struct rpc_replica *r = xcalloc(1, sizeof *r);
    r->client = c;
    r->endpoint = xstrdup(endpoint);
    r->down_since_ms = clock_mono_ms();
    open_socket(r);
    return r;
}

void rpc_replica_free(struct rpc_replica **pr)
{
    struct rpc_replica *r = *pr;
    *pr = NULL;
    if (!r)
        return;
    close_socket(r);
    free(r->endpoint);
    free(r);
}

/* ---- health ---- */

bool rpc_replica_live(const struct rpc_replica *r)
{
    return r->up && r->misses < RPC_PING_MISSES;
}

bool rpc_replica_usable(const struct rpc_replica *r, int64_t now_ms)
{
    return rpc_replica_live(r) && !r->leaving && !r->draining && r->owed < RPC_OWED_MAX &&
           rpc_breaker_takes(&r->breaker, now_ms, r->owed);
}

void rpc_replica_failed(struct rpc_replica *r, int64_t now_ms)
{
    int64_t ms = rpc_breaker_bad(&r->breaker, now_ms, r->client->random);
    if (ms == 0)
        return;
    metric_add(r->client->ejections, 1);
    log_warn("rpc", "replica ejected", F_STR("peer", r->client->peer),
             F_STR("endpoint", r->endpoint), F_INT("for_ms", ms));
}

/* A ping without one under way is word of a drain. Saying that it was read tells the
 * server that what it takes from now on was sent in knowledge of it. */
void rpc_replica_on_ping(struct rpc_replica *r)
{
    bool asked = r->ping_sent_ms != 0;
    r->ping_sent_ms = 0;
    if (!asked)
        send_ping(r, FRAME_TAG_TOLD, clock_mono_ms());
}

void rpc_replica_tick(struct rpc_replica *r, int64_t now_ms)
{
    if (!r->up) {
        if (now_ms - r->down_since_ms < RPC_REOPEN_MS)
            return;
        r->down_since_ms = now_ms;
        close_socket(r);
        open_socket(r);
        return;
    }
    if (r->ping_sent_ms && now_ms - r->ping_sent_ms >= RPC_PING_AFTER_MS) {
        r->misses++;
        r->ping_sent_ms = 0;
    }
    /* One that owes answers is asked sooner: what is late then is its call, not itself.
     */
    bool quiet = now_ms - r->heard_ms >= (r->owed > 0 ? RPC_DOUBT_MS : RPC_PING_AFTER_MS);
    if (!r->ping_sent_ms && (quiet || r->draining))
        send_ping(r, FRAME_TAG_TELL, now_ms);
}
