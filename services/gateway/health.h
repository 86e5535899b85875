/*
 * GET /health: what the system's parts say when they are asked now. Probes run when
 * somebody asks and the last answer is older than a second; all who ask meanwhile share
 * one answer. Everything in the loop's thread.
 */
#ifndef GATEWAY_HEALTH_H
#define GATEWAY_HEALTH_H

#include "svc/contract.h"
#include "svc/loop.h"
#include "svc/rpc_client.h"

struct gateway_health;
struct gateway_request;
struct redis;

struct gateway_health_config {
    struct loop *loop;
    const struct contract *contract;
    struct rpc_client *auth, *catalog;
    struct redis *redis; /* NULL: there is none to look after */
};

struct gateway_health *gateway_health_new(const struct gateway_health_config *cfg);
/* After the rpc clients were freed and everybody who waits was answered. */
void gateway_health_free(struct gateway_health **h);
/* Answers the request, now or when the probes are back. */
void gateway_health_answer(struct gateway_health *h, struct gateway_request *rq);
/* Answers everybody who still waits with 503. */
void gateway_health_close(struct gateway_health *h);

#endif
