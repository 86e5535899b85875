/*
 * Counters, gauges and histograms with fixed buckets, printed in the Prometheus text
 * format 0.0.4. Get-or-create by name and label text, then update through the handle:
 * updates are atomic and take no lock, so a hot path keeps its handles.
 * Names follow https://prometheus.io/docs/practices/naming/: base units, `_total`.
 */
#ifndef LIB_SVC_METRICS_H
#define LIB_SVC_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct metric;

/* labels: "" or `method="auth.login",code="ok"` (values escaped by the caller, from a
 * bounded set: never an id or an address). help: one line, without a full stop.
 * The handle lives as long as the process. Thread-safe. */
struct metric *metric_counter(const char *name, const char *help, const char *labels);
struct metric *metric_gauge(const char *name, const char *help, const char *labels);
/* Buckets of OpenTelemetry's HTTP duration: 5 ms to 10 s, with five finer ones below. */
struct metric *metric_histogram(const char *name, const char *help, const char *labels);

void metric_add(struct metric *m, int64_t n);     /* counter or gauge */
void metric_set(struct metric *m, int64_t value); /* gauge */
void metric_observe_us(struct metric *m, int64_t microseconds);
int64_t metric_value(const struct metric *m); /* histogram: number observed */

/* Reading back, for the beats: the same figures, counted once. */
enum { METRIC_BUCKETS = 20 };
/* Upper bounds of all buckets but the last, which has none: METRIC_BUCKETS - 1. */
const int64_t *metric_bounds_us(void);
typedef void metric_each_fn(void *arg, const char *labels, int64_t value);
/* Calls fn for every label set of a family, with a lock held: fn makes no metrics. */
void metrics_each(const char *name, metric_each_fn *fn, void *arg);
struct metric_sum {
    int64_t sum_us, bucket[METRIC_BUCKETS]; /* not cumulative */
};
/* Adds up the histograms of a family whose labels hold `only` ("" = all) and do not hold
 * `without` ("" = none is left out). False: there is none. */
bool metrics_merge(const char *name, const char *only, const char *without,
                   struct metric_sum *out);

/* The quantile q (0..1) by linear interpolation in its bucket, in microseconds; -1
 * without any observation. What lies above the last bound reads as that bound. */
int64_t metric_quantile_us(const struct metric_sum *t, double q);
typedef void metric_number_fn(void *arg, const char *name, const char *labels,
                              int64_t value);
/* Calls fn for every counter and gauge, with a lock held: fn makes no metrics. */
void metrics_each_number(metric_number_fn *fn, void *arg);

/* What this process uses, as the exposition and the beats say it. */
struct process_use {
    int64_t cpu_us; /* user and system */
    int64_t resident_kib;
};
struct process_use process_use(void);
int64_t process_started_s(void); /* since 1970 */

/* The whole exposition, process_* and build_info included. Thread-safe. */
void metrics_print(struct buf *out);

#endif
