/* The Authorization header (RFC 6750 2.1), by the original's rules. */
#ifndef GATEWAY_BEARER_H
#define GATEWAY_BEARER_H

#include "base/str.h"

enum gateway_bearer {
    BEARER_NONE,      /* no header, or another scheme: anonymous */
    BEARER_TOKEN,     /* *ret_token is the credential */
    BEARER_MALFORMED, /* "Bearer", "Bearer a b" */
};

/* The scheme is compared without case (RFC 9110 11.1). ret_token borrows from header. */
enum gateway_bearer gateway_bearer_parse(struct str header, struct str *ret_token);

#endif
