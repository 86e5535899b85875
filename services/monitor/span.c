#include "monitor/span.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "monitor/message.h"

void spans_init(struct spans *s)
{
    *s = (struct spans){ .ring = xcalloc(SPANS_MAX, sizeof *s->ring) };
}

void spans_deinit(struct spans *s)
{
    free(s->ring);
    s->ring = NULL;
}

void spans_add(struct spans *s, const json_t *message)
{
    const json_t *data = json_object_get(message, "data");
    struct span *at = &s->ring[s->next];
    if (!json_is_object(data))
        return;
    message_text(data, "request_id", at->request_id, sizeof at->request_id);
    message_text(data, "name", at->name, sizeof at->name);
    message_text(message, "service", at->service, sizeof at->service);
    message_text(message, "instance", at->instance, sizeof at->instance);
    at->start_us = message_int(data, "start_us");
    at->duration_us = message_int(data, "duration_us");
    at->status = (int)message_int(data, "status");
    s->next = (s->next + 1) % SPANS_MAX;
    if (s->n < SPANS_MAX)
        s->n++;
}

static int by_start(const void *a, const void *b)
{
    const struct span *const *x = a, *const *y = b;
    return ((*x)->start_us > (*y)->start_us) - ((*x)->start_us < (*y)->start_us);
}

/* A hop ends with a status of HTTP or with the number of an error, which stands for one
 * and for a code. */
static void write_status(int status, struct jsonw *w)
{
    enum { FIRST_ERROR = 1000 };
    const struct err_info *e = status < FIRST_ERROR ? NULL : err_info((enum err)status);
    jw_kint(w, "status", status);
    jw_kint(w, "http_status", e ? e->status : status);
    jw_kcstr(w, "code", e ? e->code : NULL);
}

static void write_span(const struct span *span, struct jsonw *w)
{
    jw_object(w);
    jw_kcstr(w, "request_id", span->request_id);
    jw_kcstr(w, "service", span->service);
    jw_kcstr(w, "instance", span->instance);
    jw_kcstr(w, "name", span->name);
    jw_kint(w, "start_us", span->start_us);
    jw_kint(w, "duration_us", span->duration_us);
    write_status(span->status, w);
    jw_object_end(w);
}

void spans_write(const struct spans *s, struct str request_id, struct jsonw *w)
{
    enum { SHOWN_MAX = 64 };
    const struct span *found[SHOWN_MAX];
    size_t n = 0;
    for (unsigned i = 0; i < s->n && n < SHOWN_MAX; i++)
        if (str_eq(str_of(s->ring[i].request_id), request_id))
            found[n++] = &s->ring[i];
    qsort(found, n, sizeof found[0], by_start);
    jw_array(w);
    for (size_t i = 0; i < n; i++)
        write_span(found[i], w);
    jw_array_end(w);
}

void spans_write_instance(const struct spans *s, struct str instance, struct jsonw *w)
{
    enum { SHOWN = 50 };
    unsigned shown = 0;
    jw_array(w);
    for (unsigned i = 1; i <= s->n && shown < SHOWN; i++) {
        const struct span *at = &s->ring[(s->next + SPANS_MAX - i) % SPANS_MAX];
        if (!str_eq(str_of(at->instance), instance))
            continue;
        write_span(at, w);
        shown++;
    }
    jw_array_end(w);
}
