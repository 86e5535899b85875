/*
 * Flower's API in Flower's shapes (API.md 7): a worker is a replica, a task is a mail,
 * the queue is the mailer's. Only what has a meaning here.
 */
#include "monitor/flower.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "monitor/action.h"
#include "monitor/app.h"
#include "monitor/mail_find.h"
#include "monitor/watch.h"
#include "svc/events_parse.h"

static const char *const TEMPLATES[] = { "verification", "welcome", "password_reset",
                                         "password_changed" };

/* ---- states ---- */

static const struct {
    const char *ours, *celery;
} STATES[] = {
    { "ready", "RECEIVED" },  { "leased", "STARTED" },  { "sent", "SUCCESS" },
    { "dead", "FAILURE" },    { "expired", "FAILURE" }, { "suppressed", "REVOKED" },
    { "revoked", "REVOKED" },
};

const char *flower_state(const json_t *job)
{
    const char *state = json_string_value(json_object_get(job, "state"));
    bool tried = json_integer_value(json_object_get(job, "attempt")) > 0;
    for (size_t i = 0; state && i < ARRAY_LEN(STATES); i++)
        if (strcmp(state, STATES[i].ours) == 0)
            return i == 0 && tried ? "RETRY" : STATES[i].celery;
    return "PENDING";
}

/* A state of Celery, or one of ours, as a term of our search; NULL: none. */
static const char *search_of_state(struct str state)
{
    static const struct {
        const char *celery, *search;
    } MAP[] = { { "PENDING", "state:ready attempts:0" },
                { "RECEIVED", "state:ready attempts:0" },
                { "RETRY", "state:retry" },
                { "STARTED", "state:leased" },
                { "SUCCESS", "state:sent" },
                { "FAILURE", "(state:dead OR state:expired)" },
                { "REVOKED", "(state:revoked OR state:suppressed)" },
                { "REJECTED", "state:suppressed" } };
    for (size_t i = 0; i < ARRAY_LEN(MAP); i++)
        if (str_eq_ci(state, str_of(MAP[i].celery)))
            return MAP[i].search;
    return NULL;
}

/* ---- tasks ---- */

static void set_time(json_t *task, const char *key, const json_t *job, const char *from)
{
    const char *text = json_string_value(json_object_get(job, from));
    int64_t us;
    if (text && event_parse_time(text, &us))
        json_object_set_new(task, key, json_real((double)us / 1e6));
    else
        json_object_set_new(task, key, json_null());
}

static double seconds_between(const json_t *task, const char *from, const char *to)
{
    return json_real_value(json_object_get(task, to)) -
           json_real_value(json_object_get(task, from));
}

static void set_text(json_t *task, const char *key, const char *text)
{
    json_object_set_new(task, key, text ? json_string(text) : json_null());
}

/* A mail as a task object of Flower's. */
static json_t *task_of(const json_t *job)
{
    json_t *t = json_object();
    const char *state = flower_state(job);
    const char *id = json_string_value(json_object_get(job, "job_id"));
    const char *error = json_string_value(json_object_get(job, "last_error"));
    bool ended = strcmp(state, "SUCCESS") == 0 || strcmp(state, "FAILURE") == 0;
    int64_t attempt = json_integer_value(json_object_get(job, "attempt"));
    char name[96], kwargs[400];
    snprintf(name, sizeof name, "mailer.%s",
             json_string_value(json_object_get(job, "template")));
    snprintf(kwargs, sizeof kwargs, "{'recipient': '%s'}",
             json_string_value(json_object_get(job, "recipient")));
    set_text(t, "uuid", id);
    set_text(t, "name", name);
    set_text(t, "state", state);
    set_time(t, "sent", job, "created_at");
    set_time(t, "received", job, "created_at");
    set_time(t, "started", job, "claimed_at");
    set_time(t, "succeeded", strcmp(state, "SUCCESS") == 0 ? job : NULL, "finished_at");
    set_time(t, "failed", strcmp(state, "FAILURE") == 0 ? job : NULL, "finished_at");
    set_time(t, "revoked", strcmp(state, "REVOKED") == 0 ? job : NULL, "finished_at");
    set_time(t, "retried", strcmp(state, "RETRY") == 0 ? job : NULL, "run_at");
    set_time(t, "eta", job, "run_at");
    set_time(t, "expires", job, "expires_at");
    set_time(t, "timestamp", job, ended ? "finished_at" : "created_at");
    set_text(t, "args", "()");
    set_text(t, "kwargs", kwargs);
    json_object_set_new(t, "retries", json_integer(attempt > 0 ? attempt - 1 : 0));
    json_object_set(t, "worker", json_object_get(job, "worker"));
    set_text(t, "result", strcmp(state, "SUCCESS") == 0 ? "'sent'" : NULL);
    set_text(t, "exception", strcmp(state, "FAILURE") == 0 ? error : NULL);
    set_text(t, "traceback", NULL);
    if (ended)
        json_object_set_new(t, "runtime",
                            json_real(seconds_between(t, "received", "timestamp")));
    else
        json_object_set_new(t, "runtime", json_null());
    set_text(t, "exchange", "");
    set_text(t, "routing_key", "mail");
    set_text(t, "root_id", id);
    set_text(t, "parent_id", NULL);
    json_object_set_new(t, "children", json_array());
    return t;
}

static void reply_json(struct api *a, json_t *o)
{
    AUTO_FREE char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    if (text)
        api_reply(a, 200, str_of(text));
    else
        api_fail(a, ERR_INTERNAL, NULL);
}

/* Flower's mistakes: {"error": "..."} */
static void bad_query(struct api *a, const char *what)
{
    struct buf b;
    struct jsonw w;
    api_begin(&b, &w);
    jw_kcstr(&w, "error", what);
    jw_object_end(&w);
    jw_end(&w);
    api_reply(a, 400, buf_get(&b));
    buf_deinit(&b);
}

/* ---- GET /api/tasks ---- */

struct tasks {
    struct mail_find find; /* first */
    int64_t offset, limit;
};

static void on_tasks(struct api *a, struct mail_find *f)
{
    const struct tasks *t = (const struct tasks *)f;
    json_t *o = json_object();
    size_t i;
    json_t *job;
    json_array_foreach(f->jobs, i, job)
    {
        if ((int64_t)i >= t->offset)
            json_object_set_new(o, json_string_value(json_object_get(job, "job_id")),
                                task_of(job));
    }
    mail_find_free(f);
    reply_json(a, o);
}

static bool read_order(struct api *a, struct mail_find *f)
{
    static const struct {
        const char *name, *sort;
    } SORTS[] = { { "received", "created" },
                  { "started", "created" },
                  { "succeeded", "finished" },
                  { "failed", "finished" },
                  { "retries", "attempt" } };
    struct str by = api_param(a, "sort_by");
    f->order = "desc";
    f->sort = "created";
    if (by.n == 0)
        return true;
    f->order = by.p[0] == '-' ? "desc" : "asc";
    if (by.p[0] == '-')
        by = (struct str){ by.p + 1, by.n - 1 };
    f->sort = NULL;
    for (size_t i = 0; i < ARRAY_LEN(SORTS); i++)
        if (str_eq(by, str_of(SORTS[i].name)))
            f->sort = SORTS[i].sort;
    return f->sort != NULL;
}

/* "2026-11-25 17:00" (Flower's, to the minute) as a time of ours. */
static const char *minute(struct api *a, struct str text)
{
    if (text.n != 16)
        return arena_str(&a->arena, text);
    return arena_printf(&a->arena, "%.10sT%.5s:00Z", text.p, text.p + 11);
}

/* The parameters as one search of ours. NULL: a state that does not exist. */
static const char *task_search(struct api *a)
{
    struct str state = api_param(a, "state"), name = api_param(a, "taskname");
    struct str worker = api_param(a, "workername"), search = api_param(a, "search");
    struct str start = api_param(a, "received_start"), end = api_param(a, "received_end");
    const char *text = "";
    if (state.n > 0) {
        const char *term = search_of_state(state);
        if (!term)
            return NULL;
        text = arena_printf(&a->arena, "%s %s", text, term);
    }
    static const struct str PREFIX = { "mailer.", 7 };
    if (str_starts(name, PREFIX))
        name = (struct str){ name.p + PREFIX.n, name.n - PREFIX.n };
    if (name.n > 0)
        text = arena_printf(&a->arena, "%s name:\"%.*s\"", text, STR_ARG(name));
    if (worker.n > 0)
        text = arena_printf(&a->arena, "%s worker:\"%.*s\"", text, STR_ARG(worker));
    if (start.n > 0)
        text = arena_printf(&a->arena, "%s created:\">=%s\"", text, minute(a, start));
    if (end.n > 0)
        text = arena_printf(&a->arena, "%s created:\"<%s\"", text, minute(a, end));
    if (search.n > 0)
        text = arena_printf(&a->arena, "%s (%.*s)", text, STR_ARG(search));
    return text;
}

void handle_flower_tasks(struct api *a)
{
    enum { WINDOW = 2000 };
    struct tasks *t = arena_alloc(&a->arena, sizeof *t);
    struct search_error e;
    if (!api_param_int(a, "limit", 1, 200, 100, &t->limit) ||
        !api_param_int(a, "offset", 0, WINDOW - 200, 0, &t->offset))
        return;
    const char *text = task_search(a);
    if (!text) {
        bad_query(a, "Unknown state");
        return;
    }
    if (!read_order(a, &t->find)) {
        bad_query(a, "Unknown sort_by");
        return;
    }
    t->find.search = search_parse(str_of(text), clock_wall_us(), &a->arena, &e);
    if (!t->find.search) {
        bad_query(a, e.message);
        return;
    }
    t->find.limit = t->offset + t->limit;
    t->find.done = on_tasks;
    mail_find(a, &t->find);
}

/* ---- one task ---- */

static void on_task(struct api *a, enum err e, const struct frame *reply)
{
    bool result = a->state != NULL;
    if (e != ERR_OK) {
        bool unknown = reply && err_info(e)->status < 500;
        api_reply_as(a, unknown ? 404 : 503, "text/plain; charset=utf-8",
                     unknown ? STR("Unknown task") : STR("The mailer does not answer"));
        return;
    }
    json_t *job = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    json_t *task = task_of(job);
    json_decref(job);
    if (!result) {
        reply_json(a, task);
        return;
    }
    json_t *o = json_object();
    json_object_set(o, "task-id", json_object_get(task, "uuid"));
    json_object_set(o, "state", json_object_get(task, "state"));
    json_object_set(o, "result", json_object_get(task, "result"));
    if (!json_is_null(json_object_get(task, "exception")))
        json_object_set(o, "traceback", json_object_get(task, "exception"));
    json_decref(task);
    reply_json(a, o);
}

static void show_task(struct api *a, void *as_result)
{
    struct jsonw w;
    uint8_t id[16];
    AUTO_BUF struct buf body;
    if (!id_uuid_parse(api_rest(a), id)) {
        api_reply_as(a, 404, "text/plain; charset=utf-8", STR("Unknown task"));
        return;
    }
    buf_init(&body, 256);
    jw_begin(&w, &body);
    jw_object(&w);
    jw_kstr(&w, "job_id", api_rest(a));
    jw_object_end(&w);
    jw_end(&w);
    a->state = as_result;
    api_call(a, a->app->mailer, "mailer.jobs.show", buf_get(&body), false, on_task);
}

void handle_flower_task(struct api *a)
{
    show_task(a, NULL);
}

void handle_flower_result(struct api *a)
{
    show_task(a, a);
}

void handle_flower_types(struct api *a)
{
    json_t *o = json_object(), *types = json_array();
    for (size_t i = 0; i < ARRAY_LEN(TEMPLATES); i++)
        json_array_append_new(
            types, json_string(arena_printf(&a->arena, "mailer.%s", TEMPLATES[i])));
    json_object_set_new(o, "task-types", types);
    reply_json(a, o);
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
    reply_json(a, json_pack("{s:[o]}", "active_queues", row));
}

void handle_flower_queues(struct api *a)
{
    api_call(a, a->app->mailer, "mailer.queue.status", STR(""), false, on_queue);
}

/* ---- workers ---- */

static json_t *worker_of(const struct replica *r)
{
    bool mails = strcmp(r->service, "mailer") == 0;
    struct figures totals = { 0 };
    sample_totals(r->sample, &totals);
    json_t *registered = json_array(), *total = json_object(), *queues = json_array();
    for (size_t i = 0; mails && i < ARRAY_LEN(TEMPLATES); i++) {
        char name[64];
        snprintf(name, sizeof name, "mailer.%s", TEMPLATES[i]);
        json_array_append_new(registered, json_string(name));
    }
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
    return json_pack("{s:o,s:{},s:o,s:o,s:[],s:[],s:[],s:[],s:f}", "active_queues",
                     queues, "conf", "registered", registered, "stats", stats, "active",
                     "scheduled", "reserved", "revoked", "timestamp",
                     (double)r->at_us / 1e6);
}

static bool is_online(const struct monitor_app *app, const struct replica *r)
{
    char evidence[200];
    return replica_is_live(
        replica_status(r, app->replicas.version, clock_mono_ms(), evidence));
}

void handle_flower_workers(struct api *a)
{
    const struct replicas *t = &a->app->replicas;
    struct str wanted = api_param(a, "workername"), status = api_param(a, "status");
    bool only_status = status.n > 0 && !str_eq_ci(status, STR("false"));
    json_t *o = json_object();
    for (unsigned i = 0; i < t->n; i++) {
        if (wanted.n > 0 && !str_eq(wanted, str_of(t->r[i]->instance)))
            continue;
        json_object_set_new(o, t->r[i]->instance,
                            only_status ? json_boolean(is_online(a->app, t->r[i]))
                                        : worker_of(t->r[i]));
    }
    if (wanted.n == 0 || json_object_size(o) > 0) {
        reply_json(a, o);
        return;
    }
    json_decref(o);
    api_reply_as(
        a, 404, "text/plain; charset=utf-8",
        str_of(arena_printf(&a->arena, "Unknown worker '%.*s'", STR_ARG(wanted))));
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
    const json_t *queue = watch_queue(a->app->watch);
    int64_t n;
    struct str w = api_rest(a);
    if (!api_param_int(a, "n", 1, 64, 1, &n))
        return;
    watch_wanted(a->app->watch);
    const json_t *now = json_object_get(queue, "connections");
    if (!json_is_integer(now))
        now = json_object_get(queue, "connections_default");
    if (!json_is_integer(now)) {
        api_reply_as(a, 503, "text/plain; charset=utf-8",
                     STR("The mailer has not said its pool yet, try again"));
        return;
    }
    int64_t size = json_integer_value(now) + sign * n;
    size = size < 1 ? 1 : size > 64 ? 64 : size;
    action_start(a, "replica.pool",
                 with_reason(a, json_pack("{s:s%,s:I}", "instance", w.p, w.n, "size",
                                          (json_int_t)size)));
}

void handle_flower_grow(struct api *a)
{
    resize(a, 1);
}

void handle_flower_shrink(struct api *a)
{
    resize(a, -1);
}

/* "200" (a second), "3/m", "100/h": mails a minute; 0 is no limit. -1: not one. */
static int64_t per_minute(struct str text)
{
    struct str unit = text;
    int64_t n;
    struct str number = str_cut(&unit, '/');
    if (!str_to_i64(number, &n) || n < 0 || n > 100000)
        return -1;
    if (!unit.p || str_eq(unit, STR("s")))
        return n * 60;
    if (str_eq(unit, STR("m")))
        return n;
    return str_eq(unit, STR("h")) ? (n + 59) / 60 : -1;
}

void handle_flower_rate(struct api *a)
{
    int64_t n = per_minute(api_param(a, "ratelimit"));
    if (n < 0) {
        api_reply_as(a, 400, "text/plain; charset=utf-8",
                     STR("Invalid ratelimit: use 200, 3/m or 100/h"));
        return;
    }
    action_start(a, "queue.settings",
                 with_reason(a, n ? json_pack("{s:I}", "per_minute", (json_int_t)n)
                                  : json_pack("{s:n}", "per_minute")));
}
