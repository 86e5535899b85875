/*
 * Shared by rpc_server.c (start, stop), rpc_admit.c
 * (requests), rpc_reply.c (replies) and call.c (what handlers use). A call moves
 * FREE -> OPEN -> (GONE ->) FREE: GONE was answered by the server because its time ran
 * out or the server stopped, and waits for its handler to let go.
 */
#ifndef LIB_SVC_RPC_SERVER_PRIVATE_H
#define LIB_SVC_RPC_SERVER_PRIVATE_H

#include <jansson.h>
#include <stdatomic.h>
#include <zmq.h>

#include "svc/metrics.h"
#include "svc/rpc_server.h"

enum {
    RPC_IN_FLIGHT_MAX = 1024,
    RPC_TURN_MAX = 256,       /* messages taken in one turn of the loop */
    RPC_BIG_REPLY = 8 * 1024, /* from this size on, unsent bytes are counted */
    RPC_UNSENT_MAX = 64 * 1024 * 1024,
    RPC_SWEEP_MS = 20,
    RPC_CONTROL_LAST = 99,    /* highest number of proto/control.json */
    RPC_SLOW_US = 100 * 1000, /* a span is kept from here on */
    RPC_METHOD_PING = 1,
    RPC_TOLD_MAX = 64,
    RPC_TOLD_ID = 16, /* longest routing id; libzmq's own have 5 bytes */
};

/* A caller to be told of a drain. */
struct rpc_told {
    uint8_t id[RPC_TOLD_ID];
    size_t n;
    bool knows;
};

enum call_state { CALL_FREE, CALL_OPEN, CALL_GONE };

struct rpc_method {
    const struct contract_method *contract;
    call_fn *fn;
    struct metric *duration;
    struct metric **results; /* one per row of err_table(), and one for success */
};

/* Bytes of big replies that libzmq still holds; its I/O thread counts them down, maybe
 * after the server is gone. */
struct unsent {
    atomic_long bytes;
    atomic_int refs;
};

struct call_private {
    struct call call;
    struct rpc_server *server;
    const struct rpc_method *method;
    enum call_state state;
    bool actor_trusted;
    zmq_msg_t id, message;
    json_t *body_tree, *query_tree;
    struct call_private *next, *prev; /* of its list */
};

struct rpc_server {
    struct svc *svc;
    void *socket;
    struct loop_source *source;
    struct loop_timer *sweep;
    char endpoint[128];
    struct rpc_method *methods; /* in order of number */
    size_t nmethods;
    uint16_t *slot_of; /* by method number: index + 1 into methods */
    size_t nslots;
    struct call_private *open, *gone, *free; /* free: singly linked */
    unsigned in_flight;                      /* open */
    unsigned held;                           /* open or gone */
    bool draining;                           /* refuses new work */
    bool leaving;                            /* soon will */
    struct rpc_told told[RPC_TOLD_MAX];
    unsigned ntold;
    int64_t tell_by_ms; /* not waited for any longer */
    struct unsent *unsent;
    struct metric *in_flight_gauge;
    int64_t refused_logged_ms;
};

/* What to send back: everything of a reply but its load record. */
struct reply {
    uint16_t status;
    struct str meta, body;
};

/* Sends one reply to a routing id, which is used up. Drops and counts what the peer
 * cannot take (false). request: where tag, method and ids come from. */
bool rpc_server_send(struct rpc_server *s, zmq_msg_t *id, const struct frame *request,
                     const struct reply *r);
/* Counts a finished request: status as in a reply frame. */
void rpc_server_count(const struct rpc_method *m, unsigned status, int64_t duration_us);
/* Counts a request that never became a call; m may be NULL. */
void rpc_server_count_refused(const struct rpc_method *m, enum err e);
/* Counts what could not be delivered, by a cause from a fixed set. */
void rpc_server_dropped(const char *cause);
void rpc_unsent_release(struct unsent *u);
/* The socket is readable: takes a bounded number of messages. arg: the server. */
void rpc_server_receive(void *arg);
/* rpc_tell.c: a control.ping with this tag came from a caller. */
void rpc_tell_note(struct rpc_server *s, zmq_msg_t *id, uint64_t tag);
/* A drain has begun or ended. */
void rpc_tell_all(struct rpc_server *s);
/* Puts a call at the head of a list of the server. */
void call_list_add(struct call_private **head, struct call_private *p);
/* Frees what the call holds and keeps the struct for the next one. */
void call_release(struct call_private *p);
/* Answers an open call in its handler's place; it is GONE afterwards. */
void call_give_up(struct call_private *p, enum err e);

#endif
