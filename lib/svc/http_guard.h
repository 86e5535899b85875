/*
 * What the listener refuses before anything else looks at a request: ambiguous framing
 * (RFC 9112 6 and 11.2), names and values that are not what they seem, targets that two
 * programs could read differently. A pure function: header list in, verdict out.
 *
 * libmicrohttpd 0.9.75 accepts most of what is refused here; each rule answers one probe
 * of that library that a front proxy could be played against.
 */
#ifndef LIB_SVC_HTTP_GUARD_H
#define LIB_SVC_HTTP_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum {
    HTTP_TARGET_MAX = 2048, /* bytes of path and query together */
    HTTP_METHOD_MAX = 16,
    HTTP_HEADERS_MAX = 100,
};

struct http_pair {
    struct str name, value;
};

struct http_guard_input {
    struct str method, target, version; /* as they came: nothing decoded */
    const struct http_pair *headers;
    unsigned nheaders; /* the true number, even beyond what `headers` holds */
    uint64_t body_max;
};

struct http_guard_verdict {
    enum err e;              /* ERR_OK: let it pass */
    const char *detail;      /* a sentence to the client; static; NULL with ERR_OK */
    uint64_t content_length; /* 0 when there is none */
    bool framed;             /* content_length can be trusted, also when refused */
};

/* Does not allocate, does not log, never fails. */
struct http_guard_verdict http_guard(const struct http_guard_input *in);
/* The part of a target before '?', and what follows it. */
struct str http_guard_path(struct str target);
struct str http_guard_query(struct str target);

#endif
