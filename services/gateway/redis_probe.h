/* Is Redis there? One PING at a time from a thread of its own: hiredis blocks. */
#ifndef GATEWAY_REDIS_PROBE_H
#define GATEWAY_REDIS_PROBE_H

#include <stdbool.h>

#include "base/secret.h"
#include "svc/loop.h"

struct redis_probe;

/* Called in the loop's thread, once per redis_probe_start. why: a short static reason
 * when it is not there. */
typedef void redis_probe_fn(void *arg, bool alive, const char *why);

/* url: redis://[[user]:password@]host[:port][/db] or unix:///path. NULL with *ret_why
 * (static) when it is another one. */
struct redis_probe *redis_probe_new(struct loop *l, const struct secret *url,
                                    redis_probe_fn *fn, void *arg, const char **ret_why);
/* Waits for a PING under way (at most about a second). fn is not called any more. */
void redis_probe_free(struct redis_probe **p);
void redis_probe_start(struct redis_probe *p);

#endif
