/* Acting on mails: the mailer does it, and says what came of it. */
#include <string.h>

#include "base/id.h"
#include "monitor/action.h"
#include "monitor/app.h"
#include "monitor/mail_find.h"

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

struct reason {
    const char *why;
    size_t n;
};

static void count_reason(struct reason *list, size_t max, const char *why)
{
    size_t i = 0;
    while (i < max && list[i].why && strcmp(list[i].why, why) != 0)
        i++;
    if (i == max)
        return;
    list[i].why = why;
    list[i].n++;
}

/* The most frequent one, which is taken out. */
static struct reason take_reason(struct reason *list, size_t max)
{
    size_t most = 0;
    for (size_t i = 1; i < max; i++)
        if (list[i].n > list[most].n)
            most = i;
    struct reason found = list[most];
    list[most].n = 0;
    return found;
}

/* " 12 cannot be: it is sent (10), it is suppressed (2)." */
static const char *what_is_left(struct api *a, const json_t *skipped)
{
    enum { KNOWN = 8, TOLD = 3 };
    struct reason list[KNOWN] = { 0 };
    const char *text = "";
    size_t n = json_array_size(skipped), i, left = n;
    json_t *one;
    if (n == 0)
        return "";
    json_array_foreach(skipped, i, one)
    {
        const char *why = json_string_value(json_object_get(one, "why"));
        count_reason(list, KNOWN, why ? why : "no longer possible");
    }
    for (i = 0; i < TOLD && left > 0; i++) {
        struct reason r = take_reason(list, KNOWN);
        const char *comma = i ? ", " : "";
        left -= r.n;
        text = r.n == n
                   ? r.why
                   : arena_printf(&a->arena, "%s%s%s (%zu)", text, comma, r.why, r.n);
    }
    if (left > 0)
        text = arena_printf(&a->arena, "%s and %zu for other reasons", text, left);
    return arena_printf(&a->arena, " %zu cannot be: %s.", n, text);
}

static void describe(struct api *a, struct action *act, const json_t *acted)
{
    long long n = json_integer_value(json_object_get(acted, "done"));
    long long people = json_integer_value(json_object_get(acted, "recipients"));
    const json_t *skipped = json_object_get(acted, "skipped");
    act->count = n;
    act->skipped = (int64_t)json_array_size(skipped);
    const char *left = what_is_left(a, skipped);
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
