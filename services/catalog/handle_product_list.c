/* catalog.product.list: all products, those of a category, or those that match. */
#include "catalog/find.h"
#include "catalog/list.h"
#include "catalog/render.h"

enum { COL_ID = 1, COL_CREATED_AT = 7, COL_CHANGES = 9 };

static const struct db_stmt AFTER = { "product_newest_after", DB_LIST };
static const struct db_stmt BEFORE = { "product_newest_before", DB_LIST };
static const struct db_stmt OF_CATEGORY = { "product_of_category", DB_LIST };
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
    struct catalog_find what; /* is asked for */
    struct call *call;
    const struct db_stmt *stmt;
    struct str changes; /* the state of the list that a way to the page was found in */
};

static struct catalog_app *app_of(const struct product_list *l)
{
    return l->call->app;
}

static void on_rows(void *arg, const struct db_result *r)
{
    struct product_list *l = arg;
    if (r->status == DB_OK)
        catalog_list_reply(l->call, &l->what.page, "/api/products/", r,
                           catalog_render_product);
    else
        catalog_fail_query(l->call, l->stmt, r);
}

static void send(struct product_list *l, const struct db_stmt *stmt,
                 const struct str *params, unsigned n)
{
    l->stmt = stmt;
    db_query(app_of(l)->db, stmt, params, n, call_budget_ms(l->call), on_rows, l);
}

/* ---- the default order ------------------------------------------------------- */

static void learn(const struct product_list *l, const struct db_result *r)
{
    int64_t count = db_int(r, 0, 0), shown = catalog_page_shown(&l->what.page, count);
    if (shown < 2 || db_is_null(r, 0, COL_ID))
        return;
    const struct catalog_place first = { .offset = (shown - 1) * l->what.page.size,
                                         .id = db_int(r, 0, COL_ID),
                                         .created_at = db_text(r, 0, COL_CREATED_AT) };
    catalog_anchors_learn(app_of(l)->anchors, db_text(r, 0, COL_CHANGES), count, &first);
}

static void on_newest(void *arg, const struct db_result *r)
{
    struct product_list *l = arg;
    if (r->status == DB_OK)
        learn(l, r);
    on_rows(l, r);
}

static void send_from_top(struct product_list *l)
{
    struct str params[] = { catalog_int(l->call, l->what.page.size),
                            catalog_int(l->call, l->what.page.number) };
    l->stmt = &WHOLE[0].stmt;
    db_query(app_of(l)->db, l->stmt, params, ARRAY_LEN(params), call_budget_ms(l->call),
             on_newest, l);
}

static void on_near(void *arg, const struct db_result *r)
{
    struct product_list *l = arg;
    if (r->status == DB_OK && !str_eq(db_text(r, 0, COL_CHANGES), l->changes))
        send_from_top(l); /* the list has changed since the way was found */
    else
        on_newest(l, r);
}

static void send_newest(struct product_list *l)
{
    struct call *c = l->call;
    const struct catalog_route route =
        catalog_anchors_route(app_of(l)->anchors, l->what.page.number, l->what.page.size);
    if (route.way == CATALOG_FROM_TOP) {
        send_from_top(l);
        return;
    }
    struct str params[] = { catalog_int(c, route.rows), route.changes, route.created_at,
                            catalog_int(c, route.id), catalog_int(c, route.skip) };
    l->changes = arena_dup(&c->arena, route.changes);
    l->stmt = route.way == CATALOG_ONWARDS ? &AFTER : &BEFORE;
    db_query(app_of(l)->db, l->stmt, params, ARRAY_LEN(params), call_budget_ms(c),
             on_near, l);
}

/* ---- other lists that have an index ------------------------------------------ */

static void send_whole(struct product_list *l, const struct db_stmt *stmt)
{
    struct str params[] = { catalog_int(l->call, l->what.page.size),
                            catalog_int(l->call, l->what.page.number) };
    send(l, stmt, params, ARRAY_LEN(params));
}

static void send_category(struct product_list *l)
{
    struct str params[] = { catalog_int(l->call, l->what.page.size),
                            catalog_int(l->call, l->what.page.number),
                            catalog_int(l->call, l->what.filter.category) };
    send(l, &OF_CATEGORY, params, ARRAY_LEN(params));
}

/* ---- the request ------------------------------------------------------------ */

/* False: the call has been answered. */
static bool read_filter(struct call *c, struct catalog_filter *ret)
{
    const struct catalog_filter_input in = {
        .category = catalog_query_text(c, "category"),
        .category_in = catalog_query_text(c, "category__in"),
        .price_gte = catalog_query_text(c, "price__gte"),
        .price_lte = catalog_query_text(c, "price__lte"),
        .created_by = catalog_query_text(c, "created_by"),
    };
    AUTO_BUF struct buf errors;
    buf_init(&errors, 4096);
    if (catalog_filter_parse(&in, &c->arena, ret, &errors))
        return true;
    call_fail_details(c, ERR_VALIDATION, buf_get(&errors));
    return false;
}

/* The statement of the whole list in this order; NULL: it has none. */
static const struct db_stmt *whole_in(const struct catalog_order *order)
{
    for (size_t i = 0; i < ARRAY_LEN(WHOLE); i++)
        if (catalog_order_is(order, WHOLE[i].key))
            return &WHOLE[i].stmt;
    return NULL;
}

static void answer(struct product_list *l)
{
    struct catalog_find *what = &l->what;
    const struct db_stmt *whole = whole_in(&what->order);
    bool default_order = whole == &WHOLE[0].stmt;
    bool categories_only = what->nterms == 0 && !what->filter.others;
    if (categories_only && !what->filter.any && default_order)
        send_newest(l);
    else if (categories_only && !what->filter.any && whole)
        send_whole(l, whole);
    else if (categories_only && what->filter.category > 0 && default_order)
        send_category(l);
    else
        catalog_find(what);
}

void catalog_product_list(struct call *c)
{
    struct product_list *l = arena_alloc(&c->arena, sizeof(*l));
    struct catalog_find *what = &l->what;
    *l = (struct product_list){ .call = c, .what.call = c };
    if (!call_query(c) || !read_filter(c, &what->filter) ||
        !catalog_list_page(c, &what->page))
        return;
    what->nterms =
        catalog_search_parse(catalog_query_text(c, "search"), &c->arena, &what->terms);
    what->order = catalog_order_parse(catalog_query_text(c, "ordering"));
    answer(l);
}
