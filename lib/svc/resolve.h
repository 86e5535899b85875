/*
 * Names to addresses in a thread of our own: libzmq would resolve on its I/O thread
 * (freezing every socket while DNS stalls) and connect to the first address only.
 */
#ifndef LIB_SVC_RESOLVE_H
#define LIB_SVC_RESOLVE_H

#include <stdbool.h>

#include "svc/loop.h"

struct resolver;

/* Called in the loop's thread with the complete present set of numeric endpoints
 * ("tcp://10.0.0.3:7002", IPv6 in brackets), whenever it changed. Strings are borrowed.
 */
typedef void resolver_fn(void *arg, const char *const *endpoints, unsigned n);

/* Follows a comma list of endpoints ("tcp://catalog:7002,tcp://127.0.0.1:7002"), each
 * name standing for all its addresses; resolves at once and then every few seconds. A
 * failure keeps the last good set; an address counts as gone after two rounds without
 * it. Endpoints that are numeric already are reported at once, inside resolver_start; a
 * name with both address families counts by its IPv4 addresses. Anything but
 * tcp://host:port is logged and left out. */
struct resolver *resolver_start(struct loop *l, const char *endpoints, resolver_fn *fn,
                                void *arg);
/* Whether resolver_start would follow all of this list, and something; asks nobody. */
bool resolver_can_follow(const char *endpoints);
/* No callback comes after this. Does not wait for a look-up under way. NULL is fine. */
void resolver_stop(struct resolver **r);

#endif
