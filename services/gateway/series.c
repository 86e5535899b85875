#include "gateway/series.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/mem.h"
#include "svc/metrics.h"

static const char REQUESTS[] = "http_server_requests_total";
static const char DURATION[] = "http_server_request_duration_seconds";

/* Every status that the gateway sends; the last entry stands for any other. */
static const int STATUSES[] = { 200, 201, 202, 204, 302, 304, 400, 401, 403,
                                404, 405, 406, 409, 411, 412, 413, 414, 415,
                                422, 429, 431, 500, 502, 503, 504, 0 };
enum {
    NSTATUSES = ARRAY_LEN(STATUSES),
    NVERDICTS = TOKEN_BAD_CLAIMS + 1,
    NUMBERS = 65536
};

/* Counters are made at their first use, so that no line stands for what never happened.
 */
struct series {
    const char *verb, *route;
    _Atomic(struct metric *) by_status[NSTATUSES];
    struct metric *duration;
};

struct gateway_metrics {
    const struct contract_method *first;
    size_t n;
    struct series *series; /* one per method, then the rest */
    struct metric *in_flight;
    struct metric *rejected[NVERDICTS];
};

static void series_init(struct series *s, const char *verb, const char *route)
{
    char labels[256];
    s->verb = verb;
    s->route = route;
    snprintf(labels, sizeof labels, "method=\"%s\",route=\"%s\"", verb, route);
    s->duration = metric_histogram(DURATION, "Time to answer a request", labels);
}

static void init_rejections(struct gateway_metrics *m)
{
    for (int v = TOKEN_OK + 1; v < NVERDICTS; v++) {
        char label[80];
        snprintf(label, sizeof label, "cause=\"%s\"",
                 token_verdict_name((enum token_verdict)v));
        m->rejected[v] =
            metric_counter("token_rejections_total", "Tokens that were refused", label);
    }
}

struct gateway_metrics *gateway_metrics_new(const struct contract *contract)
{
    struct gateway_metrics *m = xcalloc(1, sizeof *m);
    m->first = contract_methods(contract, &m->n);
    m->series = xcalloc(m->n + 1, sizeof *m->series);
    for (size_t i = 0; i < m->n; i++)
        if (m->first[i].verb)
            series_init(&m->series[i], m->first[i].verb, m->first[i].path);
    series_init(&m->series[m->n], "other", "none");
    m->in_flight =
        metric_gauge("http_server_in_flight", "Requests that are not answered yet", "");
    init_rejections(m);
    return m;
}

void gateway_metrics_free(struct gateway_metrics **mp)
{
    struct gateway_metrics *m = *mp;
    if (!m)
        return;
    *mp = NULL;
    free(m->series);
    free(m);
}

static struct metric *counter(struct series *s, size_t at)
{
    struct metric *c = atomic_load_explicit(&s->by_status[at], memory_order_acquire);
    if (c)
        return c;
    char labels[256], status[8] = "other";
    if (STATUSES[at])
        snprintf(status, sizeof status, "%d", STATUSES[at]);
    snprintf(labels, sizeof labels, "method=\"%s\",route=\"%s\",status=\"%s\"", s->verb,
             s->route, status);
    /* Two threads may come here at once: both get the same handle. */
    c = metric_counter(REQUESTS, "Requests answered", labels);
    atomic_store_explicit(&s->by_status[at], c, memory_order_release);
    return c;
}

void gateway_metrics_began(struct gateway_metrics *m)
{
    metric_add(m->in_flight, 1);
}

void gateway_metrics_ended(struct gateway_metrics *m, const struct contract_method *shown,
                           int status, int64_t duration_us)
{
    struct series *s =
        &m->series[shown && shown->verb ? (size_t)(shown - m->first) : m->n];
    size_t at = 0;
    while (STATUSES[at] && STATUSES[at] != status)
        at++;
    metric_add(counter(s, at), 1);
    metric_observe_us(s->duration, duration_us);
    metric_add(m->in_flight, -1);
}

void gateway_metrics_token(struct gateway_metrics *m, enum token_verdict cause)
{
    if (cause > TOKEN_OK && cause <= TOKEN_BAD_CLAIMS)
        metric_add(m->rejected[cause], 1);
}
