/*
 * Names to addresses in a thread of our own: libzmq would resolve on its I/O thread
 * (freezing every socket while DNS stalls) and connect to the first address only.
 */
#ifndef LIB_SVC_RESOLVE_H
#define LIB_SVC_RESOLVE_H

#include "svc/loop.h"

struct resolver;

/* Called in the loop's thread with the complete present set of numeric endpoints
 * ("tcp://10.0.0.3:7002", IPv6 in brackets), whenever it changed. Strings are borrowed. */
typedef void resolver_fn(void *arg, const char *const *endpoints, unsigned n);

/* Follows a comma list of endpoints ("tcp://catalog:7002,tcp://127.0.0.1:7002"), each
 * name standing for all its addresses; resolves at once and then every few seconds. A
 * failure keeps the last good set; an address counts as gone after two rounds without
 * it. Endpoints that are numeric already are reported before the first turn. */
struct resolver *resolver_start(struct loop *l, const char *endpoints, resolver_fn *fn,
                                void *arg);
void resolver_stop(struct resolver **r);

#endif
