/*
 * The client side: one pool per peer service, one DEALER per replica, so that it is known
 * who owes which answer. All in the loop's thread; nothing blocks.
 */
#ifndef LIB_SVC_RPC_CLIENT_H
#define LIB_SVC_RPC_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "svc/frame.h"
#include "svc/keys.h"
#include "svc/loop.h"

struct rpc_client;

/* Exactly once per rpc_call, in the loop's thread, never before rpc_call returned.
 * reply is NULL when there was none: e says why (ERR_UNAVAILABLE: never sent, no replica
 * or refused; ERR_DEADLINE: sent, no answer in time; ERR_OUTCOME_UNKNOWN: the connection
 * went away with the answer owed). Otherwise e is ERR_OK for a success (status < 1000)
 * or the peer's error. The slices live until the callback returns, unless taken. */
typedef void rpc_done_fn(void *arg, enum err e, const struct frame *reply);

/* endpoints: a comma list as in AUTH_ENDPOINT. peer: the service's name. NULL when no
 * certificate of that peer exists (logged). */
struct rpc_client *rpc_client_new(struct loop *l, struct keys *k, const char *peer,
                                  const char *endpoints);
/* Answers what was sent with ERR_OUTCOME_UNKNOWN and what was not with ERR_DRAINING,
 * closes, nulls. Not from within a callback of its own. */
void rpc_client_free(struct rpc_client **c);

/* Sends a request: header fields, meta and body of req are copied; tag and budget are set
 * here. A request that never left waits for a replica, at most 250 ms. retry: it may be
 * done twice, so another replica is tried when the first one was overloaded or went away
 * with the answer owed. (What was never sent, or refused by a draining replica, goes
 * elsewhere in any case: no work was done.) */
void rpc_call(struct rpc_client *c, const struct frame *req, uint32_t timeout_ms,
              bool retry, rpc_done_fn *fn, void *arg);
/* Inside rpc_done_fn: keeps the reply's bytes alive beyond the callback, for an answer
 * without a copy; release from any thread with rpc_reply_free. */
struct rpc_reply;
struct rpc_reply *rpc_reply_take(struct rpc_client *c);
void rpc_reply_free(struct rpc_reply *r);

struct rpc_client_state {
    unsigned replicas; /* known addresses */
    unsigned live;     /* of those, connected and answering */
    unsigned in_flight;
};
void rpc_client_state(const struct rpc_client *c, struct rpc_client_state *ret);

/* For the verbs: one blocking call on a loop of its own. Returns the reply's error or
 * status; *ret_body (heap; free) is its body. */
enum err rpc_call_once(struct keys *k, const char *peer, const char *endpoints,
                       const struct frame *req, uint32_t timeout_ms, char **ret_body,
                       size_t *ret_n, int *ret_status);

#endif
