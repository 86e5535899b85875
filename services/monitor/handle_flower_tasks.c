/*
 * Tasks of Flower's API: mails. Flower sorts what it has in memory by any member; here
 * the mailer's indexes know times, and an order by name or state is one list after the
 * other.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "monitor/app.h"
#include "monitor/flower.h"
#include "monitor/flower_task.h"
#include "monitor/mail_find.h"

/* Flower's mistakes: {"error": "..."} */
static void fail_query(struct api *a, int status, const char *what)
{
    struct buf b;
    struct jsonw w;
    api_begin(&b, &w);
    jw_kcstr(&w, "error", what);
    jw_object_end(&w);
    jw_end(&w);
    api_reply(a, status, buf_get(&b));
    buf_deinit(&b);
}

/* ---- GET /api/tasks ---- */

enum { PARTS_MAX = 16, OFFSET_MAX = 10000, LIMIT_MAX = 200 };

struct tasks {
    struct mail_find find; /* first; of one part */
    const struct search *parts[PARTS_MAX];
    unsigned n, at;
    int64_t looked_at;
    json_t *found;
};

static void answer_tasks(struct api *a, struct tasks *t, bool gave_up)
{
    const char *said =
        arena_printf(&a->arena,
                     "Looked at %lld mails and found %zu: narrow the search by state, "
                     "taskname or received_end.",
                     (long long)t->looked_at, json_object_size(t->found));
    if (gave_up && json_object_size(t->found) == 0) {
        json_decref(t->found);
        fail_query(a, 503, said);
        return;
    }
    a->incomplete = gave_up ? said : NULL;
    flower_reply(a, t->found);
}

static void on_part(struct api *a, struct mail_find *f)
{
    struct tasks *t = (struct tasks *)f;
    bool gave_up = mail_find_gave_up(f);
    size_t i;
    json_t *job;
    json_array_foreach(f->jobs, i, job) json_object_set_new(
        t->found, json_string_value(json_object_get(job, "job_id")), flower_task(job));
    t->looked_at += f->looked_at;
    f->limit -= (int64_t)json_array_size(f->jobs);
    f->offset -= f->found < f->offset ? f->found : f->offset;
    mail_find_free(f);
    if (gave_up || f->limit == 0 || ++t->at == t->n) {
        answer_tasks(a, t, gave_up);
        return;
    }
    f->search = t->parts[t->at];
    mail_find(a, f);
}

static void on_no_part(struct api *a, struct mail_find *f, enum err e,
                       const struct frame *reply)
{
    json_decref(((struct tasks *)f)->found);
    api_fail_reply(a, "mailer", e, reply);
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
        const char *term = flower_search_of_state(state);
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

/* ---- its order ---- */

static const char *kind_term(struct api *a, size_t i)
{
    const json_t *kinds = a->app->kinds;
    const char *kind = json_string_value(json_array_get(kinds, i));
    return kind ? arena_printf(&a->arena, "name:\"%s\"", kind) : NULL;
}

static const char *state_term(struct api *a, size_t i)
{
    const char *state = flower_state_at(i);
    (void)a;
    return state ? flower_search_of_state(str_of(state)) : NULL;
}

static const struct order {
    const char *name;
    const char *sort; /* as mailer.jobs.list has it, or within a part */
    const char *(*term)(struct api *a, size_t i); /* of the parts in rising order; NULL */
} ORDERS[] = {
    { "received", "created", NULL },    { "started", "run", NULL },
    { "succeeded", "finished", NULL },  { "failed", "finished", NULL },
    { "retries", "attempt", NULL },     { "name", "created", kind_term },
    { "state", "created", state_term },
};

static const struct order *find_order(struct str by)
{
    for (size_t i = 0; i < ARRAY_LEN(ORDERS); i++)
        if (str_eq(by, str_of(ORDERS[i].name)))
            return &ORDERS[i];
    return NULL;
}

/* False: answered. */
static bool add_part(struct api *a, struct tasks *t, const char *text)
{
    struct search_error e;
    t->parts[t->n] = search_parse(str_of(text), clock_wall_us(), &a->arena, &e);
    if (t->parts[t->n++])
        return true;
    fail_query(a, 400, e.message);
    return false;
}

static void turn_round(struct tasks *t)
{
    for (unsigned i = 0; i < t->n / 2; i++) {
        const struct search *s = t->parts[i];
        t->parts[i] = t->parts[t->n - 1 - i];
        t->parts[t->n - 1 - i] = s;
    }
}

static bool read_parts(struct api *a, struct tasks *t, const char *text)
{
    struct str by = api_param(a, "sort_by");
    bool falling = by.n == 0 || by.p[0] == '-';
    if (by.n == 0)
        by = STR("received");
    else if (falling)
        by = (struct str){ by.p + 1, by.n - 1 };
    const struct order *order = find_order(by);
    if (!order) {
        fail_query(a, 400, "Unknown sort_by");
        return false;
    }
    t->find.sort = order->sort;
    t->find.order = falling || order->term ? "desc" : "asc";
    if (!order->term)
        return add_part(a, t, text);
    const char *term;
    for (size_t i = 0; t->n < PARTS_MAX && (term = order->term(a, i)); i++)
        if (!add_part(a, t, arena_printf(&a->arena, "%s %s", text, term)))
            return false;
    if (falling)
        turn_round(t);
    return true;
}

void handle_flower_tasks(struct api *a)
{
    struct tasks *t = arena_alloc(&a->arena, sizeof *t);
    if (!api_param_int(a, "limit", 1, LIMIT_MAX, 100, &t->find.limit) ||
        !api_param_int(a, "offset", 0, OFFSET_MAX, 0, &t->find.offset))
        return;
    const char *text = task_search(a);
    if (!text) {
        fail_query(a, 400, "Unknown state");
        return;
    }
    if (!read_parts(a, t, text))
        return;
    t->found = json_object();
    t->find.search = t->parts[0];
    t->find.done = on_part;
    t->find.failed = on_no_part;
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
    json_t *task = flower_task(job);
    json_decref(job);
    if (!result) {
        flower_reply(a, task);
        return;
    }
    json_t *o = json_object();
    json_object_set(o, "task-id", json_object_get(task, "uuid"));
    json_object_set(o, "state", json_object_get(task, "state"));
    json_object_set(o, "result", json_object_get(task, "result"));
    if (!json_is_null(json_object_get(task, "exception")))
        json_object_set(o, "traceback", json_object_get(task, "exception"));
    json_decref(task);
    flower_reply(a, o);
}

static void show_task(struct api *a, void *as_result)
{
    struct jsonw w;
    uint8_t id[16];
    AUTO_BUF struct buf body = { .max = 256 };
    if (!id_uuid_parse(api_rest(a), id)) {
        api_reply_as(a, 404, "text/plain; charset=utf-8", STR("Unknown task"));
        return;
    }
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
    flower_reply(a, json_pack("{s:o}", "task-types", flower_registered(a->app)));
}
