/*
 * Which pages of other origins may read answers (the CORS protocol of the Fetch
 * standard). Tokens travel in the Authorization header, which scripts set themselves, so
 * credentials in CORS' sense (cookies) are never allowed, not even to a listed origin.
 */
#ifndef GATEWAY_CORS_H
#define GATEWAY_CORS_H

#include <stdbool.h>

#include "base/str.h"

struct gateway_cors;

/* origins: a comma list of "https://shop.example" and "http://localhost:3000", or "*" for
 * all; empty: none. NULL with the member that is none of these in *ret_bad, borrowed. */
struct gateway_cors *gateway_cors_new(const char *origins, struct str *ret_bad);
void gateway_cors_free(struct gateway_cors **c);
/* Some origin is allowed, so that answers depend on the Origin header. */
bool gateway_cors_used(const struct gateway_cors *c);
/* What Access-Control-Allow-Origin says to this Origin; borrowed from c. NULL: it is not
 * allowed. */
const char *gateway_cors_allow(const struct gateway_cors *c, struct str origin);

#endif
