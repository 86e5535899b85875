/* catalog.product.list: all products, or those that match a search. */
#include "catalog/app.h"
#include "catalog/list.h"
#include "catalog/render.h"
#include "catalog/search.h"

static const struct db_stmt SEARCH = { "product_search", DB_LIST };
/* Each order of the whole list has an index and a statement of its own. */
static const struct {
    const char *key;
    struct db_stmt stmt;
} WHOLE[] = {
    { "-created_at", { "product_newest", DB_LIST } },
    { "created_at", { "product_oldest", DB_LIST } },
    { "price", { "product_cheapest", DB_LIST } },
    { "-price", { "product_dearest", DB_LIST } },
};

struct product_list {
    struct call *call;
    const struct db_stmt *stmt;
    struct catalog_page page;
};

static void on_rows(void *arg, const struct db_result *r)
{
    struct product_list *l = arg;
    if (r->status != DB_OK) {
        catalog_fail_query(l->call, l->stmt, r);
        return;
    }
    catalog_list_reply(l->call, &l->page, "/api/products/", r, catalog_render_product);
}

static const struct db_stmt *whole_list(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(WHOLE); i++)
        if (strcmp(WHOLE[i].key, key) == 0)
            return &WHOLE[i].stmt;
    return &WHOLE[0].stmt;
}

static void send(struct product_list *l, const struct str *params, unsigned n)
{
    struct catalog_app *app = l->call->app;
    db_query(app->db, l->stmt, params, n, call_budget_ms(l->call), on_rows, l);
}

static void send_search(struct product_list *l, const struct str place[static 2],
                        struct str text, const char *const keys[static 2])
{
    AUTO_BUF struct buf first, rest;
    buf_init(&first, 4 * text.n + 8);
    buf_init(&rest, 16 * text.n + 8);
    catalog_search_parse(text, &first, &rest);
    struct str params[] = { place[0],        place[1],
                            buf_get(&first), buf_get(&rest),
                            str_of(keys[0]), keys[1] ? str_of(keys[1]) : db_null() };
    l->stmt = &SEARCH;
    send(l, params, ARRAY_LEN(params));
}

void catalog_product_list(struct call *c)
{
    struct product_list *l = arena_alloc(&c->arena, sizeof(*l));
    const char *keys[2];
    l->call = c;
    if (!catalog_list_page(c, &l->page))
        return;
    struct str place[] = { catalog_int(c, l->page.size), catalog_int(c, l->page.number) };
    struct str text = str_trim(catalog_query_text(c, "search"));
    catalog_order_parse(catalog_query_text(c, "ordering"), keys);
    if (text.n > 0 || keys[1]) {
        send_search(l, place, text, keys);
        return;
    }
    l->stmt = whole_list(keys[0]);
    send(l, place, ARRAY_LEN(place));
}
