/*
 * When a replica is left alone because its answers are bad, and when it is tried again.
 * Pure rules, no I/O: time comes in as a parameter.
 *
 * Closed: takes calls. RPC_EJECT_AFTER bad outcomes in a row, or more than half of at
 * least RPC_RATE_LEAST within RPC_RATE_MS, open it: ejected for a second, doubled each
 * time up to 30, with a random part so that callers do not come back together. After
 * that it is on trial: one call at a time until one ends well.
 *
 * What counts as bad is the caller's rule (rpc_pending.c): an error of the replica's own,
 * a connection that broke, silence; not a call that was slow while others were answered.
 *
 * Models: Envoy's outlier detection, Linkerd's consecutive failures.
 */
#ifndef LIB_SVC_RPC_BREAKER_H
#define LIB_SVC_RPC_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RPC_EJECT_AFTER = 5,      /* bad outcomes in a row */
    RPC_RATE_MS = 10000,      /* the window of the share, in two halves */
    RPC_RATE_LEAST = 20,      /* outcomes below which a share says nothing */
    RPC_EJECT_MS = 1000,      /* doubled each time ... */
    RPC_EJECT_MAX_MS = 30000, /* ... up to this */
};

/* Zeroed: closed, nothing seen. */
struct rpc_breaker {
    unsigned row;       /* bad outcomes since the last good one */
    unsigned ejections; /* since the last good one */
    int64_t until_ms;   /* open until then */
    struct {
        int64_t since_ms;
        unsigned good, bad;
    } half[2]; /* the present half of the window and the one before */
};

void rpc_breaker_good(struct rpc_breaker *b, int64_t now_ms);
/* random: any number, decides the random part. Returns for how many ms the breaker
 * opened, 0 when it did not. */
int64_t rpc_breaker_bad(struct rpc_breaker *b, int64_t now_ms, uint64_t random);
/* Open: no call now. */
bool rpc_breaker_open(const struct rpc_breaker *b, int64_t now_ms);
/* May take a call when it owes so many. */
bool rpc_breaker_takes(const struct rpc_breaker *b, int64_t now_ms, unsigned owed);

#endif
