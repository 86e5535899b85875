/* Acting on one replica, by the control methods of its own port. */
#include <string.h>

#include "base/clock.h"
#include "monitor/action.h"
#include "monitor/app.h"
#include "monitor/replica_call.h"

static bool is(const struct action *act, const char *name)
{
    return strcmp(act->row->name, name) == 0;
}

bool action_check_replica(struct api *a, struct action *act)
{
    act->instance = api_text(a, "instance");
    act->text = api_text(a, "levels");
    if (!act->instance || !*act->instance) {
        api_fail_field(a, "instance", "This field is required.", -1);
        return false;
    }
    if (is(act, "replica.log_level") && (!act->text || !*act->text)) {
        api_fail_field(a, "levels", "This field is required.", -1);
        return false;
    }
    act->subject = act->instance;
    if (replicas_find(&a->app->replicas, str_of(act->instance)))
        return true;
    if (action_is_flower(a))
        api_reply_as(
            a, 404, "text/plain; charset=utf-8",
            str_of(arena_printf(&a->arena, "Unknown worker '%s'", act->instance)));
    else
        api_fail(a, ERR_NOT_FOUND, "There is no replica of this name.");
    return false;
}

static unsigned others(const struct monitor_app *app, const struct replica *r)
{
    char evidence[200];
    unsigned n = 0;
    for (unsigned i = 0; i < app->replicas.n; i++) {
        const struct replica *o = app->replicas.r[i];
        enum replica_status s =
            replica_status(o, app->replicas.version, clock_mono_ms(), evidence);
        if (o != r && strcmp(o->service, r->service) == 0 &&
            (s == REPLICA_UP || s == REPLICA_WRONG_VERSION))
            n++;
    }
    return n;
}

static void describe(struct api *a, struct action *act, const struct replica *r)
{
    unsigned n = others(a->app, r);
    act->count = 1;
    if (is(act, "replica.drain")) {
        act->title = arena_printf(&a->arena, "Drain %s", r->instance);
        act->summary =
            n > 0
                ? arena_printf(&a->arena, "%s takes no new work; %u other%s of %s go on.",
                               r->instance, n, n == 1 ? "" : "s", r->service)
                : arena_printf(&a->arena,
                               "%s takes no new work, and it is the only %s there is: "
                               "nobody will do its work.",
                               r->instance, r->service);
        act->undo_action = "replica.resume";
        act->undo_label = "Resume";
    } else if (is(act, "replica.resume")) {
        act->title = arena_printf(&a->arena, "Resume %s", r->instance);
        act->summary = arena_printf(&a->arena, "%s takes work again.", r->instance);
        act->undo_action = "replica.drain";
        act->undo_label = "Drain";
    } else if (is(act, "replica.log_level")) {
        act->title = arena_printf(&a->arena, "Change what %s logs", r->instance);
        act->summary = arena_printf(&a->arena, "%s logs %.100s until it is restarted.",
                                    r->instance, act->text);
    } else {
        act->title = arena_printf(&a->arena, "Forget %s", r->instance);
        act->summary = arena_printf(
            &a->arena, "%s is no longer shown. Its history stays.", r->instance);
    }
    if (!act->undo_action)
        return;
    json_t *body = json_pack("{s:s}", "instance", r->instance);
    AUTO_FREE char *text = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    act->undo_body = arena_str(&a->arena, str_of(text));
}

static void on_replica(struct api *a, enum err e, const struct frame *reply)
{
    struct action *act = a->state;
    if (e == ERR_OK)
        action_done(a, act);
    else
        action_failed_reply(a, act, act->instance, e, reply);
}

void action_run_replica(struct api *a, struct action *act)
{
    struct replica *r = replicas_find(&a->app->replicas, str_of(act->instance));
    struct jsonw w;
    AUTO_BUF struct buf body;
    buf_init(&body, 1024);
    if (!r) { /* gone while it was recorded */
        action_failed(a, act, ERR_NOT_FOUND, "There is no replica of this name.");
        return;
    }
    describe(a, act, r);
    if (act->preview) {
        action_done(a, act);
        return;
    }
    if (is(act, "replica.log_level")) {
        jw_begin(&w, &body);
        jw_object(&w);
        jw_kcstr(&w, "levels", act->text);
        jw_object_end(&w);
        jw_end(&w);
    }
    replica_call(a, r, act->row->method, buf_get(&body), on_replica);
}

void action_run_forget(struct api *a, struct action *act)
{
    struct replicas *t = &a->app->replicas;
    struct replica *r = replicas_find(t, str_of(act->instance));
    if (r)
        describe(a, act, r);
    if (r && act->preview) {
        action_done(a, act);
        return;
    }
    if (r && replicas_forget(t, r, clock_mono_ms(), clock_wall_us(), a->who.name))
        action_done(a, act);
    else
        action_failed(
            a, act, r ? ERR_CONFLICT : ERR_NOT_FOUND,
            r ? "It is there: only what has stopped or crashed can be forgotten."
              : "There is no replica of this name.");
}
