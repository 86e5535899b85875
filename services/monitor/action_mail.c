/* Acting on mails and on their queue: the mailer does it, and says what came of it. */
#include <string.h>

#include "base/id.h"
#include "monitor/action.h"
#include "monitor/app.h"
#include "monitor/mail_find.h"
#include "monitor/watch.h"

enum { IDS_MAX = 200, MATCHING_MAX = 1000, SAMPLE = 5 };

static bool is_retry(const struct action *act)
{
    return strcmp(act->row->name, "mails.retry") == 0;
}

/* ---- retry and revoke ---- */

static bool check_ids(struct api *a, const json_t *ids)
{
    size_t n = json_array_size(ids);
    for (size_t i = 0; i < n; i++) {
        uint8_t id[16];
        if (!id_uuid_parse(str_of(json_string_value(json_array_get(ids, i))), id))
            n = 0;
    }
    if (json_is_array(ids) && n >= 1 && n <= IDS_MAX)
        return true;
    api_fail_field(a, "ids", "Name 1 to 200 mails by their ids.", -1);
    return false;
}

bool action_check_mails(struct api *a, struct action *act)
{
    json_t *ids = json_object_get(a->body, "ids");
    const char *q = api_text(a, "q");
    if (!ids == !q) {
        api_fail_field(a, "ids", "Give either ids or q.", -1);
        return false;
    }
    if (q) {
        act->text = q;
        act->subject = arena_printf(&a->arena, "q: %.200s", q);
        return mail_search(a, str_of(q), "q") != NULL;
    }
    if (!check_ids(a, ids))
        return false;
    size_t n = json_array_size(ids);
    const char *first = json_string_value(json_array_get(ids, 0));
    act->subject =
        n == 1 ? first : arena_printf(&a->arena, "%s and %zu more", first, n - 1);
    act->ids = json_incref(ids);
    return true;
}

static void describe(struct api *a, struct action *act, const json_t *acted)
{
    long long n = json_integer_value(json_object_get(acted, "done"));
    long long people = json_integer_value(json_object_get(acted, "recipients"));
    const json_t *skipped = json_object_get(acted, "skipped");
    const char *why =
        json_string_value(json_object_get(json_array_get(skipped, 0), "why"));
    act->count = n;
    act->skipped = (int64_t)json_array_size(skipped);
    const char *left = "";
    if (act->skipped > 0)
        left = arena_printf(&a->arena, " %lld cannot be: %s.", (long long)act->skipped,
                            why ? why : "no longer possible");
    const char *mails = n == 1 ? "mail" : "mails";
    act->title = arena_printf(
        &a->arena, is_retry(act) ? "Send %lld %s again" : "Do not send %lld %s", n,
        mails);
    if (act->preview && is_retry(act))
        act->summary =
            arena_printf(&a->arena, "%lld %s to %lld %s are queued again.%s", n, mails,
                         people, people == 1 ? "address" : "addresses", left);
    else if (act->preview)
        act->summary =
            arena_printf(&a->arena, "%lld %s to %lld %s will not be sent.%s", n, mails,
                         people, people == 1 ? "address" : "addresses", left);
    else
        act->summary = arena_printf(
            &a->arena, is_retry(act) ? "%lld %s queued again.%s" : "%lld %s revoked.%s",
            n, mails, left);
}

static void on_acted(struct api *a, enum err e, const struct frame *reply)
{
    struct action *act = a->state;
    if (e != ERR_OK) {
        action_failed_reply(a, act, "mailer", e, reply);
        return;
    }
    json_t *acted = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    describe(a, act, acted);
    json_decref(acted);
    if (act->count > 0 || act->preview)
        action_done(a, act);
    else
        action_failed(a, act, ERR_CONFLICT,
                      arena_printf(&a->arena, "Nothing was done.%s",
                                   strchr(act->summary, '.') + 1));
}

static void act_on_ids(struct api *a, struct action *act)
{
    struct buf body;
    struct jsonw w;
    AUTO_FREE char *ids = json_dumps(act->ids, JSON_COMPACT);
    action_begin_body(a, act, &body, &w);
    jw_kraw(&w, "job_ids", str_of(ids));
    jw_kbool(&w, "dry_run", act->preview);
    jw_kint(&w, "cap", MATCHING_MAX);
    jw_object_end(&w);
    jw_end(&w);
    api_call(a, a->app->mailer, act->row->method, buf_get(&body), false, on_acted);
    buf_deinit(&body);
}

static void take_found(struct api *a, struct action *act, const json_t *jobs)
{
    size_t i;
    json_t *job;
    act->ids = json_array();
    act->sample = json_array();
    json_array_foreach(jobs, i, job)
    {
        json_array_append(act->ids, json_object_get(job, "job_id"));
        if (i >= SAMPLE)
            continue;
        const char *text = arena_printf(
            &a->arena, "%s to %s", json_string_value(json_object_get(job, "template")),
            json_string_value(json_object_get(job, "recipient")));
        json_array_append_new(
            act->sample,
            json_pack("{s:O,s:s}", "id", json_object_get(job, "job_id"), "text", text));
    }
}

struct found {
    struct mail_find find; /* first, so that it is found by its address */
    struct action *act;
};

static void on_found(struct api *a, struct mail_find *f)
{
    struct action *act = ((struct found *)f)->act;
    bool more = f->next != NULL;
    a->state = act;
    take_found(a, act, f->jobs);
    mail_find_free(f);
    if (more)
        action_failed(a, act, ERR_CONFLICT,
                      "More than 1,000 mails match, or it takes too long to look through "
                      "them: narrow the search.");
    else if (json_array_size(act->ids) == 0)
        action_failed(a, act, ERR_NOT_FOUND, "No mail matches.");
    else
        act_on_ids(a, act);
}

static void on_not_found(struct api *a, struct mail_find *f, enum err e,
                         const struct frame *reply)
{
    struct action *act = ((struct found *)f)->act;
    a->state = act;
    action_failed_reply(a, act, "mailer", e, reply);
}

void action_run_mails(struct api *a, struct action *act)
{
    if (act->ids) {
        act_on_ids(a, act);
        return;
    }
    struct found *f = arena_alloc(&a->arena, sizeof *f);
    f->act = act;
    f->find.search = mail_search(a, str_of(act->text), "q"); /* was checked */
    f->find.limit = MATCHING_MAX;
    f->find.done = on_found;
    f->find.failed = on_not_found;
    mail_find(a, &f->find);
}

/* ---- the queue ---- */

static void on_queue(struct api *a, enum err e, const struct frame *reply)
{
    struct action *act = a->state;
    if (e == ERR_OK)
        action_done(a, act);
    else
        action_failed_reply(a, act, "mailer", e, reply);
}

static void ask_queue(struct api *a, struct action *act, const char *member)
{
    struct buf body;
    struct jsonw w;
    static const char *const MEMBERS[] = { "connections", "per_minute" };
    action_begin_body(a, act, &body, &w);
    for (size_t i = 0; member && i < ARRAY_LEN(MEMBERS); i++) {
        const json_t *v = json_object_get(a->body, MEMBERS[i]);
        if (json_is_integer(v))
            jw_kint(&w, MEMBERS[i], json_integer_value(v));
        else if (v)
            jw_knull(&w, MEMBERS[i]);
    }
    jw_object_end(&w);
    jw_end(&w);
    api_call(a, a->app->mailer, act->row->method, buf_get(&body), false, on_queue);
    buf_deinit(&body);
}

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

void action_run_queue(struct api *a, struct action *act)
{
    long long waiting =
        json_integer_value(json_object_get(watch_queue(a->app->watch), "ready"));
    bool pause = is_pause(act);
    act->title = pause ? "Pause the mail queue" : "Resume the mail queue";
    act->count = waiting;
    act->summary = arena_printf(
        &a->arena,
        pause ? "No mail leaves until the queue is resumed; %lld %s. What is being sent "
                "ends, links go on expiring."
              : "Mails are sent again; %lld %s.",
        waiting, waiting == 1 ? "waits" : "wait");
    if (!act->preview) {
        act->summary = pause ? "The mail queue is paused." : "The mail queue goes on.";
        act->count = 0;
        act->undo_action = pause ? "queue.resume" : "queue.pause";
        act->undo_label = pause ? "Resume" : "Pause";
        act->undo_body = "{}";
        ask_queue(a, act, NULL);
        return;
    }
    action_done(a, act);
}

/* ---- pool and rate ---- */

static bool check_number(struct api *a, const char *member, int64_t max)
{
    const json_t *v = json_object_get(a->body, member);
    if (!v || json_is_null(v) ||
        (json_is_integer(v) && json_integer_value(v) >= 1 &&
         json_integer_value(v) <= max))
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
    return check_number(a, "connections", 64) && check_number(a, "per_minute", 100000);
}

static const char *setting_text(struct api *a, const json_t *from, const char *member)
{
    const json_t *v = json_object_get(from, member);
    if (json_is_integer(v))
        return arena_printf(&a->arena, "%lld", (long long)json_integer_value(v));
    return strcmp(member, "per_minute") == 0 ? "no limit" : "as configured";
}

static const char *changed_text(struct api *a, const json_t *queue)
{
    const char *text = "";
    static const struct {
        const char *member, *words;
    } MEMBERS[] = { { "connections", "connections of each mailer" },
                    { "per_minute", "mails a minute" } };
    for (size_t i = 0; i < ARRAY_LEN(MEMBERS); i++) {
        const char *m = MEMBERS[i].member;
        if (!json_object_get(a->body, m))
            continue;
        text = arena_printf(&a->arena, "%s%s%s: %s \u2192 %s", text, *text ? "; " : "",
                            MEMBERS[i].words, queue ? setting_text(a, queue, m) : "?",
                            setting_text(a, a->body, m));
    }
    return text;
}

static const char *former_settings(struct api *a, const json_t *queue)
{
    json_t *o = json_object();
    static const char *const MEMBERS[] = { "connections", "per_minute" };
    for (size_t i = 0; i < ARRAY_LEN(MEMBERS); i++)
        if (json_object_get(a->body, MEMBERS[i]))
            json_object_set(o, MEMBERS[i], json_object_get(queue, MEMBERS[i]));
    AUTO_FREE char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return arena_str(&a->arena, str_of(text));
}

void action_run_settings(struct api *a, struct action *act)
{
    const json_t *queue = watch_queue(a->app->watch);
    act->title = "Change the mail queue";
    act->summary = arena_printf(&a->arena, "%s.", changed_text(a, queue));
    if (act->preview) {
        action_done(a, act);
        return;
    }
    if (queue) {
        act->undo_action = "queue.settings";
        act->undo_label = "Change back";
        act->undo_body = former_settings(a, queue);
    }
    ask_queue(a, act, "settings");
}

bool action_check_pool(struct api *a, struct action *act)
{
    const json_t *size = json_object_get(a->body, "size");
    if (!action_check_replica(a, act))
        return false;
    if (strcmp(replicas_find(&a->app->replicas, str_of(act->instance))->service,
               "mailer") != 0) {
        api_fail_field(a, "instance", "Only mailers have a pool that can be sized.", -1);
        return false;
    }
    if (!json_is_integer(size)) {
        api_fail_field(a, "size", "Use a whole number from 1 to 64.", -1);
        return false;
    }
    json_object_set(a->body, "connections", (json_t *)(uintptr_t)size);
    return check_number(a, "connections", 64);
}
