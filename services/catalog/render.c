#include "catalog/render.h"

static void number(struct jsonw *w, const char *key, const struct db_result *r, int row,
                   int col)
{
    jw_kraw(w, key, db_text(r, row, col));
}

static void text_or_null(struct jsonw *w, const char *key, const struct db_result *r,
                         int row, int col)
{
    if (db_is_null(r, row, col))
        jw_knull(w, key);
    else
        jw_kstr(w, key, db_text(r, row, col));
}

static void moment(struct jsonw *w, const char *key, const struct db_result *r, int row,
                   int col)
{
    char text[CLOCK_TEXT_SIZE];
    jw_kcstr(w, key, db_time(r, row, col, text));
}

void catalog_render_product(struct jsonw *w, const struct db_result *r, int row,
                            int first)
{
    jw_object(w);
    number(w, "id", r, row, first);
    jw_kstr(w, "category_name", db_text(r, row, first + 1));
    text_or_null(w, "created_by", r, row, first + 2);
    jw_kstr(w, "name", db_text(r, row, first + 3));
    jw_kstr(w, "description", db_text(r, row, first + 4));
    jw_kstr(w, "price", db_text(r, row, first + 5));
    moment(w, "created_at", r, row, first + 6);
    number(w, "category", r, row, first + 7);
    jw_object_end(w);
}

void catalog_render_category(struct jsonw *w, const struct db_result *r, int row,
                             int first)
{
    jw_object(w);
    number(w, "id", r, row, first);
    jw_kstr(w, "name", db_text(r, row, first + 1));
    jw_kstr(w, "description", db_text(r, row, first + 2));
    moment(w, "created_at", r, row, first + 3);
    jw_object_end(w);
}

static void quoted(struct buf *out, const char *key, struct str value)
{
    buf_printf(out, "\"%s\":\"", key);
    json_escape(out, value);
    buf_char(out, '"');
}

void catalog_render_new_product(const struct catalog_product *p, struct buf *before,
                                struct buf *after)
{
    buf_printf(before, "{\"id\":%lld,\"category_name\":", (long long)p->id);
    buf_char(after, ',');
    if (p->creator.p)
        quoted(after, "created_by", p->creator);
    else
        buf_cstr(after, "\"created_by\":null");
    buf_char(after, ',');
    quoted(after, "name", p->name);
    buf_char(after, ',');
    quoted(after, "description", p->description);
    buf_char(after, ',');
    quoted(after, "price", p->price);
    buf_char(after, ',');
    quoted(after, "created_at", p->created_at);
    buf_printf(after, ",\"category\":%lld}", (long long)p->category_id);
}
