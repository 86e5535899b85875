/*
 * The lock of our own door, tried at every start: two strangers call the RPC port, one
 * with a key that was made a moment ago, one without CURVE. A library or a setting that
 * would let everybody in shows here, and not after a theft.
 */
#ifndef LIB_SVC_TRIAL_H
#define LIB_SVC_TRIAL_H

#include "svc/keys.h"
#include "svc/loop.h"

struct trial;

enum trial_verdict {
    TRIAL_REFUSED, /* both: as it must be */
    TRIAL_SERVED,  /* `who` was let in */
    TRIAL_OPEN,    /* `who` was neither let in nor refused within 3 s */
};

/* Called once, in the loop's thread; the trial is over and may be freed. who: "an unknown
 * key" or "no key", static; NULL when both were refused. */
typedef void trial_fn(void *arg, enum trial_verdict verdict, const char *who);

/* endpoint: where the port is reached from here. Does not block: the strangers are
 * answered by libzmq's thread while the daemon starts. */
struct trial *trial_start(struct loop *l, struct keys *k, const char *endpoint,
                          trial_fn *fn, void *arg);
/* Also before it is over: fn is not called then. Nulls; NULL is fine. */
void trial_free(struct trial **t);

#endif
