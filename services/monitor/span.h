/* The newest spans (finished hops of requests) that daemons reported: a ring in memory.
 */
#ifndef MONITOR_SPAN_H
#define MONITOR_SPAN_H

#include <jansson.h>
#include <stdint.h>

#include "base/jsonw.h"
#include "base/str.h"

enum { SPANS_MAX = 4096 };

struct span {
    char request_id[33];
    char service[32], instance[64], name[64];
    int64_t start_us, duration_us;
    int status;
};

struct spans {
    struct span *ring; /* SPANS_MAX */
    unsigned next, n;
};

void spans_init(struct spans *s);
void spans_deinit(struct spans *s);
/* Keeps a span message's data; malformed ones are ignored. */
void spans_add(struct spans *s, const json_t *message);
/* Writes the newest spans of one replica as an array, newest first. */
void spans_write_instance(const struct spans *s, struct str instance, struct jsonw *w);
/* Writes the spans of one request as an array, oldest start first. */
void spans_write(const struct spans *s, struct str request_id, struct jsonw *w);

#endif
