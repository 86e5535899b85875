/* Idempotency-Key on creations: what the statements need to know about a request, and
 * what their verdict means. */
#ifndef CATALOG_IDEMPOTENCY_H
#define CATALOG_IDEMPOTENCY_H

#include "catalog/app.h"

enum { CATALOG_KEY_MAX = 255 };

struct catalog_claim {
    struct str key;    /* null when the client sent none */
    struct str hash;   /* of method, media type and body, as bytea */
    struct str oldest; /* a key claimed before this time does not count */
};

/* False: the key is not acceptable and the call has been answered. */
bool catalog_claim_read(struct call *c, struct catalog_claim *ret);

/* How often a creation is sent when a concurrent one with the same key was in the way. */
enum { CATALOG_CLAIM_TRIES = 3 };

#endif
