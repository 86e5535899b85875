#include "monitor/mail_find.h"

#include <string.h>

#include "base/clock.h"
#include "monitor/app.h"

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

/* Our cursor: rows of the mailer's page that were passed already, and that page's. */
static bool read_cursor(struct api *a, struct mail_find *f)
{
    struct str rest = f->cursor;
    f->skip = 0;
    f->page_cursor = NULL;
    if (rest.n == 0)
        return true;
    struct str skip = str_cut(&rest, ':');
    if (rest.p && rest.n <= 80 && str_to_i64(skip, &f->skip) && f->skip >= 0 &&
        f->skip <= MAIL_FIND_PAGE) {
        f->page_cursor = rest.n > 0 ? arena_str(&a->arena, rest) : NULL;
        return true;
    }
    api_fail_field(a, "before", "This is not the `next` of a page.", -1);
    return false;
}

static void on_page(struct api *a, enum err e, const struct frame *reply);

static void ask(struct api *a, struct mail_find *f)
{
    struct jsonw w;
    AUTO_BUF struct buf body;
    buf_init(&body, 8192);
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
    if (f->page_cursor)
        jw_kcstr(&w, "cursor", f->page_cursor);
    jw_kbool(&w, "count", f->exact && f->pages == 0);
    jw_kint(&w, "limit",
            f->exact && f->skip == 0 && f->limit < MAIL_FIND_PAGE ? f->limit
                                                                  : MAIL_FIND_PAGE);
    jw_object_end(&w);
    jw_end(&w);
    api_call(a, a->app->mailer, "mailer.jobs.list", buf_get(&body), false, on_page);
}

/* Takes fitting rows; true when enough were found before the page's end. */
static bool take_rows(struct api *a, struct mail_find *f, const json_t *rows)
{
    size_t n = json_array_size(rows);
    for (size_t i = (size_t)f->skip; i < n; i++) {
        json_t *job = json_array_get(rows, i);
        f->looked_at++;
        if (!f->exact && !search_fits(f->search, job))
            continue;
        json_array_append(f->jobs, job);
        if ((int64_t)json_array_size(f->jobs) < f->limit || i + 1 == n)
            continue;
        f->next = arena_printf(&a->arena, "%zu:%s", i + 1,
                               f->page_cursor ? f->page_cursor : "");
        return true;
    }
    return false;
}

static void on_page(struct api *a, enum err e, const struct frame *reply)
{
    struct mail_find *f = a->state;
    if (e != ERR_OK) {
        mail_find_free(f);
        if (f->failed)
            f->failed(a, f, e, reply);
        else
            api_fail_reply(a, "mailer", e, reply);
        return;
    }
    json_decref(f->reply);
    f->reply = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    f->pages++;
    if (take_rows(a, f, json_object_get(f->reply, "jobs"))) {
        f->done(a, f);
        return;
    }
    const char *next = json_string_value(json_object_get(f->reply, "next"));
    f->skip = 0;
    f->page_cursor = next ? arena_str(&a->arena, str_of(next)) : NULL;
    f->next = next ? arena_printf(&a->arena, "0:%s", next) : NULL;
    if (!next || (int64_t)json_array_size(f->jobs) >= f->limit ||
        f->pages >= MAIL_FIND_PAGES)
        f->done(a, f);
    else
        ask(a, f);
}

void mail_find(struct api *a, struct mail_find *f)
{
    if (!read_cursor(a, f))
        return;
    a->state = f;
    f->jobs = json_array();
    f->reply = NULL;
    f->next = NULL;
    f->pages = 0;
    f->looked_at = 0;
    ask(a, f);
}
