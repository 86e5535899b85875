/*
 * What becomes of a ZeroMQ socket's connections: its monitor (zmq_socket_monitor(3)),
 * read in the loop's thread. The monitor tells in messages of two frames, [event u16,
 * value u32] in this machine's byte order and [endpoint]; the value is not passed on.
 *
 * The socket stays the caller's and must outlive the watch, which owns the rest: the PAIR
 * that the monitor tells to, and its source in the loop. A socket has one monitor: watch
 * it once. Nothing here blocks.
 */
#ifndef LIB_SVC_SOCKET_WATCH_H
#define LIB_SVC_SOCKET_WATCH_H

#include <stdbool.h>
#include <zmq.h>

#include "svc/loop.h"

struct socket_watch;

enum { SOCKET_ENDPOINT_MAX = 128 };

struct socket_event {
    int event;                          /* one ZMQ_EVENT_... */
    char endpoint[SOCKET_ENDPOINT_MAX]; /* the peer's; cut when longer */
};

/* The three ways in which a handshake can fail. */
#define SOCKET_HANDSHAKE_FAILED                                                          \
    (ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |             \
     ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)

/* Calls fn when one of `events` (a mask of ZMQ_EVENT_...) may have happened; fn takes
 * them all by socket_watch_next. Watch before connecting: what was before is not told.
 * NULL with zmq_errno when libzmq refuses. */
struct socket_watch *socket_watch_new(struct loop *l, void *socket, int events,
                                      loop_fn *fn, void *arg);
/* The next event, in the order they happened; false when there is none, and of a watch
 * that is NULL: fn may free it between two events. */
bool socket_watch_next(struct socket_watch *w, struct socket_event *ret);
/* Ends the monitor; to be called before the socket is closed. NULL is fine. */
void socket_watch_free(struct socket_watch **w);

#endif
