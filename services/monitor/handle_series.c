/* Charts: what history kept of a figure, by service or replica (API.md 5). */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/app.h"
#include "monitor/history.h"

enum { POINTS_MAX = 800, KEYS_MAX = 64, SPAN_MAX_S = 31 * 86400, CHANGES_SHOWN = 200 };

static const struct db_stmt READ = { "rollup_read", DB_LIST };
static const struct db_stmt READ_CHANGES = { "change_read", DB_LIST };

enum source { FROM_TIME, FROM_COUNTER, FROM_GAUGE };

struct metric_kind {
    const char *name, *unit;
    enum source source;
    int index;  /* of the histogram, counter or gauge */
    int errors; /* counter; -1: none */
    int time;   /* histogram beside a counter; -1: none */
    bool rate;  /* a second, not for each step */
};

static const struct metric_kind KINDS[] = {
    { "requests", "per second", FROM_TIME, TIME_RPC, COUNT_RPC_ERRORS, -1, true },
    { "http", "per second", FROM_TIME, TIME_HTTP, COUNT_HTTP_5XX, -1, true },
    { "sent", "mails", FROM_COUNTER, COUNT_SENT, -1, TIME_ATTEMPT, false },
    { "deferred", "mails", FROM_COUNTER, COUNT_DEFERRED, -1, -1, false },
    { "dead", "mails", FROM_COUNTER, COUNT_DEAD, -1, -1, false },
    { "events", "events", FROM_COUNTER, COUNT_EVENTS, -1, -1, false },
    { "tokens_refused", "tokens", FROM_COUNTER, COUNT_TOKENS_REFUSED, -1, -1, false },
    { "age", "mails", FROM_TIME, TIME_AGE, -1, -1, false },
};

struct point {
    int64_t beats, value, errors, classes[4];
    struct metric_sum time;
    struct gauge_sum gauge;
};

struct line {
    char key[64];
    struct point *points; /* in the arena */
};

struct series {
    struct metric_kind kind;
    char by; /* 's', 'i' or 0 */
    int tier;
    int64_t start_s, end_s, step_s;
    size_t npoints;
    struct line lines[KEYS_MAX];
    size_t nlines;
    const char *history; /* "ok" */
    bool histogram;      /* one sum for each key */
};

/* ---- the question ---- */

static bool find_kind(struct str name, struct metric_kind *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
        if (str_eq(name, str_of(KINDS[i].name))) {
            *ret = KINDS[i];
            return true;
        }
    int gauge = figure_gauge_by_name(name);
    if (gauge < 0)
        return false;
    *ret = (struct metric_kind){ .name = figure_gauge_name((enum figure_gauge)gauge),
                                 .unit = "",
                                 .source = FROM_GAUGE,
                                 .index = gauge,
                                 .errors = -1,
                                 .time = -1 };
    return true;
}

static bool read_span(struct api *a, struct series *s)
{
    int64_t from, to, now_us = clock_wall_us();
    if (!api_param_time(a, "to", now_us, &to) ||
        !api_param_time(a, "from", to - INT64_C(3600) * 1000000, &from))
        return false;
    int64_t span_s = (to - from) / 1000000;
    if (span_s <= 0 || span_s > SPAN_MAX_S || from < 0) {
        api_fail_field(a, "from",
                       "The span must be more than nothing and at most 31 days.", -1);
        return false;
    }
    s->tier = history_tier_for(span_s);
    s->step_s = TIER_STEP_S[s->tier];
    s->start_s = from / 1000000 - from / 1000000 % s->step_s;
    /* The second that `to` is in counts: a step that has just begun is shown as well. */
    int64_t to_s = (to + 999999) / 1000000;
    s->npoints = (size_t)((to_s - s->start_s + s->step_s - 1) / s->step_s);
    s->end_s = s->start_s + (int64_t)s->npoints * s->step_s;
    return s->npoints <= POINTS_MAX;
}

static bool read_question(struct api *a, struct series *s)
{
    struct str by = api_param(a, "by");
    if (!find_kind(api_param(a, "metric"), &s->kind)) {
        api_fail_field(
            a, "metric",
            "Use requests, http, sent, deferred, dead, events, age, or a gauge.", -1);
        return false;
    }
    if (by.n > 0 && !str_eq(by, STR("service")) && !str_eq(by, STR("instance"))) {
        api_fail_field(a, "by", "Use service or instance.", -1);
        return false;
    }
    s->by = by.n > 0 ? by.p[0] : '\0';
    return read_span(a, s);
}

/* ---- rows ---- */

static struct line *line_of(struct api *a, struct series *s, struct str key)
{
    for (size_t i = 0; i < s->nlines; i++)
        if (str_eq(str_of(s->lines[i].key), key))
            return &s->lines[i];
    if (s->nlines == KEYS_MAX || key.n >= sizeof s->lines[0].key)
        return NULL;
    struct line *l = &s->lines[s->nlines++];
    memcpy(l->key, key.p, key.n);
    l->points =
        arena_alloc(&a->arena, (s->histogram ? 1 : s->npoints) * sizeof *l->points);
    return l;
}

static void add_time(struct metric_sum *sum, const struct metric_sum *more)
{
    sum->sum_us += more->sum_us;
    for (size_t i = 0; i < METRIC_BUCKETS; i++)
        sum->bucket[i] += more->bucket[i];
}

static void add_gauge(struct gauge_sum *sum, const struct gauge_sum *more)
{
    if (more->n > 0 && (sum->n == 0 || more->max > sum->max))
        sum->max = more->max;
    sum->sum += more->sum;
    sum->n += more->n;
}

static void add_slot(const struct metric_kind *k, const struct figure_slot *slot,
                     struct point *p)
{
    static const enum figure_counter CLASSES[] = { COUNT_HTTP_2XX, COUNT_HTTP_3XX,
                                                   COUNT_HTTP_4XX, COUNT_HTTP_5XX };
    p->beats += slot->beats;
    if (k->errors >= 0)
        p->errors += slot->f.counter[k->errors];
    if (k->source == FROM_TIME)
        add_time(&p->time, &slot->f.time[k->index]);
    else if (k->source == FROM_GAUGE)
        add_gauge(&p->gauge, &slot->gauge[k->index]);
    else
        p->value += slot->f.counter[k->index];
    if (k->time >= 0)
        add_time(&p->time, &slot->f.time[k->time]);
    for (size_t i = 0; i < ARRAY_LEN(CLASSES); i++)
        p->classes[i] += slot->f.counter[CLASSES[i]];
}

/* Does this process count such a thing at all? Others would only be lines of zeros. */
static bool has_figure(const struct metric_kind *k, const struct figure_slot *slot)
{
    if (k->source == FROM_GAUGE)
        return slot->gauge[k->index].n > 0;
    return k->source == FROM_TIME ? slot->f.has_time & 1u << k->index
                                  : slot->f.has_counter & 1u << k->index;
}

static bool hears(const struct metric_kind *k, const struct figure_slot *slot,
                  struct str service)
{
    static const struct {
        int time;
        const char *service;
    } COUNT[] = { { TIME_HTTP, "gateway" }, { TIME_AGE, "mailer" } };
    if (has_figure(k, slot))
        return true;
    for (size_t i = 0; k->source == FROM_TIME && i < ARRAY_LEN(COUNT); i++)
        if (k->index == COUNT[i].time)
            return str_eq(service, str_of(COUNT[i].service));
    return k->source == FROM_TIME && k->index == TIME_RPC &&
           !str_eq(service, STR("gateway")) && !str_eq(service, STR("monitor"));
}

static void take_row(struct api *a, struct series *s, const struct db_result *r, int row)
{
    struct figure_slot slot = { 0 };
    struct str text = db_text(r, row, 3), service = db_text(r, row, 1);
    json_t *data = json_loadb(text.p, text.n, 0, NULL);
    bool read = figure_slot_read(data, &slot);
    json_decref(data);
    int64_t at = (db_int(r, row, 0) - s->start_s) / s->step_s;
    if (!read || !hears(&s->kind, &slot, service) || at < 0 || at >= (int64_t)s->npoints)
        return;
    struct str key = s->by == 's'   ? service
                     : s->by == 'i' ? db_text(r, row, 2)
                                    : STR("all");
    struct line *l = line_of(a, s, key);
    if (l)
        add_slot(&s->kind, &slot, &l->points[s->histogram ? 0 : at]);
}

/* ---- the answer ---- */

static void write_number(struct jsonw *w, const struct point *p, double v)
{
    if (p->beats > 0)
        jw_double(w, round(v * 1000) / 1000);
    else
        jw_null(w);
}

static double value_of(const struct series *s, const struct point *p)
{
    double n =
        s->kind.source == FROM_TIME ? (double)figures_count(&p->time) : (double)p->value;
    if (s->kind.source == FROM_GAUGE)
        return p->gauge.n > 0 ? (double)p->gauge.sum / (double)p->gauge.n : 0;
    return s->kind.rate ? n / (double)s->step_s : n;
}

static double errors_of(const struct series *s, const struct point *p)
{
    return (double)p->errors / (double)s->step_s;
}

static double max_of(const struct series *s, const struct point *p)
{
    (void)s;
    return (double)p->gauge.max;
}

static void write_values(const struct series *s, const struct line *l, const char *key,
                         double (*of)(const struct series *s, const struct point *p),
                         struct jsonw *w)
{
    jw_key(w, key);
    jw_array(w);
    for (size_t i = 0; i < s->npoints; i++)
        write_number(w, &l->points[i], of(s, &l->points[i]));
    jw_array_end(w);
}

static void write_quantile(const struct series *s, const struct line *l, const char *key,
                           double q, struct jsonw *w)
{
    jw_key(w, key);
    jw_array(w);
    for (size_t i = 0; i < s->npoints; i++) {
        int64_t us = metric_quantile_us(&l->points[i].time, q);
        if (us < 0)
            jw_null(w);
        else
            jw_int(w, us);
    }
    jw_array_end(w);
}

static void write_classes(const struct series *s, const struct line *l, struct jsonw *w)
{
    static const char *const NAMES[] = { "c2xx", "c3xx", "c4xx", "c5xx" };
    for (size_t c = 0; c < ARRAY_LEN(NAMES); c++) {
        jw_key(w, NAMES[c]);
        jw_array(w);
        for (size_t i = 0; i < s->npoints; i++)
            write_number(w, &l->points[i],
                         (double)l->points[i].classes[c] / (double)s->step_s);
        jw_array_end(w);
    }
}

static void write_line(const struct series *s, const struct line *l, struct jsonw *w)
{
    jw_object(w);
    jw_kcstr(w, "key", l->key);
    write_values(s, l, "values", value_of, w);
    if (s->kind.errors >= 0)
        write_values(s, l, "errors", errors_of, w);
    if (s->kind.source == FROM_GAUGE)
        write_values(s, l, "max", max_of, w);
    if (s->kind.source == FROM_TIME || s->kind.time >= 0) {
        write_quantile(s, l, "p50_us", 0.5, w);
        write_quantile(s, l, "p99_us", 0.99, w);
    }
    if (s->kind.source == FROM_TIME && s->kind.index == TIME_HTTP)
        write_classes(s, l, w);
    jw_object_end(w);
}

static void write_histogram(const struct line *l, struct jsonw *w)
{
    const struct metric_sum *t = &l->points[0].time;
    jw_object(w);
    jw_kcstr(w, "key", l->key);
    jw_key(w, "counts");
    jw_array(w);
    for (size_t i = 0; i < METRIC_BUCKETS; i++)
        jw_int(w, t->bucket[i]);
    jw_array_end(w);
    jw_kint(w, "p50_us", metric_quantile_us(t, 0.5));
    jw_kint(w, "p99_us", metric_quantile_us(t, 0.99));
    jw_kint(w, "count", figures_count(t));
    jw_object_end(w);
}

static void write_bounds(struct jsonw *w)
{
    jw_key(w, "buckets_us");
    jw_array(w);
    for (size_t i = 0; i + 1 < METRIC_BUCKETS; i++)
        jw_int(w, metric_bounds_us()[i]);
    jw_array_end(w);
}

void handle_change_rows(const struct db_result *r, struct jsonw *w)
{
    char at[CLOCK_TEXT_SIZE];
    jw_key(w, "changes");
    jw_array(w);
    for (int i = 0; i < r->rows; i++) {
        jw_object(w);
        jw_kint(w, "id", db_int(r, i, 0));
        jw_kcstr(w, "at", clock_text(db_int(r, i, 1), at));
        jw_kstr(w, "kind", db_text(r, i, 2));
        jw_kstr(w, "subject", db_text(r, i, 3));
        jw_kstr(w, "text", db_text(r, i, 4));
        struct str who = db_text(r, i, 5);
        if (who.n > 0)
            jw_kstr(w, "who", who);
        else
            jw_knull(w, "who");
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void on_changes(struct api *a, const struct db_result *r)
{
    const struct series *s = a->state;
    struct buf b;
    struct jsonw w;
    api_begin(&b, &w);
    jw_kcstr(&w, "metric", s->kind.name);
    api_ktime(&w, "start", s->start_s * 1000000);
    jw_kint(&w, "step_s", s->step_s);
    jw_kint(&w, "points", (int64_t)s->npoints);
    jw_kcstr(&w, "unit", s->kind.unit);
    jw_key(&w, "series");
    jw_array(&w);
    for (size_t i = 0; i < s->nlines; i++)
        if (s->histogram)
            write_histogram(&s->lines[i], &w);
        else
            write_line(s, &s->lines[i], &w);
    jw_array_end(&w);
    write_bounds(&w);
    handle_change_rows(r, &w);
    api_finish(a, &b, &w);
}

static void on_slots(struct api *a, const struct db_result *r)
{
    struct series *s = a->state;
    char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE], limit[DB_INT_TEXT];
    if (r->status != DB_OK) {
        api_fail(a, ERR_HISTORY, NULL);
        return;
    }
    for (int row = 0; row < r->rows; row++)
        take_row(a, s, r, row);
    struct str params[] = {
        str_of(clock_text(s->start_s * 1000000, from)),
        str_of(clock_text(s->end_s * 1000000, to)),
        db_int_param(CHANGES_SHOWN, limit),
        db_null(),
    };
    api_query(a, &READ_CHANGES, params, ARRAY_LEN(params), on_changes);
}

static void ask(struct api *a, bool histogram)
{
    struct series *s = arena_alloc(&a->arena, sizeof *s);
    char tier[DB_INT_TEXT], from[DB_INT_TEXT], to[DB_INT_TEXT];
    struct str service = api_param(a, "service"), instance = api_param(a, "instance");
    s->histogram = histogram;
    a->state = s;
    if (!read_question(a, s))
        return;
    struct str params[] = {
        db_int_param(s->tier, tier),
        db_int_param(s->start_s, from),
        db_int_param(s->end_s, to),
        service.n > 0 ? service : db_null(),
        instance.n > 0 ? instance : db_null(),
    };
    api_query(a, &READ, params, ARRAY_LEN(params), on_slots);
}

void handle_series(struct api *a)
{
    ask(a, false);
}

void handle_histogram(struct api *a)
{
    ask(a, true);
}
