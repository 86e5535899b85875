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
    char evidence[200];
    return replica_is_live(
        replica_status(r, app->replicas.version, clock_mono_ms(), evidence));
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

static void print_histogram(struct buf *b, const char *name, const char *worker,
                            const struct metric_sum *t)
{
    const int64_t *bounds = metric_bounds_us();
    char bucket[96], more[96];
    int64_t seen = 0;
    snprintf(bucket, sizeof bucket, "%s_bucket", name);
    for (size_t i = 0; i < METRIC_BUCKETS; i++) {
        seen += t->bucket[i];
        if (i + 1 < METRIC_BUCKETS)
            snprintf(more, sizeof more, ",task=\"mail\",le=\"%g\"",
                     (double)bounds[i] / 1e6);
        else
            snprintf(more, sizeof more, ",task=\"mail\",le=\"+Inf\"");
        sample(b, bucket, worker, more, (double)seen);
    }
    snprintf(bucket, sizeof bucket, "%s_sum", name);
    sample(b, bucket, worker, ",task=\"mail\"", (double)t->sum_us / 1e6);
    snprintf(bucket, sizeof bucket, "%s_count", name);
    sample(b, bucket, worker, ",task=\"mail\"", (double)seen);
}

static void print_times(const struct monitor_app *app, struct buf *b, const char *name,
                        enum figure_histogram t, const char *help)
{
    family(b, name, "histogram", help);
    for (unsigned i = 0; i < app->replicas.n; i++) {
        const struct replica *r = app->replicas.r[i];
        const struct figures *f = totals_of(r);
        if (is_mailer(r) && f && f->has_time & 1u << t)
            print_histogram(b, name, r->instance, &f->time[t]);
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

static void plain(struct buf *b, const char *name, const char *help, int64_t value)
{
    family(b, name, "gauge", help);
    buf_printf(b, "%s %lld\n", name, (long long)value);
}

static void print_mail(const struct monitor_app *app, struct buf *b)
{
    const json_t *q = watch_queue(app->watch);
    family(b, "quintet_queue_messages", "gauge", "Mails in the queue by state");
    buf_printf(b,
               "quintet_queue_messages{state=\"ready\"} %lld\n"
               "quintet_queue_messages{state=\"leased\"} %lld\n",
               (long long)json_integer_value(json_object_get(q, "ready")),
               (long long)json_integer_value(json_object_get(q, "leased")));
    plain(b, "quintet_queue_oldest_seconds", "Wait of the oldest mail that is due",
          watch_oldest_s(app->watch));
    plain(b, "quintet_queue_paused", "1 while the queue is paused",
          json_is_true(json_object_get(q, "paused")));
    plain(b, "quintet_dead_mails", "Mails that were given up", watch_dead(app->watch));
    plain(b, "quintet_missed_mails", "People who did not get their mail",
          watch_missed(app->watch));
}

void handle_metrics(struct api *a)
{
    struct monitor_app *app = a->app;
    AUTO_BUF struct buf b;
    if (!app->cfg->metrics_open && a->who.role == ACCESS_NONE) {
        api_fail(a, ERR_NOT_AUTHENTICATED, NULL);
        return;
    }
    watch_wanted(app->watch);
    buf_init(&b, PAGE_MAX);
    family(&b, "flower_events_total", "counter", "What happened to mails");
    task_events_print(app->events, &b);
    print_times(app, &b, "flower_task_runtime_seconds", TIME_ATTEMPT,
                "Time of a delivery attempt");
    print_gauges(app, &b);
    print_times(app, &b, "quintet_mail_age_seconds", TIME_AGE,
                "From the event to the accepted mail");
    print_mail(app, &b);
    api_reply_as(a, 200, "text/plain; version=0.0.4; charset=utf-8", buf_get(&b));
}
