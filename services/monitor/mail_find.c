#include "monitor/mail_find.h"

#include <string.h>

#include "base/clock.h"
#include "monitor/app.h"

static const char NOT_A_NEXT[] = "This is not the `next` of a page.";

const struct search *mail_search(struct api *a, struct str text, const char *field)
{
    struct search_error e;
    const struct search *s = search_parse(text, clock_wall_us(), &a->arena, &e);
    if (!s)
        api_fail_field(a, field, e.message, (int64_t)e.position);
    return s;
}

void mail_find_free(struct mail_find *f)
{
    json_decref(f->jobs);
    json_decref(f->reply);
    f->jobs = f->reply = NULL;
}

static void on_page(struct api *a, enum err e, const struct frame *reply);

static int64_t missing(const struct mail_find *f)
{
    return f->offset + f->limit - f->found;
}

static void ask(struct api *a, struct mail_find *f)
{
    struct jsonw w;
    AUTO_BUF struct buf body;
    buf_init(&body, 64 * 1024);
    jw_begin(&w, &body);
    jw_object(&w);
    jw_key(&w, "filter");
    jw_object(&w);
    f->exact = search_write_filter(f->search, &w);
    jw_object_end(&w);
    if (f->sort)
        jw_kcstr(&w, "sort", f->sort);
    if (f->order)
        jw_kcstr(&w, "order", f->order);
    if (f->place)
        jw_kcstr(&w, "cursor", f->place);
    jw_kbool(&w, "count", f->exact && f->looked_at == 0);
    jw_kint(&w, "limit", missing(f) < MAIL_FIND_PAGE ? missing(f) : MAIL_FIND_PAGE);
    jw_object_end(&w);
    jw_end(&w);
    api_call(a, a->app->mailer, "mailer.jobs.list", buf_get(&body), false, on_page);
}

static void take_page(struct api *a, struct mail_find *f)
{
    const json_t *jobs = json_object_get(f->reply, "jobs");
    const json_t *looked_at = json_object_get(f->reply, "looked_at");
    const char *next = json_string_value(json_object_get(f->reply, "next"));
    size_t i;
    json_t *job;
    json_array_foreach(jobs, i, job) if (f->found++ >= f->offset)
        json_array_append(f->jobs, job);
    f->looked_at += json_is_integer(looked_at) ? json_integer_value(looked_at)
                                               : (int64_t)json_array_size(jobs);
    f->next = f->place = next ? arena_str(&a->arena, str_of(next)) : NULL;
}

static void on_page(struct api *a, enum err e, const struct frame *reply)
{
    struct mail_find *f = a->state;
    if (e != ERR_OK) {
        mail_find_free(f);
        if (e == ERR_VALIDATION && f->cursor.n > 0)
            api_fail_field(a, "before", NOT_A_NEXT, -1);
        else if (f->failed)
            f->failed(a, f, e, reply);
        else
            api_fail_reply(a, "mailer", e, reply);
        return;
    }
    json_decref(f->reply);
    f->reply = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    take_page(a, f);
    if (!f->next || missing(f) <= 0 || f->looked_at >= MAIL_FIND_ROWS ||
        clock_mono_ms() >= f->until_ms)
        f->done(a, f);
    else
        ask(a, f);
}

bool mail_find_gave_up(const struct mail_find *f)
{
    return f->next && missing(f) > 0;
}

void mail_find(struct api *a, struct mail_find *f)
{
    enum { CURSOR_MAX = 80 };
    if (f->cursor.n > CURSOR_MAX) {
        api_fail_field(a, "before", NOT_A_NEXT, -1);
        return;
    }
    a->state = f;
    f->jobs = json_array();
    f->reply = NULL;
    f->next = NULL;
    f->place = f->cursor.n > 0 ? arena_str(&a->arena, f->cursor) : NULL;
    f->found = f->looked_at = 0;
    f->until_ms = clock_mono_ms() + MAIL_FIND_MS;
    ask(a, f);
}
