/* The resolver with its clock and its look-up replaced: for its unit test. */
#ifndef LIB_SVC_RESOLVE_PRIVATE_H
#define LIB_SVC_RESOLVE_PRIVATE_H

#include "svc/resolve.h"

enum { RESOLVE_ADDRESSES_MAX = 32, RESOLVE_ADDRESS_SIZE = 64 };

/* What one name stands for. */
struct resolve_answer {
    char address[RESOLVE_ADDRESSES_MAX][RESOLVE_ADDRESS_SIZE]; /* "tcp://10.0.0.3:7002" */
    unsigned n;
};

/* Fills the answer and returns true, or false on failure. Runs in the resolver's thread.
 */
typedef bool resolve_lookup_fn(void *arg, const char *host, const char *port,
                               struct resolve_answer *ret);

struct resolve_hooks {
    resolve_lookup_fn *lookup;
    void *arg;
    int64_t period_ms; /* between rounds when every name is known */
    int64_t hurry_ms;  /* while one is not */
};

struct resolver *resolver_start_with(struct loop *l, const char *endpoints,
                                     const struct resolve_hooks *hooks, resolver_fn *fn,
                                     void *arg);

#endif
