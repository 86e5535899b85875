/*
 * The server side of a service: a ROUTER that checks who asks, decodes, dispatches by
 * method number and replies. No handler sees a socket or a frame.
 *
 *   static void handle_product_show(struct call *c) {
 *       int64_t id;
 *       if (!call_path_id(c, 0, &id))
 *           return call_fail(c, ERR_NOT_FOUND);
 *       db_lookup(app->db, &STMT_PRODUCT, id, c, on_product);
 *   }
 *
 * Each call must be answered exactly once, now or later, by call_reply or call_fail*;
 * that frees it. A call whose deadline passes is answered ERR_DEADLINE by the server
 * itself; the handler's later answer is then dropped silently (call_gone is true before).
 */
#ifndef LIB_SVC_RPC_SERVER_H
#define LIB_SVC_RPC_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "svc/body.h"
#include "svc/contract.h"
#include "svc/frame.h"
#include "svc/loop.h"

struct svc;
struct rpc_server;

struct call {
    struct svc *svc;
    void *app; /* the service's own struct */
    const struct contract_method *method;
    struct frame frame;    /* header fields, meta, body: borrowed */
    const char *peer;      /* certificate name of the caller */
    struct str actor_name; /* empty when nobody */
    int64_t deadline_ms;   /* monotonic */
    int64_t started_us;    /* monotonic */
    struct arena arena;    /* freed with the call */
    struct buf meta;       /* reply records: record_add(&c->meta, ...) */
    struct values body;    /* filled by call_body */
    struct values query;   /* filled by call_query */
    /* private */
    struct call_private *priv;
};

typedef void call_fn(struct call *c);
struct rpc_handler {
    const char *method; /* name in the contract */
    call_fn *fn;
};

/* Answers with a success. status 0 = the contract's. The body is copied. */
void call_reply(struct call *c, int status, struct str body);
/* Answers with an error and its default detail. */
void call_fail(struct call *c, enum err e);
/* ... with details JSON of its own (an object, as the envelope's details). */
void call_fail_details(struct call *c, enum err e, struct str details_json);
/* ... with {"<field>":["<message>"]}: a validation error of one field. */
void call_fail_field(struct call *c, const char *field, const char *message);
/* True when it was answered (its time ran out) and only its release is waited for. */
bool call_gone(const struct call *c);

/* A path parameter as text / as a positive integer id (false: not one). */
struct str call_path(const struct call *c, unsigned nth);
bool call_path_id(const struct call *c, unsigned nth, int64_t *ret);
/* Decodes and checks the body into c->body. False: the call has been answered. */
bool call_body(struct call *c, enum schema_mode mode) MUST_CHECK;
/* Only checks (owner look-up first, http-contract 2): the verdict and details of what
 * call_body would say, without answering. */
enum err call_body_check(struct call *c, enum schema_mode mode, struct buf *details);
/* Decodes the query string into c->query. False: the call has been answered. */
bool call_query(struct call *c) MUST_CHECK;
/* The same without answering: the verdict and its details are the caller's to say. */
enum err call_query_check(struct call *c, struct buf *details);
/* A record of the request; empty slice when absent. */
struct str call_record(const struct call *c, enum frame_record type);
/* Milliseconds left, at least 1. */
uint32_t call_budget_ms(const struct call *c);

/* Binds. handlers must be exactly the contract's methods of this service (svc_main checks
 * and exits 70 otherwise); control methods are added by the library. NULL with a log line
 * when the address cannot be bound. */
struct rpc_server *rpc_server_start(struct svc *svc, const char *endpoint,
                                    const struct rpc_handler *handlers);
/* Refuses new work with ERR_DRAINING (a gateway then goes elsewhere), or takes it again;
 * callers are told. The monitor is still answered, unless the process ends. */
void rpc_server_drain(struct rpc_server *s, bool on);
/* Will drain soon: callers are told to prefer other replicas, work is still taken. */
void rpc_server_leave(struct rpc_server *s);
/* Every caller that asked for it knows of the drain, or had a second to read it. */
bool rpc_server_settled(const struct rpc_server *s);
bool rpc_server_draining(const struct rpc_server *s);
/* Calls taken and not answered. */
unsigned rpc_server_in_flight(const struct rpc_server *s);
/* The address really bound (port 0 resolved); borrowed. */
const char *rpc_server_endpoint(const struct rpc_server *s);
/* Closes the socket. Who still waits is told that the outcome is unknown; handlers may go
 * on and answer, in vain. */
void rpc_server_stop(struct rpc_server *s);
/* Frees a server, stopped or not, and the calls that nobody has answered: no handler may
 * touch one any more. NULL is fine. */
void rpc_server_free(struct rpc_server **s);

#endif
