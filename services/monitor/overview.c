#include "monitor/overview.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/attention.h"
#include "monitor/history.h"
#include "monitor/watch.h"

/* What was counted in the last ten seconds. */
struct window {
    double seconds; /* 0: nothing was heard */
    double rate;    /* of the main figure */
    struct figures f;
};

static const char *const NAMES[] = { "gateway", "auth", "catalog", "mailer", "monitor" };

/* ---- figures ---- */

/* Tenths are as exact as a window of ten seconds is. */
static void krate(struct jsonw *w, const char *key, double rate)
{
    jw_key(w, key);
    jw_double(w, round(rate * 10) / 10);
}

static void kquantile(struct jsonw *w, const char *key, const struct metric_sum *t,
                      double q)
{
    int64_t us = metric_quantile_us(t, q);
    if (us < 0)
        jw_knull(w, key);
    else
        jw_kint(w, key, us);
}

static void write_times(struct jsonw *w, const struct metric_sum *t, int64_t errors)
{
    int64_t n = figures_count(t);
    kquantile(w, "p50_us", t, 0.5);
    kquantile(w, "p99_us", t, 0.99);
    jw_kint(w, "errors_permille", n > 0 ? errors * 1000 / n : 0);
}

/* What a service's times and errors are: those of its callers. */
static void write_main_times(struct jsonw *w, const struct figures *f)
{
    if (f->has_time & 1u << TIME_HTTP)
        write_times(w, &f->time[TIME_HTTP], f->counter[COUNT_HTTP_5XX]);
    else if (f->has_counter & 1u << COUNT_SENT)
        write_times(w, &f->time[TIME_ATTEMPT],
                    f->counter[COUNT_DEFERRED] + f->counter[COUNT_DEAD]);
    else
        write_times(w, &f->time[TIME_RPC], f->counter[COUNT_RPC_ERRORS]);
}

static void add_window(struct window *sum, const struct replica *r, int64_t wall_us)
{
    struct figures f;
    double seconds = sample_window(r->sample, wall_us, &f);
    if (seconds <= 0)
        return;
    sum->rate += (double)figures_main(&f) / seconds;
    sum->seconds = seconds;
    figures_add(&sum->f, &f);
}

/* ---- replicas ---- */

static void write_load(const json_t *load, struct jsonw *w)
{
    AUTO_FREE char *text = json_dumps(load, JSON_COMPACT);
    jw_kraw(w, "load", text ? str_of(text) : STR("{}"));
}

/* Flower's columns: what a replica has finished since its start, and what it is at. A
 * mailer's work is attempts, the gateway's HTTP requests, the others' calls. */
static void write_done(const struct replica *r, struct jsonw *w)
{
    struct figures f = { 0 };
    sample_totals(r->sample, &f);
    bool mails = f.has_counter & 1u << COUNT_SENT, http = f.has_time & 1u << TIME_HTTP;
    enum figure_histogram time = mails ? TIME_ATTEMPT : http ? TIME_HTTP : TIME_RPC;
    enum figure_counter bad = mails  ? COUNT_DEAD
                              : http ? COUNT_HTTP_5XX
                                     : COUNT_RPC_ERRORS;
    const char *active = mails ? "sending" : http ? "http_in_flight" : "in_flight";
    int64_t all = figures_count(&f.time[time]), failed = f.counter[bad];
    jw_kint(w, "active", json_integer_value(json_object_get(r->load, active)));
    jw_kint(w, "processed", all);
    jw_kint(w, "failed", failed);
    jw_kint(w, "succeeded", mails ? f.counter[COUNT_SENT] : all - failed);
    if (mails)
        jw_kint(w, "retried", f.counter[COUNT_DEFERRED]);
    else
        jw_knull(w, "retried");
    if (r->loadavg[0] < 0) {
        jw_knull(w, "loadavg");
        return;
    }
    jw_key(w, "loadavg");
    jw_array(w);
    for (size_t i = 0; i < ARRAY_LEN(r->loadavg); i++)
        jw_double(w, round(r->loadavg[i] * 100) / 100);
    jw_array_end(w);
}

void overview_write_replica(const struct monitor_app *app, const struct replica *r,
                            struct jsonw *w)
{
    char evidence[200];
    int64_t now_ms = clock_mono_ms();
    struct window window = { 0 };
    enum replica_status s = replica_status(r, app->replicas.version, now_ms, evidence);
    add_window(&window, r, clock_wall_us());
    jw_object(w);
    jw_kcstr(w, "service", r->service);
    jw_kcstr(w, "instance", r->instance);
    jw_kcstr(w, "status", replica_status_name(s));
    jw_kcstr(w, "evidence", evidence);
    api_ktime(w, "since", r->since_us);
    jw_kcstr(w, "version", r->version);
    jw_kcstr(w, "control", r->control);
    jw_kint(w, "pid", r->pid);
    jw_kint(w, "uptime_s", r->uptime_s);
    jw_kint(w, "silent_ms", now_ms - r->last_ms);
    jw_kint(w, "rss_kib", r->rss_kib);
    jw_kint(w, "cpu_permille", replica_is_live(s) ? r->cpu_permille : 0);
    jw_kint(w, "restarts", r->restarts);
    krate(w, "rate", window.rate);
    write_main_times(w, &window.f);
    write_done(r, w);
    write_load(r->load, w);
    jw_object_end(w);
}

/* ---- services ---- */

bool overview_next_expected(struct str *rest, struct str *ret_name, int64_t *ret_count)
{
    while (rest->p) {
        struct str number = str_trim(str_cut(rest, ','));
        *ret_name = str_trim(str_cut(&number, ':'));
        *ret_count = 1;
        if (number.p && (!str_to_i64(str_trim(number), ret_count) || *ret_count < 0))
            *ret_count = 1;
        if (ret_name->n > 0)
            return true;
    }
    return false;
}

static bool is_expected(const char *expect, struct str name)
{
    struct str rest = str_of(expect), each;
    int64_t n;
    while (overview_next_expected(&rest, &each, &n))
        if (str_eq(each, name))
            return true;
    return false;
}

struct service {
    const struct replica *r[REPLICAS_MAX];
    unsigned n, live;
    int64_t rss_kib, cpu_permille;
    struct window window;
    json_t *load; /* integers of the live ones, added up */
};

/* What every replica says of the one thing they share; the rest is each one's own. */
static bool is_shared(const char *key)
{
    static const char *const SHARED[] = {
        "ready",       "sending",           "sent",
        "dead",        "oldest_s",          "cursor",
        "lag",         "event_head",        "event_backlog",
        "revocations", "revocations_age_ms"
    };
    for (size_t i = 0; i < ARRAY_LEN(SHARED); i++)
        if (strcmp(key, SHARED[i]) == 0)
            return true;
    return false;
}

static json_int_t larger(json_int_t x, json_int_t y)
{
    return x > y ? x : y;
}

static void add_load(json_t *sum, const json_t *load)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)load, key, v)
    {
        json_int_t n = json_integer_value(json_object_get(sum, key));
        json_int_t more = json_integer_value(v);
        if (json_is_integer(v) && json_object_size(sum) < 64)
            json_object_set_new(
                sum, key, json_integer(is_shared(key) ? larger(n, more) : n + more));
    }
}

static void collect(const struct monitor_app *app, struct str name, struct service *ret)
{
    int64_t now_ms = clock_mono_ms(), wall_us = clock_wall_us();
    *ret = (struct service){ .load = json_object() };
    for (unsigned i = 0; i < app->replicas.n; i++) {
        const struct replica *r = app->replicas.r[i];
        if (!str_eq(str_of(r->service), name))
            continue;
        ret->r[ret->n++] = r;
        if (!replicas_is_live(&app->replicas, r, now_ms))
            continue;
        ret->live++;
        ret->rss_kib += r->rss_kib;
        ret->cpu_permille += r->cpu_permille;
        add_window(&ret->window, r, wall_us);
        add_load(ret->load, r->load);
    }
}

static void write_figure(const struct service *s, struct str name, struct jsonw *w)
{
    bool counts_replicas = str_eq(name, STR("monitor"));
    bool mails = str_eq(name, STR("mailer")); /* also when none of them is heard */
    jw_key(w, "figure");
    jw_object(w);
    krate(w, "value", counts_replicas ? 0 : s->window.rate);
    jw_kcstr(w, "unit", mails ? "mails/s" : "req/s");
    jw_object_end(w);
}

static void write_replica_count(const struct monitor_app *app, struct jsonw *w)
{
    jw_key(w, "figure");
    jw_object(w);
    jw_kint(w, "value", app->replicas.n);
    jw_kcstr(w, "unit", "replicas");
    jw_object_end(w);
}

static void write_spark(const struct service *s, struct jsonw *w)
{
    double spark[SPARK_SHOWN] = { 0 };
    for (unsigned i = 0; i < s->n; i++)
        sample_spark(s->r[i]->sample, clock_wall_us(), spark);
    jw_key(w, "spark");
    jw_array(w);
    for (size_t i = 0; i < SPARK_SHOWN; i++)
        jw_double(w, round(spark[i] * 10) / 10);
    jw_array_end(w);
}

static void write_service(const struct monitor_app *app, struct str name, bool expected,
                          struct jsonw *w)
{
    static struct service s; /* loop's thread only; large */
    collect(app, name, &s);
    jw_object(w);
    jw_kstr(w, "name", name);
    jw_kbool(w, "expected", expected);
    if (str_eq(name, STR("monitor")))
        write_replica_count(app, w);
    else
        write_figure(&s, name, w);
    write_spark(&s, w);
    write_main_times(w, &s.window.f);
    jw_kint(w, "live", s.live);
    jw_kint(w, "rss_kib", s.rss_kib);
    jw_kint(w, "cpu_permille", s.cpu_permille);
    write_load(s.load, w);
    jw_key(w, "replicas");
    jw_array(w);
    for (unsigned i = 0; i < s.n; i++)
        overview_write_replica(app, s.r[i], w);
    jw_array_end(w);
    jw_object_end(w);
    json_decref(s.load);
}

static bool has_replica(const struct monitor_app *app, const char *name)
{
    for (unsigned i = 0; i < app->replicas.n; i++)
        if (strcmp(app->replicas.r[i]->service, name) == 0)
            return true;
    return false;
}

static void write_services(const struct monitor_app *app, struct jsonw *w)
{
    struct str rest = str_of(app->cfg->expect), name;
    int64_t n;
    jw_key(w, "services");
    jw_array(w);
    while (overview_next_expected(&rest, &name, &n))
        write_service(app, name, true, w);
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
        if (!is_expected(app->cfg->expect, str_of(NAMES[i])) &&
            has_replica(app, NAMES[i]))
            write_service(app, str_of(NAMES[i]), false, w);
    jw_array_end(w);
}

/* ---- flow ---- */

static struct window window_of(const struct monitor_app *app, const char *service)
{
    struct window sum = { 0 };
    int64_t wall_us = clock_wall_us();
    for (unsigned i = 0; i < app->replicas.n; i++)
        if (strcmp(app->replicas.r[i]->service, service) == 0)
            add_window(&sum, app->replicas.r[i], wall_us);
    return sum;
}

static void begin_edge(struct jsonw *w, const char *from, const char *to,
                       const char *kind, double count, double seconds)
{
    jw_object(w);
    jw_kcstr(w, "from", from);
    jw_kcstr(w, "to", to);
    jw_kcstr(w, "kind", kind);
    krate(w, "rate", seconds > 0 ? count / seconds : 0);
}

static void write_call_edge(struct jsonw *w, const char *from, const char *to,
                            const char *kind, const struct window *win,
                            enum figure_histogram t, int64_t errors)
{
    begin_edge(w, from, to, kind, (double)figures_count(&win->f.time[t]), win->seconds);
    write_times(w, &win->f.time[t], errors);
    jw_object_end(w);
}

int64_t overview_most_told(const struct monitor_app *app, const char *service,
                           const char *key)
{
    int64_t most = -1;
    for (unsigned i = 0; i < app->replicas.n; i++) {
        const struct replica *r = app->replicas.r[i];
        const json_t *told = json_object_get(r->load, key);
        if (strcmp(r->service, service) == 0 && json_is_integer(told) &&
            json_integer_value(told) > most)
            most = json_integer_value(told);
    }
    return most;
}

static void write_event_edge(const struct monitor_app *app, const char *to, double events,
                             double seconds, struct jsonw *w)
{
    begin_edge(w, "auth", to, "events", events, seconds);
    watch_write_figure(w, "lag", overview_most_told(app, to, "lag"));
    watch_write_figure(w, "gaps", overview_most_told(app, to, "gaps"));
    watch_write_figure(w, "pulls", overview_most_told(app, to, "pulls"));
    watch_write_figure(w, "head", overview_most_told(app, "auth", "event_head"));
    jw_object_end(w);
}

void overview_write_edges(const struct monitor_app *app, struct jsonw *w)
{
    struct window gateway = window_of(app, "gateway"), auth = window_of(app, "auth"),
                  mailer = window_of(app, "mailer");
    double events = (double)auth.f.counter[COUNT_EVENTS];
    const int64_t *count = gateway.f.counter;
    jw_key(w, "edges");
    jw_array(w);
    write_call_edge(w, "clients", "gateway", "http", &gateway, TIME_HTTP,
                    count[COUNT_HTTP_5XX]);
    write_call_edge(w, "gateway", "auth", "rpc", &gateway, TIME_TO_AUTH,
                    count[COUNT_TO_AUTH_ERRORS]);
    write_call_edge(w, "gateway", "catalog", "rpc", &gateway, TIME_TO_CATALOG,
                    count[COUNT_TO_CATALOG_ERRORS]);
    write_event_edge(app, "mailer", events, auth.seconds, w);
    write_event_edge(app, "catalog", events, auth.seconds, w);
    write_call_edge(w, "mailer", "smtp", "smtp", &mailer, TIME_ATTEMPT,
                    mailer.f.counter[COUNT_DEFERRED] + mailer.f.counter[COUNT_DEAD]);
    jw_array_end(w);
}

/* ---- all of it ---- */

void overview_write_live(const struct monitor_app *app, struct jsonw *w)
{
    api_ktime(w, "now", clock_wall_us());
    jw_kcstr(w, "version", SVC_VERSION);
    history_write_state(app->history, w);
    attention_write(app, w);
    jw_key(w, "counts");
    jw_object(w);
    watch_write_figure(w, "missed", watch_missed(app->watch));
    watch_write_figure(w, "dead", watch_dead(app->watch));
    jw_object_end(w);
    write_services(app, w);
    jw_key(w, "flow");
    jw_object(w);
    jw_kint(w, "window_s", SAMPLE_WINDOW - 1);
    overview_write_edges(app, w);
    jw_object_end(w);
}
