/* Ids of a request: taken from its headers when they are fit, made otherwise. */
#ifndef GATEWAY_IDS_H
#define GATEWAY_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { GATEWAY_ID_TEXT = 65, GATEWAY_TRACEPARENT_TEXT = 56 };

struct gateway_ids {
    uint8_t request_id[16], trace_id[16], span_id[8];
    bool sampled;
    char text[GATEWAY_ID_TEXT];                 /* what X-Request-ID says in the answer */
    char traceparent[GATEWAY_TRACEPARENT_TEXT]; /* the trace, this hop's span, the flag */
};

/* request_id: the X-Request-ID header (<= 64 safe characters, or it is ignored): 32 hex
 * digits or a UUID are taken as they are, other texts by a hash. traceparent: W3C Trace
 * Context 1, 3.2: a valid version 00, or a later one that begins like it, goes on; all
 * else starts a new trace. The span id is always new: it is this hop's. */
void gateway_ids_fill(struct gateway_ids *ids, struct str request_id,
                      struct str traceparent);

#endif
