/* The mails: the mailer is asked, its answers pass through. */
#include <string.h>

#include "base/id.h"
#include "monitor/app.h"
#include "monitor/mail_find.h"
#include "monitor/watch.h"
#include "svc/body.h"

/* ---- the list ---- */

static void on_found(struct api *a, struct mail_find *f)
{
    static const char *const PASS[] = { "counts", "matching", "matching_more" };
    json_t *o = json_object();
    json_object_set(o, "jobs", f->jobs);
    json_object_set_new(o, "next", f->next ? json_string(f->next) : json_null());
    for (size_t i = 0; i < ARRAY_LEN(PASS); i++)
        if (json_object_get(f->reply, PASS[i]))
            json_object_set(o, PASS[i], json_object_get(f->reply, PASS[i]));
    /* One page that is all of the list has counted it. */
    if (!f->exact && !f->next && f->cursor.n == 0)
        json_object_update_new(o, json_pack("{s:I,s:b}", "matching",
                                            (json_int_t)json_array_size(f->jobs),
                                            "matching_more", 0));
    json_object_set_new(o, "looked_at",
                        f->next ? json_integer(f->looked_at) : json_null());
    json_object_set_new(o, "exact", json_boolean(f->exact));
    const json_t *queue = watch_queue(a->app->watch);
    json_object_set_new(o, "queue", queue ? json_deep_copy(queue) : json_null());
    mail_find_free(f);
    AUTO_FREE char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    if (text)
        api_reply(a, 200, str_of(text));
    else
        api_fail(a, ERR_INTERNAL, NULL);
}

static bool read_sort(struct api *a, struct mail_find *f)
{
    static const struct {
        const char *name, *sort;
    } SORTS[] = { { "created_at", "created" },
                  { "run_at", "run" },
                  { "finished_at", "finished" },
                  { "attempt", "attempt" } };
    struct str text = api_param(a, "sort");
    f->order = "asc";
    if (text.n == 0)
        text = STR("-created_at");
    if (text.p[0] == '-') {
        f->order = "desc";
        text = (struct str){ text.p + 1, text.n - 1 };
    }
    for (size_t i = 0; i < ARRAY_LEN(SORTS); i++)
        if (str_eq(text, str_of(SORTS[i].name)))
            f->sort = SORTS[i].sort;
    if (f->sort)
        return true;
    api_fail_field(a, "sort", "Use created_at, run_at, finished_at or attempt.", -1);
    return false;
}

/* The parameters beside q, as a search of their own. */
static const struct search *read_filters(struct api *a)
{
    struct str state = api_param(a, "state"), template = api_param(a, "template");
    struct str from = api_param(a, "from"), to = api_param(a, "to");
    const char *text = "";
    if (state.n > 0)
        text = arena_printf(&a->arena, "%s state:\"%.*s\"", text, STR_ARG(state));
    if (template.n > 0)
        text = arena_printf(&a->arena, "%s name:\"%.*s\"", text, STR_ARG(template));
    if (from.n > 0)
        text = arena_printf(&a->arena, "%s created:\">=%.*s\"", text, STR_ARG(from));
    if (to.n > 0)
        text = arena_printf(&a->arena, "%s created:\"<%.*s\"", text, STR_ARG(to));
    return mail_search(a, str_of(text), state.n > 0 ? "state" : "from");
}

void handle_mails(struct api *a)
{
    struct mail_find *f = arena_alloc(&a->arena, sizeof *f);
    struct str q = api_param(a, "q");
    watch_wanted(a->app->watch);
    if (!api_param_int(a, "limit", 1, MAIL_FIND_PAGE, 50, &f->limit) || !read_sort(a, f))
        return;
    const struct search *asked = mail_search(a, q.p ? q : STR(""), "q");
    const struct search *filters = asked ? read_filters(a) : NULL;
    if (!filters)
        return;
    f->search = search_both(asked, filters, &a->arena);
    f->cursor = api_param(a, "before");
    f->done = on_found;
    mail_find(a, f);
}

/* ---- one mail ---- */

static void on_mail(struct api *a, enum err e, const struct frame *reply)
{
    if (e == ERR_OK)
        api_reply(a, 200, reply->body);
    else
        api_fail_reply(a, "mailer", e, reply);
}

static void on_mail_html(struct api *a, enum err e, const struct frame *reply)
{
    if (e != ERR_OK) {
        api_fail_reply(a, "mailer", e, reply);
        return;
    }
    json_t *o = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    const char *html = json_string_value(json_object_get(o, "preview_html"));
    if (html)
        api_reply_as(a, 200, MONITOR_MAIL_TYPE, str_of(html));
    else
        api_fail(a, ERR_NOT_FOUND, "This mail has no HTML part.");
    json_decref(o);
}

void handle_mail(struct api *a)
{
    static const struct str HTML = { "/html", 5 };
    struct str id = api_rest(a);
    bool html =
        id.n > HTML.n && str_eq((struct str){ id.p + id.n - HTML.n, HTML.n }, HTML);
    uint8_t bytes[16];
    struct jsonw w;
    AUTO_BUF struct buf body = { .max = 256 };
    if (html)
        id.n -= HTML.n;
    if (!id_uuid_parse(id, bytes)) {
        api_fail(a, ERR_NOT_FOUND, NULL);
        return;
    }
    jw_begin(&w, &body);
    jw_object(&w);
    jw_kstr(&w, "job_id", id);
    jw_object_end(&w);
    jw_end(&w);
    api_call(a, a->app->mailer, "mailer.jobs.show", buf_get(&body), false,
             html ? on_mail_html : on_mail);
}

/* ---- the box in the header ---- */

void handle_search(struct api *a)
{
    struct str q = str_trim(api_param(a, "q"));
    uint8_t id[16];
    struct buf b;
    struct jsonw w;
    const struct search *s = mail_search(a, q.p ? q : STR(""), "q");
    if (!s)
        return;
    AUTO_BUF struct buf page;
    buf_init(&page, 4096);
    struct str job = search_job_id(s);
    if (job.n > 0) {
        buf_printf(&page, "tasks/%.*s", STR_ARG(job));
    } else {
        buf_cstr(&page, hex_decode(q, id, sizeof id) ? "tasks?q=request%3A" : "tasks?q=");
        url_encode(&page, q);
    }
    api_begin(&b, &w);
    jw_kstr(&w, "page", buf_get(&page));
    api_finish(a, &b, &w);
}
