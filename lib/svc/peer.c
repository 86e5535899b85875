#include "svc/peer.h"

#include <string.h>
#include <zmq.h>

#include "base/mem.h"
#include "svc/log.h"
#include "svc/metrics.h"
#include "svc/resolve.h"
#include "svc/socket_watch.h"

enum { PEERS_MAX = 64, RETRY_MS = 5000 };

struct target {
    char *endpoint;
    bool refused; /* libzmq has given it up */
};

struct peer_link {
    struct loop *loop;
    struct keys *keys;
    char peer[KEYS_NAME_MAX + 1];
    void *socket;
    struct socket_watch *watch;
    struct resolver *resolver;
    struct loop_timer *retry;
    struct target targets[PEERS_MAX];
    unsigned n;
    bool logged; /* a refusal; cleared by the next success */
};

static void connect_one(struct peer_link *p, const char *endpoint)
{
    if (p->n == PEERS_MAX)
        return;
    p->targets[p->n++] = (struct target){ .endpoint = xstrdup(endpoint) };
    if (keys_connect(p->socket, endpoint) != 0)
        log_warn("peer", "cannot connect", F_STR("endpoint", endpoint),
                 F_STR("why", zmq_strerror(zmq_errno())));
}

static struct target *find(struct peer_link *p, const char *endpoint)
{
    for (unsigned i = 0; i < p->n; i++)
        if (strcmp(p->targets[i].endpoint, endpoint) == 0)
            return &p->targets[i];
    return NULL;
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
        if (contains(endpoints, n, p->targets[i].endpoint)) {
            i++;
            continue;
        }
        zmq_disconnect(p->socket, p->targets[i].endpoint);
        free(p->targets[i].endpoint);
        p->targets[i] = p->targets[--p->n];
    }
    for (unsigned i = 0; i < n; i++)
        if (!find(p, endpoints[i]))
            connect_one(p, endpoints[i]);
}

/* Only what was refused: the others' connections hold messages on their way. */
static void connect_again(void *arg)
{
    struct peer_link *p = arg;
    for (unsigned i = 0; i < p->n; i++) {
        if (!p->targets[i].refused)
            continue;
        p->targets[i].refused = false;
        zmq_disconnect(p->socket, p->targets[i].endpoint);
        keys_connect(p->socket, p->targets[i].endpoint);
    }
}

static void note_refusal(struct peer_link *p, const char *endpoint)
{
    char label[64];
    snprintf(label, sizeof label, "peer=\"%s\"", p->peer);
    metric_add(metric_counter("curve_handshake_failed_total",
                              "Handshakes that a peer refused", label),
               1);
    struct target *t = find(p, endpoint);
    if (t)
        t->refused = true;
    if (p->logged)
        return;
    p->logged = true;
    log_warn("peer", "the peer refuses our key; trying on", F_STR("peer", p->peer),
             F_STR("endpoint", endpoint));
}

static void on_event(void *arg)
{
    struct peer_link *p = arg;
    struct socket_event e;
    while (socket_watch_next(p->watch, &e)) {
        if (e.event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
            note_refusal(p, e.endpoint);
        else if (e.event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            p->logged = false;
    }
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
    p->watch = socket_watch_new(
        l, socket, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_SUCCEEDED,
        on_event, p);
    if (!p->watch)
        log_warn("peer", "connections are not watched", F_STR("peer", peer));
    p->retry = loop_timer(l, RETRY_MS, RETRY_MS, connect_again, p);
    p->resolver = resolver_start(l, endpoints, on_addresses, p);
    return p;
}

void *peer_link_socket(struct peer_link *p)
{
    return p->socket;
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
    socket_watch_free(&p->watch);
    keys_socket_free(p->keys, &p->socket);
    for (unsigned i = 0; i < p->n; i++)
        free(p->targets[i].endpoint);
    free(p);
}
