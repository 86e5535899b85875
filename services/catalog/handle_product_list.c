/* catalog.product.list: all products, those of a category, or those that match. */
#include "base/clock.h"
#include "catalog/app.h"
#include "catalog/filter.h"
#include "catalog/list.h"
#include "catalog/render.h"
#include "catalog/search.h"

enum { COL_ID = 1, COL_CREATED_AT = 7, COL_CHANGES = 9 };

static const struct db_stmt AFTER = { "product_newest_after", DB_LIST };
static const struct db_stmt BEFORE = { "product_newest_before", DB_LIST };
static const struct db_stmt OF_CATEGORY = { "product_of_category", DB_LIST };
static const struct db_stmt FILTER = { "product_filter", DB_LIST };
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
    struct catalog_filter filter;
    struct str search; /* trimmed */
    const char *keys[2];
    struct str count_key; /* where the total is kept; empty: nowhere */
    uint64_t counts_age;
    struct str changes; /* the state of the list that a way to the page was found in */
};

static struct catalog_app *app_of(const struct product_list *l)
{
    return l->call->app;
}

static void reply(struct product_list *l, const struct db_result *r)
{
    catalog_list_reply(l->call, &l->page, "/api/products/", r, catalog_render_product);
}

static void on_rows(void *arg, const struct db_result *r)
{
    struct product_list *l = arg;
    struct catalog_counts *counts = app_of(l)->counts;
    if (r->status != DB_OK) {
        catalog_fail_query(l->call, l->stmt, r);
        return;
    }
    if (l->count_key.n > 0 && l->counts_age == catalog_counts_age(counts))
        catalog_counts_keep(counts, l->count_key, clock_mono_ms(), db_int(r, 0, 0));
    reply(l, r);
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
    int64_t count = db_int(r, 0, 0), shown = catalog_page_shown(&l->page, count);
    if (shown < 2 || db_is_null(r, 0, COL_ID))
        return;
    const struct catalog_place first = { .offset = (shown - 1) * l->page.size,
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
    struct str params[] = { catalog_int(l->call, l->page.size),
                            catalog_int(l->call, l->page.number) };
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
        catalog_anchors_route(app_of(l)->anchors, l->page.number, l->page.size);
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

static bool is_default_order(const struct product_list *l)
{
    return !l->keys[1] && strcmp(l->keys[0], WHOLE[0].key) == 0;
}

static void send_whole(struct product_list *l)
{
    struct str params[] = { catalog_int(l->call, l->page.size),
                            catalog_int(l->call, l->page.number) };
    size_t i = 1;
    while (i < ARRAY_LEN(WHOLE) - 1 && strcmp(WHOLE[i].key, l->keys[0]) != 0)
        i++;
    send(l, &WHOLE[i].stmt, params, ARRAY_LEN(params));
}

static void send_category(struct product_list *l)
{
    struct str params[] = { catalog_int(l->call, l->page.size),
                            catalog_int(l->call, l->page.number),
                            catalog_int(l->call, l->filter.only_category) };
    send(l, &OF_CATEGORY, params, ARRAY_LEN(params));
}

/* ---- all others -------------------------------------------------------------- */

struct patterns {
    struct str first, rest;
};

/* Texts that mean the same have one key: every part is the parsed one. */
static struct str key_of(const struct product_list *l, const struct patterns *p)
{
    const struct catalog_filter *f = &l->filter;
    const struct str parts[] = { f->categories, f->price_gte, f->price_lte,
                                 f->created_by, p->first,     p->rest };
    AUTO_BUF struct buf key;
    buf_init(&key, CATALOG_COUNTS_KEY_MAX);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_printf(&key, "%zu:", parts[i].n);
        buf_str(&key, parts[i]);
    }
    return key.overflow ? STR("") : arena_dup(&l->call->arena, buf_get(&key));
}

/* The total, when it is known without counting; otherwise where to keep it. */
static struct str known_count(struct product_list *l, const struct patterns *p)
{
    struct catalog_counts *counts = app_of(l)->counts;
    struct str key = key_of(l, p);
    int64_t n;
    if (key.n > 0 && catalog_counts_find(counts, key, clock_mono_ms(), &n))
        return catalog_int(l->call, n);
    l->count_key = key;
    l->counts_age = catalog_counts_age(counts);
    return db_null();
}

/* The list whose total is kept anyway; null: none of them. */
static struct str counted_list(const struct product_list *l)
{
    bool whole = l->search.n == 0 && (!l->filter.any || l->filter.only_category > 0);
    return whole ? catalog_int(l->call, l->filter.only_category) : db_null();
}

static void send_filter(struct product_list *l)
{
    const struct catalog_filter *f = &l->filter;
    AUTO_BUF struct buf first, rest;
    buf_init(&first, 4 * l->search.n + 8);
    buf_init(&rest, 16 * l->search.n + 8);
    catalog_search_parse(l->search, &first, &rest);
    struct patterns p = { l->search.n > 0 ? buf_get(&first) : db_null(), buf_get(&rest) };
    struct str list = counted_list(l);
    struct str params[] = { catalog_int(l->call, l->page.size),
                            catalog_int(l->call, l->page.number),
                            p.first,
                            p.rest,
                            str_of(l->keys[0]),
                            l->keys[1] ? str_of(l->keys[1]) : db_null(),
                            f->categories,
                            f->price_gte,
                            f->price_lte,
                            f->created_by,
                            list,
                            list.p ? db_null() : known_count(l, &p) };
    send(l, &FILTER, params, ARRAY_LEN(params));
}

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

void catalog_product_list(struct call *c)
{
    struct product_list *l = arena_alloc(&c->arena, sizeof(*l));
    *l = (struct product_list){ .call = c };
    if (!call_query(c) || !read_filter(c, &l->filter) || !catalog_list_page(c, &l->page))
        return;
    l->search = str_trim(catalog_query_text(c, "search"));
    catalog_order_parse(catalog_query_text(c, "ordering"), l->keys);
    bool plain = l->search.n == 0 && !l->filter.any;
    if (plain && is_default_order(l))
        send_newest(l);
    else if (plain && !l->keys[1])
        send_whole(l);
    else if (l->search.n == 0 && l->filter.only_category > 0 && is_default_order(l))
        send_category(l);
    else
        send_filter(l);
}
