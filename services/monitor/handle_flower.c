/*
 * Flower's API in Flower's shapes (API.md 7): a worker is a replica, a task is a mail,
 * the queue is the mailer's. Only what has a meaning here. Tasks: handle_flower_tasks.c.
 */
#include "monitor/flower.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "monitor/action.h"
#include "monitor/app.h"
#include "monitor/flower_task.h"
#include "monitor/mail_kinds.h"
#include "monitor/replica_call.h"

void flower_reply(struct api *a, json_t *o)
{
    AUTO_FREE char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    if (text)
        api_reply(a, 200, str_of(text));
    else
        api_fail(a, ERR_INTERNAL, NULL);
}

/* ---- the queue ---- */

static void on_queue(struct api *a, enum err e, const struct frame *reply)
{
    if (e != ERR_OK) {
        api_reply_as(a, 503, "text/plain; charset=utf-8",
                     STR("The mailer does not answer"));
        return;
    }
    json_t *q = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    json_int_t ready = json_integer_value(json_object_get(q, "ready"));
    json_int_t leased = json_integer_value(json_object_get(q, "leased"));
    json_t *row = json_pack("{s:s,s:I,s:I,s:I,s:O?}", "name", "mail", "messages",
                            ready + leased, "ready", ready, "unacked", leased, "oldest_s",
                            json_object_get(q, "oldest_s"));
    json_decref(q);
    flower_reply(a, json_pack("{s:[o]}", "active_queues", row));
}

void handle_flower_queues(struct api *a)
{
    api_call(a, a->app->mailer, "mailer.queue.status", STR(""), false, on_queue);
}

/* ---- workers ---- */

json_t *flower_registered(const struct monitor_app *app)
{
    json_t *names = json_array(), *kind;
    size_t i;
    json_array_foreach(app->kinds, i, kind)
        json_array_append_new(names, json_sprintf("mailer.%s", json_string_value(kind)));
    return names;
}

/* A mail in hand, as Flower's inspection of a worker shows a task. */
static json_t *active_of(const json_t *job)
{
    json_t *task = flower_task(job);
    json_t *shown = json_pack(
        "{s:O?,s:O?,s:[],s:O?,s:O?,s:O?,s:b,s:n}", "id", json_object_get(task, "uuid"),
        "name", json_object_get(task, "name"), "args", "kwargs",
        json_object_get(task, "kwargs"), "time_start", json_object_get(task, "started"),
        "hostname", json_object_get(task, "worker"), "acknowledged", 0, "worker_pid");
    json_decref(task);
    return shown;
}

static json_t *active_at(const struct replica *r, const json_t *leased)
{
    json_t *active = json_array(), *job;
    size_t i;
    json_array_foreach(leased, i, job)
    {
        const char *worker = json_string_value(json_object_get(job, "worker"));
        if (worker && strcmp(worker, r->instance) == 0)
            json_array_append_new(active, active_of(job));
    }
    return active;
}

static json_t *worker_of(const struct monitor_app *app, const struct replica *r,
                         const json_t *leased)
{
    bool mails = strcmp(r->service, "mailer") == 0;
    struct figures totals = { 0 };
    sample_totals(r->sample, &totals);
    json_t *registered = mails ? flower_registered(app) : json_array();
    json_t *total = json_object(), *queues = json_array();
    if (mails) {
        json_object_set_new(total, "mailer.mail",
                            json_integer(figures_count(&totals.time[TIME_ATTEMPT])));
        json_array_append_new(queues, json_pack("{s:s}", "name", "mail"));
    } else {
        json_object_set_new(total, r->service, json_integer(figures_main(&totals)));
    }
    json_t *stats = json_pack(
        "{s:{s:s},s:s,s:I,s:{s:I},s:I,s:{s:I},s:o}", "broker", "transport", "zmq",
        "clock", "0", "pid", (json_int_t)r->pid, "pool", "max-concurrency",
        json_integer_value(json_object_get(r->load, "connections")), "prefetch_count",
        (json_int_t)0, "rusage", "maxrss", (json_int_t)r->rss_kib, "total", total);
    return json_pack("{s:o,s:{},s:o,s:o,s:o,s:[],s:[],s:[],s:f}", "active_queues", queues,
                     "conf", "registered", registered, "stats", stats, "active",
                     active_at(r, leased), "scheduled", "reserved", "revoked",
                     "timestamp", (double)r->at_us / 1e6);
}

static bool is_online(const struct monitor_app *app, const struct replica *r)
{
    return replicas_is_live(&app->replicas, r, clock_mono_ms());
}

/* GET /api/workers on its way: the mails in hand, then the settings of one live replica
 * after the other. */
struct workers {
    json_t *answer;
    void *at; /* of the answer's members: whose settings are asked for */
    struct str wanted;
    int64_t until_ms;
};

static bool is_wanted(const struct workers *w, const struct replica *r)
{
    return w->wanted.n == 0 || str_eq(w->wanted, str_of(r->instance));
}

static void ask_settings(struct api *a, struct workers *w);

/* As the worker's page has them: secrets are "set" or "not set". */
static void take_settings(json_t *worker, struct str described)
{
    json_t *o = json_loadb(described.p, described.n, 0, NULL);
    json_t *conf = json_object_get(worker, "conf"), *option;
    size_t i;
    json_array_foreach(json_object_get(o, "options"), i, option)
    {
        const char *name = json_string_value(json_object_get(option, "name"));
        if (name)
            json_object_set(conf, name, json_object_get(option, "value"));
    }
    json_decref(o);
}

static void on_settings(struct api *a, enum err e, const struct frame *reply)
{
    struct workers *w = a->state;
    if (e == ERR_OK)
        take_settings(json_object_iter_value(w->at), reply->body);
    w->at = json_object_iter_next(w->answer, w->at);
    ask_settings(a, w);
}

static void ask_settings(struct api *a, struct workers *w)
{
    for (; w->at; w->at = json_object_iter_next(w->answer, w->at)) {
        const struct replica *r =
            replicas_find(&a->app->replicas, str_of(json_object_iter_key(w->at)));
        if (!r || !is_online(a->app, r) || clock_mono_ms() >= w->until_ms)
            continue;
        replica_call(a, r, "control.describe", STR(""), on_settings);
        return;
    }
    flower_reply(a, w->answer);
}

static void on_leased(struct api *a, enum err e, const struct frame *reply)
{
    enum { SETTINGS_MS = 3000 };
    const struct replicas *t = &a->app->replicas;
    struct workers *w = a->state;
    json_t *list = e == ERR_OK ? json_loadb(reply->body.p, reply->body.n, 0, NULL) : NULL;
    w->answer = json_object();
    for (unsigned i = 0; i < t->n; i++)
        if (is_wanted(w, t->r[i]))
            json_object_set_new(
                w->answer, t->r[i]->instance,
                worker_of(a->app, t->r[i], json_object_get(list, "jobs")));
    json_decref(list);
    w->at = json_object_iter(w->answer);
    w->until_ms = clock_mono_ms() + SETTINGS_MS;
    ask_settings(a, w);
}

static void answer_status(struct api *a, const struct workers *w)
{
    const struct replicas *t = &a->app->replicas;
    json_t *o = json_object();
    for (unsigned i = 0; i < t->n; i++)
        if (is_wanted(w, t->r[i]))
            json_object_set_new(o, t->r[i]->instance,
                                json_boolean(is_online(a->app, t->r[i])));
    flower_reply(a, o);
}

void handle_flower_workers(struct api *a)
{
    struct workers *w = arena_alloc(&a->arena, sizeof *w);
    struct str status = api_param(a, "status");
    w->wanted = api_param(a, "workername");
    if (w->wanted.n > 0 && !replicas_find(&a->app->replicas, w->wanted)) {
        api_reply_as(
            a, 404, "text/plain; charset=utf-8",
            str_of(arena_printf(&a->arena, "Unknown worker '%.*s'", STR_ARG(w->wanted))));
        return;
    }
    if (status.n > 0 && !str_eq_ci(status, STR("false"))) {
        answer_status(a, w);
        return;
    }
    a->state = w;
    api_call(a, a->app->mailer, "mailer.jobs.list",
             STR("{\"filter\":{\"states\":[\"leased\"]},\"limit\":200}"), false,
             on_leased);
}

/* ---- acting ---- */

static json_t *with_reason(struct api *a, json_t *body)
{
    struct str reason = api_param(a, "reason");
    json_object_set_new(body, "reason",
                        reason.n > 0 ? json_stringn(reason.p, reason.n)
                                     : json_string("Flower's API"));
    return body;
}

void handle_flower_revoke(struct api *a)
{
    struct str id = api_rest(a);
    uint8_t bytes[16];
    if (!id_uuid_parse(id, bytes)) {
        api_reply_as(a, 404, "text/plain; charset=utf-8", STR("Unknown task"));
        return;
    }
    action_start(a, "mails.revoke",
                 with_reason(a, json_pack("{s:[s%]}", "ids", id.p, id.n)));
}

void handle_flower_shutdown(struct api *a)
{
    struct str w = api_rest(a);
    action_start(a, "replica.drain",
                 with_reason(a, json_pack("{s:s%}", "instance", w.p, w.n)));
}

static void resize(struct api *a, int sign)
{
    int64_t n;
    struct str w = api_rest(a);
    if (!api_param_int(a, "n", 1, 64, 1, &n))
        return;
    action_start(a, "replica.pool",
                 with_reason(a, json_pack("{s:s%,s:I}", "instance", w.p, w.n, "by",
                                          (json_int_t)(sign * n))));
}

void handle_flower_grow(struct api *a)
{
    resize(a, 1);
}

void handle_flower_shrink(struct api *a)
{
    resize(a, -1);
}

/* Mails a minute of "200" (a second), "3/m", "120/h"; 0 is no limit. NULL, or what is
 * wrong: the queue counts whole mails a minute, and what it cannot keep is not promised.
 */
static const char *read_rate(struct str text, int64_t *ret)
{
    enum { MOST = 100000 };
    static const struct {
        const char *unit;
        int64_t times, in; /* so many minutes */
    } UNITS[] = { { "s", 60, 1 }, { "m", 1, 1 }, { "h", 1, 60 } };
    struct str unit = text;
    struct str number = str_cut(&unit, '/');
    if (!unit.p)
        unit = STR("s");
    if (!str_to_i64(number, ret) || *ret < 0 || *ret > MOST * 60)
        return "Invalid ratelimit: use 200, 3/m or 120/h";
    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++) {
        if (!str_eq(unit, str_of(UNITS[i].unit)))
            continue;
        if (*ret % UNITS[i].in != 0)
            return "Invalid ratelimit: mails are limited by the minute, so a rate an "
                   "hour "
                   "must be a multiple of 60";
        *ret = *ret * UNITS[i].times / UNITS[i].in;
        return *ret <= MOST ? NULL : "Invalid ratelimit: at most 100000 a minute";
    }
    return "Invalid ratelimit: use 200, 3/m or 120/h";
}

void handle_flower_rate(struct api *a)
{
    int64_t n;
    struct str name = api_rest(a);
    const char *wrong = read_rate(api_param(a, "ratelimit"), &n);
    if (!mail_kinds_has_task(a->app->kinds, name)) {
        api_reply_as(
            a, 404, "text/plain; charset=utf-8",
            str_of(arena_printf(&a->arena, "Unknown task '%.*s'", STR_ARG(name))));
        return;
    }
    if (wrong) {
        api_reply_as(a, 400, "text/plain; charset=utf-8", str_of(wrong));
        return;
    }
    action_start(a, "queue.settings",
                 with_reason(a, n ? json_pack("{s:I}", "per_minute", (json_int_t)n)
                                  : json_pack("{s:n}", "per_minute")));
}
