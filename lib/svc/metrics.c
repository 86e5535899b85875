#include "svc/metrics.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "svc/svc.h"

enum metric_kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

/* Upper bounds in microseconds: OpenTelemetry's HTTP buckets, with five below them
 * because most of our requests take less than their first. */
static const int64_t BOUNDS[METRIC_BUCKETS - 1] = {
    100,    250,    500,    1000,   2500,    5000,    10000,   25000,   50000,   75000,
    100000, 250000, 500000, 750000, 1000000, 2500000, 5000000, 7500000, 10000000
};
enum { NBOUNDS = ARRAY_LEN(BOUNDS) };

struct metric {
    struct metric *next;
    enum metric_kind kind;
    const char *name, *help, *labels;
    atomic_llong value; /* histogram: count */
    atomic_llong sum_us;
    atomic_llong bucket[NBOUNDS]; /* not cumulative */
};

static struct {
    pthread_mutex_t lock;
    struct metric *first;
} registry = { PTHREAD_MUTEX_INITIALIZER, NULL };

/* New metrics join the others of their family, so that printing needs no sorting. */
static void insert(struct metric *m)
{
    struct metric *after = NULL;
    for (struct metric *o = registry.first; o; o = o->next)
        if (strcmp(o->name, m->name) == 0)
            after = o;
    if (after) {
        m->next = after->next;
        after->next = m;
        return;
    }
    struct metric **end = &registry.first;
    while (*end)
        end = &(*end)->next;
    *end = m;
}

static struct metric *get(enum metric_kind kind, const char *name, const char *help,
                          const char *labels)
{
    pthread_mutex_lock(&registry.lock);
    struct metric *m = registry.first;
    while (m && (strcmp(m->name, name) != 0 || strcmp(m->labels, labels) != 0))
        m = m->next;
    if (!m) {
        m = xcalloc(1, sizeof *m);
        m->kind = kind;
        m->name = xstrdup(name);
        m->help = xstrdup(help);
        m->labels = xstrdup(labels);
        insert(m);
    }
    pthread_mutex_unlock(&registry.lock);
    return m;
}

struct metric *metric_counter(const char *name, const char *help, const char *labels)
{
    return get(KIND_COUNTER, name, help, labels);
}

struct metric *metric_gauge(const char *name, const char *help, const char *labels)
{
    return get(KIND_GAUGE, name, help, labels);
}

struct metric *metric_histogram(const char *name, const char *help, const char *labels)
{
    return get(KIND_HISTOGRAM, name, help, labels);
}

void metric_add(struct metric *m, int64_t n)
{
    atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

void metric_set(struct metric *m, int64_t value)
{
    atomic_store_explicit(&m->value, value, memory_order_relaxed);
}

void metric_observe_us(struct metric *m, int64_t us)
{
    size_t i = 0;
    while (i < NBOUNDS && us > BOUNDS[i])
        i++;
    if (i < NBOUNDS)
        atomic_fetch_add_explicit(&m->bucket[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->sum_us, us, memory_order_relaxed);
    metric_add(m, 1);
}

int64_t metric_value(const struct metric *m)
{
    return atomic_load_explicit(&m->value, memory_order_relaxed);
}

const int64_t *metric_bounds_us(void)
{
    return BOUNDS;
}

void metrics_each(const char *name, metric_each_fn *fn, void *arg)
{
    pthread_mutex_lock(&registry.lock);
    for (const struct metric *m = registry.first; m; m = m->next)
        if (strcmp(m->name, name) == 0)
            fn(arg, m->labels, metric_value(m));
    pthread_mutex_unlock(&registry.lock);
}

/* The buckets are what counts: their sum is the total, whatever was added meanwhile. */
static void merge(struct metric_sum *out, const struct metric *m)
{
    int64_t count = metric_value(m), below = 0;
    for (size_t i = 0; i < NBOUNDS; i++) {
        int64_t n = atomic_load_explicit(&m->bucket[i], memory_order_relaxed);
        out->bucket[i] += n;
        below += n;
    }
    out->bucket[NBOUNDS] += count > below ? count - below : 0;
    out->sum_us += atomic_load_explicit(&m->sum_us, memory_order_relaxed);
}

bool metrics_merge(const char *name, const char *only, const char *without,
                   struct metric_sum *out)
{
    bool found = false;
    pthread_mutex_lock(&registry.lock);
    for (const struct metric *m = registry.first; m; m = m->next) {
        if (m->kind != KIND_HISTOGRAM || strcmp(m->name, name) != 0 ||
            !strstr(m->labels, only) || (*without && strstr(m->labels, without)))
            continue;
        merge(out, m);
        found = true;
    }
    pthread_mutex_unlock(&registry.lock);
    return found;
}

int64_t metric_quantile_us(const struct metric_sum *t, double q)
{
    int64_t n = 0, seen = 0, lower = 0;
    for (size_t i = 0; i < METRIC_BUCKETS; i++)
        n += t->bucket[i];
    double want = q * (double)n;
    if (n == 0)
        return -1;
    for (size_t i = 0; i < NBOUNDS; i++) {
        int64_t here = t->bucket[i];
        if (here > 0 && (double)(seen + here) >= want)
            return lower + (int64_t)((double)(BOUNDS[i] - lower) * (want - (double)seen) /
                                     (double)here);
        seen += here;
        lower = BOUNDS[i];
    }
    return lower;
}

void metrics_each_number(metric_number_fn *fn, void *arg)
{
    pthread_mutex_lock(&registry.lock);
    for (const struct metric *m = registry.first; m; m = m->next)
        if (m->kind != KIND_HISTOGRAM)
            fn(arg, m->name, m->labels, metric_value(m));
    pthread_mutex_unlock(&registry.lock);
}

static void print_sample(struct buf *out, const struct metric *m, const char *suffix,
                         const char *extra_label)
{
    buf_printf(out, "%s%s", m->name, suffix);
    if (m->labels[0] || extra_label[0])
        buf_printf(out, "{%s%s%s}", m->labels, m->labels[0] && extra_label[0] ? "," : "",
                   extra_label);
    buf_char(out, ' ');
}

static void print_histogram(struct buf *out, const struct metric *m)
{
    /* The count is read first and the buckets are cut to it, so that a scrape in the
     * middle of an update never shows a bucket above the total. */
    long long count = metric_value(m), seen = 0;
    for (size_t i = 0; i < NBOUNDS; i++) {
        char label[40];
        seen += atomic_load_explicit(&m->bucket[i], memory_order_relaxed);
        snprintf(label, sizeof label, "le=\"%g\"", (double)BOUNDS[i] / 1e6);
        print_sample(out, m, "_bucket", label);
        buf_printf(out, "%lld\n", seen < count ? seen : count);
    }
    print_sample(out, m, "_bucket", "le=\"+Inf\"");
    buf_printf(out, "%lld\n", count);
    print_sample(out, m, "_sum", "");
    buf_printf(out, "%.6f\n", (double)atomic_load(&m->sum_us) / 1e6);
    print_sample(out, m, "_count", "");
    buf_printf(out, "%lld\n", count);
}

static void print_metric(struct buf *out, const struct metric *m, const char *last_name)
{
    static const char *const type[] = { "counter", "gauge", "histogram" };
    if (strcmp(last_name, m->name) != 0)
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name,
                   type[m->kind]);
    if (m->kind == KIND_HISTOGRAM) {
        print_histogram(out, m);
        return;
    }
    print_sample(out, m, "", "");
    buf_printf(out, "%lld\n", (long long)metric_value(m));
}

static int64_t resident_kib(void)
{
    long pages = 0, ignored = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    if (fscanf(f, "%ld %ld", &ignored, &pages) != 2)
        pages = 0;
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

struct process_use process_use(void)
{
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    return (struct process_use){
        .cpu_us = (int64_t)cpu.tv_sec * 1000000 + cpu.tv_nsec / 1000,
        .resident_kib = resident_kib(),
    };
}

static int open_fds(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    if (!d)
        return 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n - 3; /* ".", ".." and the directory itself */
}

static int64_t started_s;
__attribute__((constructor)) static void note_start(void)
{
    started_s = clock_wall_s();
}

int64_t process_started_s(void)
{
    return started_s;
}

static void print_process(struct buf *out)
{
    struct process_use use = process_use();
    buf_printf(out,
               "# HELP process_cpu_seconds_total User and system time used\n"
               "# TYPE process_cpu_seconds_total counter\n"
               "process_cpu_seconds_total %.6f\n",
               (double)use.cpu_us / 1e6);
    buf_printf(out,
               "# HELP process_resident_memory_bytes Resident memory\n"
               "# TYPE process_resident_memory_bytes gauge\n"
               "process_resident_memory_bytes %lld\n",
               (long long)use.resident_kib * 1024);
    buf_printf(out,
               "# HELP process_open_fds Open file descriptors\n"
               "# TYPE process_open_fds gauge\nprocess_open_fds %d\n",
               open_fds());
    buf_printf(out,
               "# HELP process_start_time_seconds Start time, seconds since 1970\n"
               "# TYPE process_start_time_seconds gauge\n"
               "process_start_time_seconds %lld\n",
               (long long)started_s);
    buf_printf(out,
               "# HELP build_info Version of this build\n# TYPE build_info gauge\n"
               "build_info{version=\"%s\"} 1\n",
               SVC_VERSION);
}

void metrics_print(struct buf *out)
{
    const char *last_name = "";
    pthread_mutex_lock(&registry.lock);
    for (const struct metric *m = registry.first; m; m = m->next) {
        print_metric(out, m, last_name);
        last_name = m->name;
    }
    pthread_mutex_unlock(&registry.lock);
    print_process(out);
}
