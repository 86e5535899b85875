/*
 * GET /metrics: Flower's six names with what they should mean (a killed worker is 0, the
 * wait is also a histogram), and what Flower could not know. Prometheus text 0.0.4.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/app.h"
#include "monitor/flower.h"
#include "monitor/task_events.h"
#include "monitor/watch.h"

enum { PAGE_MAX = 4 * 1024 * 1024 };

static void family(struct buf *b, const char *name, const char *type, const char *help)
{
    buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and line feed are escaped, other controls dropped. */
static void label(struct buf *b, const char *value)
{
    for (const char *p = value; *p; p++) {
        if (*p == '\\' || *p == '"')
            buf_char(b, '\\');
        if ((unsigned char)*p >= 0x20 && *p != 0x7f)
            buf_char(b, *p);
    }
}

static void sample(struct buf *b, const char *name, const char *worker, const char *more,
                   double value)
{
    buf_printf(b, "%s{worker=\"", name);
    label(b, worker);
    buf_printf(b, "\"%s} %.15g\n", more, value);
}

static bool is_online(const struct monitor_app *app, const struct replica *r)
{
    return replicas_is_live(&app->replicas, r, clock_mono_ms());
}

static bool is_mailer(const struct replica *r)
{
    return strcmp(r->service, "mailer") == 0;
}

static int64_t load_of(const struct replica *r, const char *key)
{
    return json_integer_value(json_object_get(r->load, key));
}

static const struct figures *totals_of(const struct replica *r)
{
    unsigned last = (r->sample->next + SAMPLE_WINDOW - 1) % SAMPLE_WINDOW;
    return r->sample->n > 0 ? &r->sample->beats[last].totals : NULL;
}

/* task: what names are made of. */
static void print_histogram(struct buf *b, const char *name, const char *worker,
                            const char *task, const struct metric_sum *t)
{
    const int64_t *bounds = metric_bounds_us();
    char metric[96], more[160];
    int64_t seen = 0;
    snprintf(metric, sizeof metric, "%s_bucket", name);
    for (size_t i = 0; i < METRIC_BUCKETS; i++) {
        seen += t->bucket[i];
        if (i + 1 < METRIC_BUCKETS)
            snprintf(more, sizeof more, ",task=\"%s\",le=\"%g\"", task,
                     (double)bounds[i] / 1e6);
        else
            snprintf(more, sizeof more, ",task=\"%s\",le=\"+Inf\"", task);
        sample(b, metric, worker, more, (double)seen);
    }
    snprintf(more, sizeof more, ",task=\"%s\"", task);
    snprintf(metric, sizeof metric, "%s_sum", name);
    sample(b, metric, worker, more, (double)t->sum_us / 1e6);
    snprintf(metric, sizeof metric, "%s_count", name);
    sample(b, metric, worker, more, (double)seen);
}

static const char RUNTIME[] = "flower_task_runtime_seconds";

static void print_runtime(void *arg, const char *worker, const char *template,
                          const struct metric_sum *times)
{
    char task[64];
    snprintf(task, sizeof task, "mailer.%s", template);
    print_histogram(arg, RUNTIME, worker, task, times);
}

static void print_ages(const struct monitor_app *app, struct buf *b)
{
    static const char NAME[] = "quintet_mail_age_seconds";
    family(b, NAME, "histogram", "From the event to the accepted mail");
    for (unsigned i = 0; i < app->replicas.n; i++) {
        const struct replica *r = app->replicas.r[i];
        const struct figures *f = totals_of(r);
        if (is_mailer(r) && f && f->has_time & 1u << TIME_AGE)
            print_histogram(b, NAME, r->instance, "mail", &f->time[TIME_AGE]);
    }
}

/* ---- one gauge for each worker ---- */

static double online(const struct monitor_app *app, const struct replica *r)
{
    return is_online(app, r);
}

static double executing(const struct monitor_app *app, const struct replica *r)
{
    if (!is_online(app, r))
        return 0;
    return (double)load_of(r, is_mailer(r) ? "busy" : "in_flight");
}

/* The mailer takes a mail when it sends it: what it holds and does not send is nothing.
 */
static double prefetched(const struct monitor_app *app, const struct replica *r)
{
    (void)app, (void)r;
    return 0;
}

static double oldest(const struct monitor_app *app, const struct replica *r)
{
    return is_online(app, r) ? (double)load_of(r, "oldest_s") : 0;
}

static double last_beat(const struct monitor_app *app, const struct replica *r)
{
    (void)app;
    return (double)r->at_us / 1e6;
}

static double resident(const struct monitor_app *app, const struct replica *r)
{
    return is_online(app, r) ? (double)r->rss_kib * 1024 : 0;
}

static const struct {
    const char *name, *help;
    bool mailers_only;
    double (*of)(const struct monitor_app *app, const struct replica *r);
} GAUGES[] = {
    { "flower_worker_online", "1 while the replica says that it lives", false, online },
    { "flower_worker_number_of_currently_executing_tasks",
      "Mails being sent, or calls being answered", false, executing },
    { "flower_worker_prefetched_tasks", "Mails taken and not being sent", true,
      prefetched },
    { "flower_task_prefetch_time_seconds", "Wait of the oldest mail that is due", true,
      oldest },
    { "quintet_worker_last_beat_timestamp_seconds", "When the replica was heard last",
      false, last_beat },
    { "quintet_worker_resident_memory_bytes", "Resident memory", false, resident },
};

static void print_gauges(const struct monitor_app *app, struct buf *b)
{
    for (size_t g = 0; g < ARRAY_LEN(GAUGES); g++) {
        family(b, GAUGES[g].name, "gauge", GAUGES[g].help);
        for (unsigned i = 0; i < app->replicas.n; i++) {
            const struct replica *r = app->replicas.r[i];
            char more[96];
            if (GAUGES[g].mailers_only && !is_mailer(r))
                continue;
            snprintf(more, sizeof more,
                     GAUGES[g].mailers_only ? ",task=\"mail\"" : ",service=\"%s\"",
                     r->service);
            sample(b, GAUGES[g].name, r->instance, more, GAUGES[g].of(app, r));
        }
    }
}

/* ---- the queue and the desk ---- */

/* Below 0: not known, so there is no sample. */
static void plain(struct buf *b, const char *name, const char *help, int64_t value)
{
    family(b, name, "gauge", help);
    if (value >= 0)
        buf_printf(b, "%s %lld\n", name, (long long)value);
}

static void print_queue(struct buf *b, const json_t *q)
{
    static const char *const STATES[] = { "ready", "leased" };
    family(b, "quintet_queue_messages", "gauge", "Mails in the queue by state");
    for (size_t i = 0; q && i < ARRAY_LEN(STATES); i++)
        buf_printf(b, "quintet_queue_messages{state=\"%s\"} %lld\n", STATES[i],
                   (long long)json_integer_value(json_object_get(q, STATES[i])));
    plain(b, "quintet_queue_paused", "1 while the queue is paused",
          q ? json_is_true(json_object_get(q, "paused")) : -1);
}

static void print_mail(const struct monitor_app *app, struct buf *b)
{
    print_queue(b, watch_queue(app->watch));
    plain(b, "quintet_queue_oldest_seconds", "Wait of the oldest mail that is due",
          watch_oldest_s(app->watch));
    plain(b, "quintet_dead_mails", "Mails that were given up", watch_dead(app->watch));
    plain(b, "quintet_missed_mails", "People who did not get their mail",
          watch_missed(app->watch));
}

void handle_metrics(struct api *a)
{
    struct monitor_app *app = a->app;
    AUTO_BUF struct buf b = { .max = PAGE_MAX };
    if (!app->cfg->metrics_open && a->who.role == ACCESS_NONE) {
        api_fail(a, ERR_NOT_AUTHENTICATED, NULL);
        return;
    }
    watch_wanted(app->watch);
    family(&b, "flower_events_total", "counter", "What happened to mails");
    task_events_print(app->events, &b);
    family(&b, RUNTIME, "histogram", "Time of a delivery attempt");
    task_events_each_time(app->events, print_runtime, &b);
    print_gauges(app, &b);
    print_ages(app, &b);
    print_mail(app, &b);
    api_reply_as(a, 200, "text/plain; version=0.0.4; charset=utf-8", buf_get(&b));
}
