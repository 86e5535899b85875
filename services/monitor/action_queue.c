/* Acting on the mail queue. What a change found and made of it is the mailer's word, from
 * the statement that made it: whatever was seen before may be old. */
#include <string.h>

#include "monitor/action.h"
#include "monitor/app.h"

enum { CONNECTIONS_MAX = 64, PER_MINUTE_MAX = 100000 };

static void ask_status(struct api *a,
                       void (*fn)(struct api *a, enum err e, const struct frame *reply))
{
    api_call(a, a->app->mailer, "mailer.queue.status", STR(""), false, fn);
}

/* ---- pause and resume ---- */

static bool is_pause(const struct action *act)
{
    return strcmp(act->row->name, "queue.pause") == 0;
}

bool action_check_queue(struct api *a, struct action *act)
{
    (void)a;
    act->subject = "mail";
    return true;
}

static void on_paused(struct api *a, enum err e, const struct frame *reply)
{
    struct action *act = a->state;
    if (e == ERR_OK)
        action_done(a, act);
    else
        action_failed_reply(a, act, "mailer", e, reply);
}

static void set_paused(struct api *a, struct action *act)
{
    struct buf body;
    struct jsonw w;
    bool pause = is_pause(act);
    act->summary = pause ? "The mail queue is paused." : "The mail queue goes on.";
    act->undo_action = pause ? "queue.resume" : "queue.pause";
    act->undo_label = pause ? "Resume" : "Pause";
    act->undo_body = "{}";
    action_begin_body(a, act, &body, &w);
    jw_object_end(&w);
    jw_end(&w);
    api_call(a, a->app->mailer, act->row->method, buf_get(&body), false, on_paused);
    buf_deinit(&body);
}

static void on_waiting(struct api *a, enum err e, const struct frame *reply)
{
    struct action *act = a->state;
    if (e != ERR_OK) {
        action_failed_reply(a, act, "mailer", e, reply);
        return;
    }
    json_t *queue = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    long long waiting = json_integer_value(json_object_get(queue, "ready"));
    json_decref(queue);
    act->title = is_pause(act) ? "Pause the mail queue" : "Resume the mail queue";
    act->count = waiting;
    act->summary = arena_printf(
        &a->arena,
        is_pause(act) ? "No mail leaves until the queue is resumed; %lld %s. What is "
                        "being sent ends, links go on expiring."
                      : "Mails are sent again; %lld %s.",
        waiting, waiting == 1 ? "waits" : "wait");
    action_done(a, act);
}

void action_run_queue(struct api *a, struct action *act)
{
    if (act->preview)
        ask_status(a, on_waiting);
    else
        set_paused(a, act);
}

/* ---- pool and rate ---- */

static const struct {
    const char *member, *words, *none; /* none: what null means */
} SETTINGS[] = { { "connections", "connections of each mailer", "as configured" },
                 { "per_minute", "mails a minute", "no limit" } };

static bool is_integer(const json_t *v, int64_t min, int64_t max)
{
    return json_is_integer(v) && json_integer_value(v) >= min &&
           json_integer_value(v) <= max;
}

static bool check_number(struct api *a, const char *member, int64_t max)
{
    const json_t *v = json_object_get(a->body, member);
    if (!v || json_is_null(v) || is_integer(v, 1, max))
        return true;
    api_fail_field(a, member,
                   arena_printf(&a->arena, "Use a whole number from 1 to %lld, or null.",
                                (long long)max),
                   -1);
    return false;
}

bool action_check_settings(struct api *a, struct action *act)
{
    act->subject = "mail";
    if (!json_object_get(a->body, "connections") &&
        !json_object_get(a->body, "per_minute")) {
        api_fail_field(a, "connections", "Give connections or per_minute.", -1);
        return false;
    }
    return check_number(a, "connections", CONNECTIONS_MAX) &&
           check_number(a, "per_minute", PER_MINUTE_MAX);
}

static const char *text_of(struct api *a, const json_t *from, size_t i)
{
    const json_t *v = json_object_get(from, SETTINGS[i].member);
    if (json_is_integer(v))
        return arena_printf(&a->arena, "%lld", (long long)json_integer_value(v));
    return from ? SETTINGS[i].none : "?";
}

static bool is_asked(const struct api *a, size_t i)
{
    return json_object_get(a->body, SETTINGS[i].member) ||
           (i == 0 && json_object_get(a->body, "connections_by"));
}

/* was: NULL when it was not said. Returns whether anything is another way than before. */
static bool describe(struct api *a, struct action *act, const json_t *was,
                     const json_t *now)
{
    const char *text = "";
    for (size_t i = 0; i < ARRAY_LEN(SETTINGS); i++) {
        const char *from = text_of(a, was, i), *to = text_of(a, now, i);
        if (!is_asked(a, i) || strcmp(from, to) == 0)
            continue;
        text = arena_printf(&a->arena, "%s%s%s: %s \u2192 %s", text, *text ? "; " : "",
                            SETTINGS[i].words, from, to);
    }
    act->title = "Change the mail queue";
    act->summary = arena_printf(&a->arena, "%s.", *text ? text : "Nothing changes");
    return *text;
}

static void offer_undo(struct api *a, struct action *act, const json_t *was)
{
    json_t *o = json_object();
    for (size_t i = 0; i < ARRAY_LEN(SETTINGS); i++)
        if (is_asked(a, i))
            json_object_set(o, SETTINGS[i].member,
                            json_object_get(was, SETTINGS[i].member));
    AUTO_FREE char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    act->undo_action = "queue.settings";
    act->undo_label = "Change back";
    act->undo_body = arena_str(&a->arena, str_of(text));
}

static void on_changed(struct api *a, enum err e, const struct frame *reply)
{
    struct action *act = a->state;
    if (e != ERR_OK) {
        action_failed_reply(a, act, "mailer", e, reply);
        return;
    }
    json_t *now = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    const json_t *was = json_object_get(now, "before");
    if (describe(a, act, was, now) && was)
        offer_undo(a, act, was);
    json_decref(now);
    action_done(a, act);
}

static void change(struct api *a, struct action *act)
{
    static const char *const MEMBERS[] = { "connections", "connections_by",
                                           "per_minute" };
    struct buf body;
    struct jsonw w;
    action_begin_body(a, act, &body, &w);
    for (size_t i = 0; i < ARRAY_LEN(MEMBERS); i++) {
        const json_t *v = json_object_get(a->body, MEMBERS[i]);
        if (json_is_integer(v))
            jw_kint(&w, MEMBERS[i], json_integer_value(v));
        else if (v)
            jw_knull(&w, MEMBERS[i]);
    }
    jw_object_end(&w);
    jw_end(&w);
    api_call(a, a->app->mailer, act->row->method, buf_get(&body), false, on_changed);
    buf_deinit(&body);
}

/* A relative change as the mailer would make it. */
static void set_connections(json_t *wanted, const json_t *queue)
{
    const json_t *by = json_object_get(wanted, "connections_by");
    const json_t *now = json_object_get(queue, "connections");
    if (!by)
        return;
    if (!json_is_integer(now))
        now = json_object_get(queue, "connections_default");
    int64_t n = json_integer_value(now) + json_integer_value(by);
    n = n < 1 ? 1 : n > CONNECTIONS_MAX ? CONNECTIONS_MAX : n;
    json_object_set_new(wanted, "connections", json_integer(n));
}

static void on_looked(struct api *a, enum err e, const struct frame *reply)
{
    struct action *act = a->state;
    if (e != ERR_OK) {
        action_failed_reply(a, act, "mailer", e, reply);
        return;
    }
    json_t *queue = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    set_connections(a->body, queue);
    describe(a, act, queue, a->body);
    json_decref(queue);
    action_done(a, act);
}

void action_run_settings(struct api *a, struct action *act)
{
    if (act->preview)
        ask_status(a, on_looked);
    else
        change(a, act);
}

bool action_check_pool(struct api *a, struct action *act)
{
    json_t *size = json_object_get(a->body, "size"), *by = json_object_get(a->body, "by");
    if (!action_check_replica(a, act))
        return false;
    if (strcmp(replicas_find(&a->app->replicas, str_of(act->instance))->service,
               "mailer") != 0) {
        api_fail_field(a, "instance", "Only mailers have a pool that can be sized.", -1);
        return false;
    }
    if (by ? size || !is_integer(by, -CONNECTIONS_MAX, CONNECTIONS_MAX)
           : !is_integer(size, 1, CONNECTIONS_MAX)) {
        api_fail_field(a, by ? "by" : "size",
                       by ? "Use a whole number from -64 to 64, and no size."
                          : "Use a whole number from 1 to 64.",
                       -1);
        return false;
    }
    json_object_set(a->body, by ? "connections_by" : "connections", by ? by : size);
    return true;
}
