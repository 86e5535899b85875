#include "catalog/list.h"

#include "catalog/etag.h"
#include "catalog/render.h"
#include "svc/log.h"

enum { ROW_USUAL = 400 }; /* bytes that a row makes of the body */

struct str catalog_query_text(const struct call *c, const char *name)
{
    const struct value *v = values_get(&c->query, name);
    return v->kind == VALUE_STR ? v->s : STR("");
}

bool catalog_list_page(struct call *c, struct catalog_page *ret)
{
    if (catalog_page_parse(catalog_query_text(c, "page"),
                           catalog_query_text(c, "page_size"), ret))
        return true;
    call_fail(c, ERR_NOT_FOUND);
    return false;
}

static void link_or_null(struct jsonw *w, const char *key, struct call *c,
                         const char *path, int64_t page)
{
    if (page < 1) {
        jw_knull(w, key);
        return;
    }
    AUTO_BUF struct buf url;
    buf_init(&url, 64 * 1024);
    struct catalog_link link = { .base = call_record(c, REC_BASE_URL),
                                 .path = path,
                                 .query = call_record(c, REC_QUERY) };
    catalog_page_link(&link, page, &c->arena, &url);
    jw_kstr(w, key, buf_get(&url));
}

static void write_items(struct jsonw *w, const struct db_result *r, int first,
                        catalog_render_fn *render)
{
    jw_array(w);
    for (int row = 0; row < r->rows && !db_is_null(r, row, first); row++)
        render(w, r, row, first);
    jw_array_end(w);
}

static void open_envelope(struct jsonw *w, struct buf *out, struct call *c,
                          const struct catalog_page *page, const char *path,
                          int64_t count)
{
    int64_t shown = catalog_page_shown(page, count);
    bool more = shown < (count - 1) / page->size + 1;
    jw_begin(w, out);
    jw_object(w);
    jw_kint(w, "count", count);
    link_or_null(w, "next", c, path, count > 0 && more ? shown + 1 : 0);
    link_or_null(w, "previous", c, path, shown - 1);
    jw_key(w, "results");
}

static void close_envelope(struct jsonw *w, struct buf *out, struct call *c)
{
    jw_object_end(w);
    jw_end(w);
    if (!out->overflow) {
        catalog_reply_read(c, buf_get(out), true);
        return;
    }
    log_warn("catalog", "a page is too large for a reply",
             F_ID("request_id", c->frame.request_id));
    call_fail(c, ERR_INTERNAL);
}

void catalog_list_reply(struct call *c, const struct catalog_page *page, const char *path,
                        const struct db_result *r, catalog_render_fn *render)
{
    int64_t count = db_int(r, 0, 0);
    if (catalog_page_shown(page, count) == 0) {
        call_fail(c, ERR_NOT_FOUND);
        return;
    }
    AUTO_BUF struct buf out;
    struct jsonw w;
    buf_init(&out, CATALOG_BODY_MAX);
    open_envelope(&w, &out, c, page, path, count);
    write_items(&w, r, 1, render);
    close_envelope(&w, &out, c);
}

struct str catalog_list_items(struct call *c, const struct db_result *r, int first,
                              catalog_render_fn *render)
{
    AUTO_BUF struct buf out;
    struct jsonw w;
    buf_init(&out, CATALOG_BODY_MAX);
    buf_expect(&out, ROW_USUAL * (1 + (size_t)r->rows));
    jw_begin(&w, &out);
    write_items(&w, r, first, render);
    jw_end(&w);
    return out.overflow ? (struct str){ 0 } : arena_dup(&c->arena, buf_get(&out));
}

void catalog_list_reply_items(struct call *c, const struct catalog_page *page,
                              const char *path, int64_t count, struct str items)
{
    if (catalog_page_shown(page, count) == 0) {
        call_fail(c, ERR_NOT_FOUND);
        return;
    }
    AUTO_BUF struct buf out;
    struct jsonw w;
    buf_init(&out, items.p ? CATALOG_BODY_MAX : 1);
    open_envelope(&w, &out, c, page, path, count);
    jw_raw(&w, items);
    close_envelope(&w, &out, c);
}
