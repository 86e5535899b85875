/* How errors look: one envelope for all of them, or the same content as RFC 9457. */
#ifndef GATEWAY_ENVELOPE_H
#define GATEWAY_ENVELOPE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

struct gateway_error {
    enum err e;
    struct str details;     /* a JSON value from a service; empty: {"detail": text} */
    const char *detail;     /* that text; NULL: the registry's */
    const char *request_id; /* NULL: left out */
    bool problem;
};

/* Appends the document. Key order: error, status_code, message, details, code,
 * request_id; as a problem: type, title, status, detail, code, request_id, errors. */
void gateway_envelope(const struct gateway_error *error, struct buf *out);
/* Its media type. */
const char *gateway_envelope_type(const struct gateway_error *error);

#endif
