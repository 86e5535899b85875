/*
 * The gateway's parts. Two threads: the listener's decides (dispatch.c), the loop's asks
 * the services (forward.c) and answers. What both touch has a lock of its own.
 */
#ifndef GATEWAY_APP_H
#define GATEWAY_APP_H

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/config.h"
#include "gateway/cors.h"
#include "gateway/docs.h"
#include "gateway/health.h"
#include "gateway/host.h"
#include "gateway/ids.h"
#include "gateway/keyring.h"
#include "gateway/limiter.h"
#include "gateway/negotiate.h"
#include "svc/proxies.h"
#include "gateway/revocations.h"
#include "gateway/series.h"
#include "svc/http.h"
#include "svc/svc.h"

struct gateway_app;

/* The Content-Security-Policy of everything that is not a page of the gateway's. */
#define GATEWAY_NO_FRAMES "frame-ancestors 'none'"

/* One HTTP request on its way; recycled. Owned by one thread at a time. */
struct gateway_request {
    struct gateway_request *next;
    struct gateway_app *app;
    struct http_request *http;
    struct route_match route;
    const struct contract_method *method; /* what is called; NULL before it is known */
    const struct contract_method *shown;  /* for logs and metrics: method or route.any */
    struct gateway_ids ids;
    struct gateway_format format;
    struct proxies_origin from;
    const char *allow_origin; /* for CORS; NULL: not allowed, or nobody asks */
    unsigned step;            /* of the decision: where the loop's thread goes on */
    bool handed_over;         /* suspended; the loop's thread has it */
    bool is_options;
    bool asked_for_keys; /* its key id was unknown once already */
    bool asks_limiter;   /* Redis is to say whether it is one too many */
    bool has_actor;
    struct token_claims actor;
};

/* Requests on their way from the listener's thread to the loop's. */
struct gateway_inbox {
    pthread_mutex_t lock;
    struct gateway_request *first, **end;
    struct gateway_request *free_list;
    unsigned free_count;
    bool closed;
};

struct gateway_app {
    struct svc *svc;
    const struct gateway_config *cfg;
    struct gateway_hosts *hosts;
    struct gateway_cors *cors;
    struct proxies *proxies;
    /* What every answer says, whatever else it is: security headers; ended by NULL. */
    struct http_header_line security[8];
    /* The same, and what the listener's own refusals say besides. */
    struct http_header_line refusal[8];
    struct redis *redis; /* NULL: no REDIS_URL */
    struct limiter *limiter;
    struct rpc_client *auth, *catalog;
    int64_t meet_until_ms; /* the port opens then, whoever was met; 0: it is open */
    struct loop_timer *open_timer;
    struct gateway_keyring *keyring;
    struct gateway_revocations *revocations;
    struct gateway_health *health;
    struct gateway_docs *docs;
    struct gateway_metrics *metrics;
    struct gateway_inbox inbox;
    struct gateway_request *waiting; /* for keys; the loop's thread only */
    struct http_listener *http;      /* NULL: not open yet */
    struct loop_timer *drain_timer;
    bool quiesced;
    bool closing;            /* no service is asked any more */
    int64_t linger_until_ms; /* for clients that have not said anything yet */
};

char *gateway_check(struct svc *svc);
bool gateway_init(struct svc *svc);
bool gateway_ready(struct svc *svc, const char **ret_why);
void gateway_drain(struct svc *svc);
bool gateway_busy(struct svc *svc);
void gateway_deinit(struct svc *svc);
void gateway_beat(struct svc *svc, struct jsonw *w);

/* dispatch.c; the listener's thread */
http_fn gateway_serve;
http_error_fn gateway_refused;
/* What is left of the decision once a missing key was fetched or the limiter has said
 * yes; the loop's thread. Answers the request when it is refused, or hands it over once
 * more; true: forward it. */
bool gateway_decide_again(struct gateway_request *rq);
/* What counts against a rate limit. */
struct limiter_subject gateway_subject(const struct gateway_request *rq);

/* request.c */
void gateway_inbox_init(struct gateway_inbox *box);
void gateway_inbox_deinit(struct gateway_inbox *box);
/* Everything handed over since the last call, in order. */
struct gateway_request *gateway_inbox_take(struct gateway_inbox *box);
/* Refuses new work and takes what nobody has begun. */
struct gateway_request *gateway_inbox_close(struct gateway_inbox *box);
struct gateway_request *gateway_request_new(struct gateway_app *app,
                                            struct http_request *http);
void gateway_request_free(struct gateway_request *rq);
/* Suspends the request, if it is not, and hands it to the loop's thread. */
void gateway_submit(struct gateway_request *rq);

/* reply.c: each of these answers the request and gives rq back. */
void gateway_reply_error(struct gateway_request *rq, enum err e, const char *detail);
/* An error frame of a service: its details, its records. */
void gateway_reply_failure(struct gateway_request *rq, enum err e,
                           const struct frame *reply);
void gateway_reply_success(struct gateway_request *rq, const struct frame *reply,
                           struct rpc_client *from);
/* Yes to a page of another origin that asks before it asks. */
void gateway_reply_preflight(struct gateway_request *rq);
/* 429. */
void gateway_reply_throttled(struct gateway_request *rq,
                             const struct limiter_refusal *refusal);
/* A document of the gateway's own; the body is copied. */
void gateway_reply_json(struct gateway_request *rq, int status, struct str body);
/* One of gateway_docs, or 304 when the client has it. */
void gateway_reply_document(struct gateway_request *rq, const struct http_document *d);

/* forward.c; the loop's thread */
void gateway_forward_batch(void *app);
/* The key ring has changed, or could not be fetched. */
void gateway_keys_settled(void *app);

#endif
