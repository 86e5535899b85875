/*
 * Who must leave when the places are running out, so that no client can take them all
 * from the others: of the client that has most connections the one whose next step has
 * been waited for longest. A connection that waits for us is never chosen. Models:
 * HAProxy's and nginx's reuse of idle connections under pressure.
 *
 * Rules only, no I/O; the caller holds its lock around every call.
 */
#ifndef LIB_SVC_HTTP_CROWD_H
#define LIB_SVC_HTTP_CROWD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Clients are told apart by a hash of their address: two that share a number only share
 * their count. */
enum { HTTP_CROWD_GROUPS = 1024 };

struct http_crowd {
    uint64_t seed;
    unsigned places; /* how many may stay */
    unsigned n;      /* how many there are, without those told to leave */
    unsigned count[HTTP_CROWD_GROUPS];
};

/* A connection's part; zeroed by its owner before http_crowd_enter. */
struct http_crowd_member {
    unsigned group;
    bool leaving;     /* told to */
    atomic_bool ours; /* it waits for our answer. Any thread */
    /* Since when we wait for its client (monotonic). Any thread. */
    atomic_llong waits_ms;
};

/* limit: connections the listener takes at most; a sixteenth of them, at least one, stays
 * free, so that newcomers need not wait for somebody to go. */
void http_crowd_init(struct http_crowd *c, unsigned limit);
/* client: numeric address; of an IPv6 one the /64 counts. True: more are here than may
 * stay, so the caller looks for one with http_crowd_before and tells it to leave. */
bool http_crowd_enter(struct http_crowd *c, struct http_crowd_member *m,
                      const char *client);
/* More are here than may stay. Only entering and leaving change that: whoever does both
 * in one thread may ask there without a lock. */
bool http_crowd_is_full(const struct http_crowd *c);
void http_crowd_leave(struct http_crowd *c, struct http_crowd_member *m);
/* Must a leave rather than b? b may be NULL: may a be told to leave at all? */
bool http_crowd_before(const struct http_crowd *c, const struct http_crowd_member *a,
                       const struct http_crowd_member *b);
/* It was told to leave: its place is free. */
void http_crowd_told(struct http_crowd *c, struct http_crowd_member *m);

#endif
