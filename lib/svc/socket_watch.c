#include "svc/socket_watch.h"

#include <czmq.h>
#include <errno.h>

#include "base/id.h"
#include "base/mem.h"

struct socket_watch {
    void *socket;
    zsock_t *pair;
    struct loop_source *source;
};

static bool listen_to(struct socket_watch *w, int events)
{
    uint64_t unique;
    id_random(&unique, sizeof unique);
    AUTO_FREE char *name =
        xasprintf("inproc://watch-%016llx", (unsigned long long)unique);
    w->pair = zsock_new(ZMQ_PAIR);
    return w->pair && zmq_socket_monitor(w->socket, name, events) == 0 &&
           zmq_connect(zsock_resolve(w->pair), name) == 0;
}

struct socket_watch *socket_watch_new(struct loop *l, void *socket, int events,
                                      loop_fn *fn, void *arg)
{
    struct socket_watch *w = xcalloc(1, sizeof *w);
    w->socket = socket;
    if (listen_to(w, events)) {
        w->source = loop_add_socket(l, zsock_resolve(w->pair), fn, arg);
        return w;
    }
    int why = errno;
    socket_watch_free(&w);
    errno = why;
    return NULL;
}

bool socket_watch_next(struct socket_watch *w, struct socket_event *ret)
{
    *ret = (struct socket_event){ 0 };
    if (!w)
        return false;
    void *pair = zsock_resolve(w->pair);
    uint16_t event = 0;
    zmq_msg_t m;
    zmq_msg_init(&m);
    bool got = zmq_msg_recv(&m, pair, ZMQ_DONTWAIT) >= 0;
    if (got && zmq_msg_size(&m) >= sizeof event)
        memcpy(&event, zmq_msg_data(&m), sizeof event);
    while (got && zmq_msg_more(&m) && zmq_msg_recv(&m, pair, ZMQ_DONTWAIT) >= 0)
        snprintf(ret->endpoint, sizeof ret->endpoint, "%.*s", (int)zmq_msg_size(&m),
                 (const char *)zmq_msg_data(&m));
    zmq_msg_close(&m);
    ret->event = event;
    return got;
}

void socket_watch_free(struct socket_watch **pw)
{
    struct socket_watch *w = *pw;
    if (!w)
        return;
    *pw = NULL;
    loop_remove(&w->source);
    zmq_socket_monitor(w->socket, NULL, 0);
    zsock_destroy(&w->pair);
    free(w);
}
