#include "monitor/figures.h"

#include <string.h>

#include "base/mem.h"

static const char *const COUNTERS[FIGURE_COUNTERS] = {
    [COUNT_RPC_ERRORS] = "rpc_errors",
    [COUNT_HTTP_2XX] = "http_2xx",
    [COUNT_HTTP_3XX] = "http_3xx",
    [COUNT_HTTP_4XX] = "http_4xx",
    [COUNT_HTTP_5XX] = "http_5xx",
    [COUNT_TO_AUTH_ERRORS] = "to_auth_errors",
    [COUNT_TO_CATALOG_ERRORS] = "to_catalog_errors",
    [COUNT_SENT] = "sent",
    [COUNT_DEFERRED] = "deferred",
    [COUNT_DEAD] = "dead",
    [COUNT_EVENTS] = "events",
    [COUNT_GAPS] = "gaps",
    [COUNT_PULLS] = "pulls",
    [COUNT_TOKENS_REFUSED] = "tokens_refused",
};

static const char *const HISTOGRAMS[FIGURE_HISTOGRAMS] = {
    [TIME_RPC] = "rpc",         [TIME_HTTP] = "http",
    [TIME_TO_AUTH] = "to_auth", [TIME_TO_CATALOG] = "to_catalog",
    [TIME_ATTEMPT] = "attempt", [TIME_AGE] = "age",
};

static const char *const GAUGES[FIGURE_GAUGES] = {
    [GAUGE_RSS_KIB] = "rss_kib",
    [GAUGE_CPU_PERMILLE] = "cpu_permille",
    [GAUGE_IN_FLIGHT] = "in_flight",
    [GAUGE_QUEUE] = "queue",
    [GAUGE_OLDEST_S] = "oldest_s",
    [GAUGE_OUTBOX] = "outbox",
    [GAUGE_LAG] = "lag",
    [GAUGE_HASH_QUEUE] = "hash_queue",
};

const char *figure_gauge_name(enum figure_gauge g)
{
    return GAUGES[g];
}

int figure_gauge_by_name(struct str name)
{
    for (int i = 0; i < FIGURE_GAUGES; i++)
        if (str_eq(name, str_of(GAUGES[i])))
            return i;
    return -1;
}

/* ---- beats ---- */

/* Buckets as integers that are not negative, as many as we have. */
static bool read_counts(const json_t *counts, size_t skip, struct metric_sum *ret)
{
    if (json_array_size(counts) != METRIC_BUCKETS + skip)
        return false;
    for (size_t i = 0; i < METRIC_BUCKETS; i++) {
        const json_t *n = json_array_get(counts, i + skip);
        if (!json_is_integer(n) || json_integer_value(n) < 0)
            return false;
        ret->bucket[i] = json_integer_value(n);
    }
    return true;
}

static void read_times(const json_t *histograms, struct figures *ret)
{
    for (size_t i = 0; i < FIGURE_HISTOGRAMS; i++) {
        const json_t *h = json_object_get(histograms, HISTOGRAMS[i]);
        if (!read_counts(json_object_get(h, "counts"), 0, &ret->time[i]))
            continue;
        ret->time[i].sum_us = json_integer_value(json_object_get(h, "sum_us"));
        ret->has_time |= 1u << i;
    }
}

void figures_read(const json_t *beat, struct figures *ret)
{
    const json_t *counters = json_object_get(beat, "counters");
    *ret = (struct figures){ 0 };
    for (size_t i = 0; i < FIGURE_COUNTERS; i++) {
        const json_t *v = json_object_get(counters, COUNTERS[i]);
        if (!json_is_integer(v) || json_integer_value(v) < 0)
            continue;
        ret->counter[i] = json_integer_value(v);
        ret->has_counter |= 1u << i;
    }
    read_times(json_object_get(beat, "histograms"), ret);
}

/* ---- arithmetic ---- */

static int64_t grown(int64_t now, int64_t before)
{
    return now >= before ? now - before : now;
}

void figures_between(const struct figures *now, const struct figures *before,
                     struct figures *ret)
{
    ret->has_counter = now->has_counter;
    ret->has_time = now->has_time;
    for (size_t i = 0; i < FIGURE_COUNTERS; i++)
        ret->counter[i] = grown(now->counter[i], before->counter[i]);
    for (size_t i = 0; i < FIGURE_HISTOGRAMS; i++) {
        const struct metric_sum *n = &now->time[i], *b = &before->time[i];
        ret->time[i].sum_us = grown(n->sum_us, b->sum_us);
        for (size_t k = 0; k < METRIC_BUCKETS; k++)
            ret->time[i].bucket[k] = grown(n->bucket[k], b->bucket[k]);
    }
}

void figures_add(struct figures *sum, const struct figures *more)
{
    sum->has_counter |= more->has_counter;
    sum->has_time |= more->has_time;
    for (size_t i = 0; i < FIGURE_COUNTERS; i++)
        sum->counter[i] += more->counter[i];
    for (size_t i = 0; i < FIGURE_HISTOGRAMS; i++) {
        sum->time[i].sum_us += more->time[i].sum_us;
        for (size_t k = 0; k < METRIC_BUCKETS; k++)
            sum->time[i].bucket[k] += more->time[i].bucket[k];
    }
}

void gauge_note(struct gauge_sum *g, int64_t value)
{
    if (g->n == 0 || value > g->max)
        g->max = value;
    g->sum += value;
    g->n++;
}

void figure_slot_add(struct figure_slot *sum, const struct figure_slot *more)
{
    figures_add(&sum->f, &more->f);
    sum->beats += more->beats;
    for (size_t i = 0; i < FIGURE_GAUGES; i++) {
        struct gauge_sum *g = &sum->gauge[i];
        const struct gauge_sum *m = &more->gauge[i];
        if (m->n > 0 && (g->n == 0 || m->max > g->max))
            g->max = m->max;
        g->sum += m->sum;
        g->n += m->n;
    }
}

int64_t figures_count(const struct metric_sum *t)
{
    int64_t n = 0;
    for (size_t i = 0; i < METRIC_BUCKETS; i++)
        n += t->bucket[i];
    return n;
}

/* ---- what is kept ---- */

static void write_time(const struct metric_sum *t, const char *name, struct jsonw *w)
{
    jw_key(w, name);
    jw_array(w);
    jw_int(w, t->sum_us);
    for (size_t k = 0; k < METRIC_BUCKETS; k++)
        jw_int(w, t->bucket[k]);
    jw_array_end(w);
}

static void write_gauge(const struct gauge_sum *g, const char *name, struct jsonw *w)
{
    jw_key(w, name);
    jw_array(w);
    jw_int(w, g->sum);
    jw_int(w, g->max);
    jw_int(w, g->n);
    jw_array_end(w);
}

void figure_slot_write(const struct figure_slot *s, struct jsonw *w)
{
    jw_object(w);
    jw_kint(w, "n", s->beats);
    jw_key(w, "c");
    jw_object(w);
    for (size_t i = 0; i < FIGURE_COUNTERS; i++)
        if (s->f.has_counter & 1u << i)
            jw_kint(w, COUNTERS[i], s->f.counter[i]);
    jw_object_end(w);
    jw_key(w, "h");
    jw_object(w);
    for (size_t i = 0; i < FIGURE_HISTOGRAMS; i++)
        if (figures_count(&s->f.time[i]) > 0)
            write_time(&s->f.time[i], HISTOGRAMS[i], w);
    jw_object_end(w);
    jw_key(w, "g");
    jw_object(w);
    for (size_t i = 0; i < FIGURE_GAUGES; i++)
        if (s->gauge[i].n > 0)
            write_gauge(&s->gauge[i], GAUGES[i], w);
    jw_object_end(w);
    jw_object_end(w);
}

static void read_gauges(const json_t *gauges, struct figure_slot *ret)
{
    for (size_t i = 0; i < FIGURE_GAUGES; i++) {
        const json_t *g = json_object_get(gauges, GAUGES[i]);
        if (json_array_size(g) != 3)
            continue;
        ret->gauge[i] = (struct gauge_sum){ json_integer_value(json_array_get(g, 0)),
                                            json_integer_value(json_array_get(g, 1)),
                                            json_integer_value(json_array_get(g, 2)) };
    }
}

bool figure_slot_read(const json_t *kept, struct figure_slot *sum)
{
    const json_t *counters = json_object_get(kept, "c");
    const json_t *times = json_object_get(kept, "h");
    struct figure_slot s = { .beats = json_integer_value(json_object_get(kept, "n")) };
    if (!json_is_object(kept))
        return false;
    for (size_t i = 0; i < FIGURE_COUNTERS; i++) {
        const json_t *v = json_object_get(counters, COUNTERS[i]);
        if (!json_is_integer(v))
            continue;
        s.f.counter[i] = json_integer_value(v);
        s.f.has_counter |= 1u << i;
    }
    for (size_t i = 0; i < FIGURE_HISTOGRAMS; i++) {
        const json_t *h = json_object_get(times, HISTOGRAMS[i]);
        if (!read_counts(h, 1, &s.f.time[i]))
            continue;
        s.f.time[i].sum_us = json_integer_value(json_array_get(h, 0));
        s.f.has_time |= 1u << i;
    }
    read_gauges(json_object_get(kept, "g"), &s);
    figure_slot_add(sum, &s);
    return true;
}
