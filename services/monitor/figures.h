/*
 * The figures of beats (proto/PROTOCOL.md 7) as numbers: totals since a start, what came
 * to them between two beats, sums over time and replicas. Histograms have the fixed
 * buckets of svc/metrics.h, so they add up. Pure, no I/O.
 */
#ifndef MONITOR_FIGURES_H
#define MONITOR_FIGURES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/jsonw.h"
#include "svc/metrics.h"

enum figure_counter {
    COUNT_RPC_ERRORS,
    COUNT_HTTP_2XX,
    COUNT_HTTP_3XX,
    COUNT_HTTP_4XX,
    COUNT_HTTP_5XX,
    COUNT_TO_AUTH_ERRORS,
    COUNT_TO_CATALOG_ERRORS,
    COUNT_SENT,
    COUNT_DEFERRED,
    COUNT_DEAD,
    COUNT_EVENTS,
    COUNT_GAPS,
    COUNT_PULLS,
    COUNT_TOKENS_REFUSED,
    FIGURE_COUNTERS
};
enum figure_histogram {
    TIME_RPC,
    TIME_HTTP,
    TIME_TO_AUTH,
    TIME_TO_CATALOG,
    TIME_ATTEMPT,
    TIME_AGE,
    FIGURE_HISTOGRAMS
};
enum figure_gauge {
    GAUGE_RSS_KIB,
    GAUGE_CPU_PERMILLE,
    GAUGE_IN_FLIGHT,
    GAUGE_QUEUE,
    GAUGE_OLDEST_S,
    GAUGE_OUTBOX,
    GAUGE_LAG,
    GAUGE_HASH_QUEUE,
    FIGURE_GAUGES
};

struct figures {
    int64_t counter[FIGURE_COUNTERS];
    struct metric_sum time[FIGURE_HISTOGRAMS];
    uint32_t has_counter, has_time; /* bits: this process counts it */
};

struct gauge_sum {
    int64_t sum, max, n;
};

/* A span of time of one replica, or of many. */
struct figure_slot {
    struct figures f;
    struct gauge_sum gauge[FIGURE_GAUGES];
    int64_t beats;
};

/* The totals a beat carries; what it does not know or has another shape reads as absent.
 */
void figures_read(const json_t *beat, struct figures *ret);
/* now - before; what went backwards (a start in between) counts from zero. */
void figures_between(const struct figures *now, const struct figures *before,
                     struct figures *ret);
void figures_add(struct figures *sum, const struct figures *more);
void figure_slot_add(struct figure_slot *sum, const struct figure_slot *more);
void gauge_note(struct gauge_sum *g, int64_t value);

int64_t figures_count(const struct metric_sum *t);
/* What is kept of a slot:
 * {"n":beats,"c":{..},"h":{name:[sum_us,n0..]},"g":{name:[sum,max,n]}}.
 */
void figure_slot_write(const struct figure_slot *s, struct jsonw *w);
/* False when it is not such an object; adds to *sum. */
bool figure_slot_read(const json_t *kept, struct figure_slot *sum);

/* Names as in beats and rows; -1 when there is no such one. */
const char *figure_gauge_name(enum figure_gauge g);
int figure_gauge_by_name(struct str name);

#endif
