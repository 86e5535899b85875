#include "svc/telemetry_figures.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "svc/metrics.h"

static const struct {
    const char *name, *family, *only, *without;
} HISTOGRAMS[] = {
    { "rpc", "rpc_server_request_duration_seconds", "", "method=\"control." },
    { "http", "http_server_request_duration_seconds", "", "" },
    { "to_auth", "rpc_client_request_duration_seconds", "peer=\"auth\"", "" },
    { "to_catalog", "rpc_client_request_duration_seconds", "peer=\"catalog\"", "" },
    { "attempt", "mailer_attempt_duration_seconds", "", "" },
    { "age", "mailer_delivery_age_seconds", "", "" },
};

/* How a label set counts for a counter. */
enum pick { ALL, HAS, SERVER_ERRORS };

static const struct {
    const char *name, *family;
    enum pick pick;
    const char *only; /* the labels must hold it */
} COUNTERS[] = {
    { "rpc_errors", "rpc_server_requests_total", SERVER_ERRORS, "" },
    { "http_2xx", "http_server_requests_total", HAS, "status=\"2" },
    { "http_3xx", "http_server_requests_total", HAS, "status=\"3" },
    { "http_4xx", "http_server_requests_total", HAS, "status=\"4" },
    { "http_5xx", "http_server_requests_total", HAS, "status=\"5" },
    { "to_auth_errors", "rpc_client_requests_total", SERVER_ERRORS, "peer=\"auth\"" },
    { "to_catalog_errors", "rpc_client_requests_total", SERVER_ERRORS,
      "peer=\"catalog\"" },
    { "sent", "mailer_attempts_total", HAS, "end=\"sent\"" },
    { "deferred", "mailer_attempts_total", HAS, "end=\"retry\"" },
    { "dead", "mailer_attempts_total", HAS, "end=\"dead\"" },
    { "events", "events_sequenced_total", ALL, "" },
    { "gaps", "events_gaps_total", ALL, "" },
    { "pulls", "events_pulls_total", ALL, "" },
    { "tokens_refused", "token_rejections_total", ALL, "" },
};

static void write_histogram(struct jsonw *w, const char *name,
                            const struct metric_sum *sum)
{
    jw_key(w, name);
    jw_object(w);
    jw_kint(w, "sum_us", sum->sum_us);
    jw_key(w, "counts");
    jw_array(w);
    for (size_t i = 0; i < METRIC_BUCKETS; i++)
        jw_int(w, sum->bucket[i]);
    jw_array_end(w);
    jw_object_end(w);
}

struct total {
    enum pick pick;
    const char *only;
    int64_t sum;
    bool seen;
};

/* The status of the error code in result="...": 0 for a success or a code we do not know.
 */
static int status_of(const char *labels)
{
    static const char KEY[] = "result=\"";
    size_t n;
    const struct err_info *table = err_table(&n);
    const char *at = strstr(labels, KEY);
    if (!at)
        return 0;
    at += sizeof KEY - 1;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(table[i].code);
        if (strncmp(at, table[i].code, len) == 0 && at[len] == '"')
            return table[i].status;
    }
    return 0;
}

static void add(void *arg, const char *labels, int64_t value)
{
    struct total *t = arg;
    if (!strstr(labels, t->only) || strstr(labels, "method=\"control."))
        return;
    t->seen = true;
    if (t->pick != SERVER_ERRORS || status_of(labels) >= 500)
        t->sum += value;
}

void telemetry_figures(struct jsonw *w)
{
    jw_key(w, "counters");
    jw_object(w);
    for (size_t i = 0; i < ARRAY_LEN(COUNTERS); i++) {
        struct total t = { .pick = COUNTERS[i].pick, .only = COUNTERS[i].only };
        metrics_each(COUNTERS[i].family, add, &t);
        if (t.seen)
            jw_kint(w, COUNTERS[i].name, t.sum);
    }
    jw_object_end(w);
    jw_key(w, "histograms");
    jw_object(w);
    for (size_t i = 0; i < ARRAY_LEN(HISTOGRAMS); i++) {
        struct metric_sum sum = { 0 };
        if (metrics_merge(HISTOGRAMS[i].family, HISTOGRAMS[i].only, HISTOGRAMS[i].without,
                          &sum))
            write_histogram(w, HISTOGRAMS[i].name, &sum);
    }
    jw_object_end(w);
}
