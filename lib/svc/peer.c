#include "svc/peer.h"

#include <czmq.h>
#include <string.h>
#include <zmq.h>

#include "base/id.h"
#include "base/mem.h"
#include "svc/log.h"
#include "svc/metrics.h"
#include "svc/resolve.h"

enum { PEERS_MAX = 64, RETRY_MS = 5000 };

struct peer_link {
    struct loop *loop;
    struct keys *keys;
    char peer[32];
    void *socket;
    zsock_t *events; /* PAIR to the socket's monitor */
    struct loop_source *events_source;
    struct resolver *resolver;
    struct loop_timer *retry;
    char *endpoints[PEERS_MAX];
    unsigned n, up;
    bool refused, logged;
};

static void connect_one(struct peer_link *p, const char *endpoint)
{
    if (p->n == PEERS_MAX)
        return;
    p->endpoints[p->n++] = xstrdup(endpoint);
    if (zmq_connect(p->socket, endpoint) != 0)
        log_warn("peer", "cannot connect", F_STR("endpoint", endpoint),
                 F_STR("why", zmq_strerror(zmq_errno())));
}

static bool contains(const char *const *set, unsigned n, const char *endpoint)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(set[i], endpoint) == 0)
            return true;
    return false;
}

static void on_addresses(void *arg, const char *const *endpoints, unsigned n)
{
    struct peer_link *p = arg;
    for (unsigned i = 0; i < p->n;) {
        if (contains(endpoints, n, p->endpoints[i])) {
            i++;
            continue;
        }
        zmq_disconnect(p->socket, p->endpoints[i]);
        free(p->endpoints[i]);
        p->endpoints[i] = p->endpoints[--p->n];
    }
    for (unsigned i = 0; i < n; i++)
        if (!contains((const char *const *)p->endpoints, p->n, endpoints[i]))
            connect_one(p, endpoints[i]);
}

static void connect_again(void *arg)
{
    struct peer_link *p = arg;
    if (!p->refused)
        return;
    p->refused = false;
    for (unsigned i = 0; i < p->n; i++) {
        zmq_disconnect(p->socket, p->endpoints[i]);
        zmq_connect(p->socket, p->endpoints[i]);
    }
}

static void note_refusal(struct peer_link *p)
{
    char label[64];
    snprintf(label, sizeof label, "peer=\"%s\"", p->peer);
    metric_add(metric_counter("curve_handshake_failed_total",
                              "Handshakes that a peer refused", label),
               1);
    p->refused = true;
    if (p->logged)
        return;
    p->logged = true;
    log_warn("peer", "the peer refuses our key; trying on", F_STR("peer", p->peer));
}

/* A monitor message: [event u16, value u32] [address]. */
static bool read_event(void *socket, uint16_t *ret)
{
    zmq_msg_t m;
    zmq_msg_init(&m);
    if (zmq_msg_recv(&m, socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&m);
        return false;
    }
    *ret = 0;
    if (zmq_msg_size(&m) >= sizeof *ret)
        memcpy(ret, zmq_msg_data(&m), sizeof *ret);
    while (zmq_msg_more(&m) && zmq_msg_recv(&m, socket, ZMQ_DONTWAIT) >= 0)
        ;
    zmq_msg_close(&m);
    return true;
}

static void on_event(void *arg)
{
    struct peer_link *p = arg;
    uint16_t event;
    while (read_event(zsock_resolve(p->events), &event)) {
        if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
            note_refusal(p);
        else if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
            p->up++;
            p->logged = false;
        } else if (event == ZMQ_EVENT_DISCONNECTED && p->up > 0)
            p->up--;
    }
}

static bool watch(struct peer_link *p)
{
    uint64_t unique;
    id_random(&unique, sizeof unique);
    AUTO_FREE char *name = xasprintf("inproc://peer-%016llx", (unsigned long long)unique);
    int mask = ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
               ZMQ_EVENT_DISCONNECTED;
    p->events = zsock_new(ZMQ_PAIR);
    if (!p->events || zmq_socket_monitor(p->socket, name, mask) != 0 ||
        zmq_connect(zsock_resolve(p->events), name) != 0)
        return false;
    p->events_source = loop_add_socket(p->loop, zsock_resolve(p->events), on_event, p);
    return true;
}

struct peer_link *peer_link_new(struct loop *l, struct keys *k, int zmq_type,
                                const char *peer, const char *endpoints)
{
    void *socket = keys_client_socket(k, zmq_type, peer);
    if (!socket) {
        log_error("peer", "there is no certificate of this peer", F_STR("peer", peer));
        return NULL;
    }
    struct peer_link *p = xcalloc(1, sizeof *p);
    p->loop = l;
    p->keys = k;
    p->socket = socket;
    snprintf(p->peer, sizeof p->peer, "%s", peer);
    if (!watch(p))
        log_warn("peer", "connections are not watched", F_STR("peer", peer));
    p->retry = loop_timer(l, RETRY_MS, RETRY_MS, connect_again, p);
    p->resolver = resolver_start(l, endpoints, on_addresses, p);
    return p;
}

void *peer_link_socket(struct peer_link *p)
{
    return p->socket;
}

unsigned peer_link_up(const struct peer_link *p)
{
    return p->up;
}

void peer_link_free(struct peer_link **pp)
{
    struct peer_link *p = *pp;
    if (!p)
        return;
    *pp = NULL;
    loop_timer_cancel(&p->retry);
    if (p->resolver)
        resolver_stop(&p->resolver);
    loop_remove(&p->events_source);
    zmq_socket_monitor(p->socket, NULL, 0);
    zsock_destroy(&p->events);
    keys_socket_free(p->keys, &p->socket);
    for (unsigned i = 0; i < p->n; i++)
        free(p->endpoints[i]);
    free(p);
}
