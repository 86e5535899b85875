/*
 * Shared by rpc_client.c (the pool and its members), rpc_pending.c (calls: choosing,
 * queueing, retrying, deadlines) and rpc_replica.c (one connection: its socket, its
 * events, its pings).
 *
 * A pending call is FREE, QUEUED (no replica could take it yet), SENT (a replica owes the
 * answer) or FAILED (decided inside rpc_call, told at the end of the turn).
 */
#ifndef LIB_SVC_RPC_CLIENT_PRIVATE_H
#define LIB_SVC_RPC_CLIENT_PRIVATE_H

#include <zmq.h>

#include "svc/metrics.h"
#include "svc/resolve.h"
#include "svc/rpc_breaker.h"
#include "svc/rpc_client.h"
#include "svc/socket_watch.h"

enum {
    RPC_REPLICAS_MAX = 64,
    RPC_OWED_MAX = 512, /* per replica: what its pipes and ours hold */
    RPC_QUEUE_MAX = 256,
    RPC_QUEUE_MS = 250,
    RPC_CLIENT_TURN_MAX = 256,
    RPC_CLIENT_SWEEP_MS = 20,
    RPC_TICK_MS = 500,
    RPC_REOPEN_MS = 5000,     /* not connected for so long: a fresh socket, newest key */
    RPC_PING_AFTER_MS = 2000, /* of quiet, and how long a ping may take */
    RPC_DOUBT_MS = 250,       /* of quiet, while it owes answers */
    RPC_PING_MISSES = 3,
    RPC_LEAVE_MS = 30000, /* an address gone from DNS may still finish its work */
    RPC_WARM_MS = 10000,  /* until a new replica gets its full share */
    RPC_PROBE_MS = 1000,  /* all ejected: one call in this time is let through */
    RPC_CLIENT_PING = 1,  /* control.ping */
    RPC_CLIENT_CONTROL_LAST = 99,
};

struct rpc_replica {
    struct rpc_client *client;
    char *endpoint;
    void *socket;
    struct loop_source *source;
    struct socket_watch *watch;
    bool up, leaving;
    bool draining; /* says so: another one is preferred */
    bool refusing; /* has refused a call for that */
    unsigned owed;
    int64_t down_since_ms, up_since_ms, leave_by_ms;
    int64_t heard_ms, ping_sent_ms; /* 0: no ping under way */
    unsigned misses;
    struct rpc_breaker breaker;
};

enum pending_state { PENDING_FREE, PENDING_QUEUED, PENDING_SENT, PENDING_FAILED };

struct pending {
    enum pending_state state;
    uint32_t slot, generation;
    rpc_done_fn *fn;
    void *arg;
    zmq_msg_t frame; /* shared with what was sent, for a second try */
    struct rpc_replica *replica;
    int64_t deadline_ms, queued_ms, sent_ms, started_us;
    int64_t elsewhere_ms; /* no answer until then: another replica is asked */
    uint32_t timeout_ms;
    bool retry;
    unsigned attempts;
    enum err why;         /* FAILED */
    struct pending *next; /* free, queue or failed list */
};

struct rpc_client {
    struct loop *loop;
    struct keys *keys;
    char *peer;
    struct resolver *resolver;
    struct rpc_replica *replica[RPC_REPLICAS_MAX];
    unsigned nreplicas;
    struct pending **slots;
    uint32_t nslots;
    struct pending *free;
    struct pending *queue, **queue_end;
    struct pending *failed;
    unsigned queued, in_flight;
    int64_t queue_ms;
    struct loop_timer *sweep, *tick, *settle;
    zmq_msg_t *current; /* the reply whose callback runs */
    double retry_tokens;
    int64_t retry_filled_ms;
    int64_t probe_after_ms;
    uint64_t random;
    bool handshake_logged, closing;
    struct metric **results, *duration, *retries, *ejections, *handshakes;
};

/* ---- rpc_replica.c ---- */

struct rpc_replica *rpc_replica_new(struct rpc_client *c, const char *endpoint);
void rpc_replica_free(struct rpc_replica **r);
/* May take a call now. */
bool rpc_replica_usable(const struct rpc_replica *r, int64_t now_ms);
bool rpc_replica_live(const struct rpc_replica *r);
/* Sends [empty] [frame]; the frame's bytes are shared, not moved. False: nothing sent. */
bool rpc_replica_send(struct rpc_replica *r, zmq_msg_t *frame);
/* Twice a second: pings, a fresh socket when it has been down for long. */
void rpc_replica_tick(struct rpc_replica *r, int64_t now_ms);
/* A call ended badly by its fault: too late, with the connection, or with an error of its
 * own. Several eject it. */
void rpc_replica_failed(struct rpc_replica *r, int64_t now_ms);
/* A message with the ping's tag: an answer, or word of a drain. */
void rpc_replica_on_ping(struct rpc_replica *r);

/* ---- rpc_pending.c ---- */

/* Ends a call. Its slot is free before the callback runs, which may well call again. */
void rpc_client_finish(struct rpc_client *c, struct pending *p, enum err e,
                       const struct frame *reply);
/* Sends what waits, as far as replicas take it. */
void rpc_client_flush(struct rpc_client *c);

/* A whole message from a replica; the message stays the caller's. */
void rpc_client_on_reply(struct rpc_client *c, struct rpc_replica *r, zmq_msg_t *m);
/* A connection is gone, and with it the answers that were owed. */
void rpc_client_on_down(struct rpc_client *c, struct rpc_replica *r);
void rpc_client_dropped(const char *cause);

#endif
