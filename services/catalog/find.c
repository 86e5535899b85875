/*
 * A filtered list wants the page and the exact total. Few matches are read at once
 * (product_few): that answers both. Of many, the page is read in the list's order
 * (product_page), while the total is counted (product_count), once for all who ask, and
 * kept; totals that are kept in the database are never counted (product_total).
 */
#include "catalog/find.h"

#include "base/clock.h"
#include "catalog/find_where.h"
#include "catalog/list.h"
#include "catalog/render.h"

enum {
    FEW = 1000,
    COUNT_MS =
        6000, /* past Postgres' own limit for a statement: a repeat finds the total */
};

static const struct db_stmt RESOLVE = { "product_resolve", DB_LIST };
static const struct db_stmt TOTAL = { "product_total", DB_LIST };
static const struct db_stmt FEW_OF = { "product_few", DB_SEARCH };
static const struct db_stmt PAGE = { "product_page", DB_SEARCH };
static const struct db_stmt COUNT = { "product_count", DB_SEARCH };

struct find {
    struct catalog_waiter waiter; /* first: a waiter is a find */
    struct catalog_find *what;
    struct call *call;
    struct catalog_app *app;
    struct str params[CATALOG_PARAMS_MAX];
    struct str key; /* of the total */
    int64_t count;
    struct str items;
    struct catalog_counted few;
    struct catalog_flight *flight; /* it asked for: to be ended by its answer */
    int64_t asked_ms;              /* for the few, then for the flight */
    unsigned owed;                 /* answers, of the page and of the total */
    enum err err;                  /* of one of them */
};

static void query(struct find *f, const struct db_stmt *stmt, unsigned n, db_fn *fn)
{
    db_query(f->app->db, stmt, f->params, n, call_budget_ms(f->call), fn, f);
}

static void fail(struct find *f, enum err e)
{
    call_fail(f->call, e);
}

/* ---- the answer, when all of it is there ------------------------------------- */

static void reply(struct find *f)
{
    if (f->err != ERR_OK)
        fail(f, f->err);
    else
        catalog_list_reply_items(f->call, &f->what->page, "/api/products/", f->count,
                                 f->items);
}

/* A failure waits for the other answer: both write here. */
static void settle(struct find *f, enum err e)
{
    if (e != ERR_OK)
        f->err = e;
    if (--f->owed == 0)
        reply(f);
}

static void on_page(void *arg, const struct db_result *r)
{
    struct find *f = arg;
    if (r->status == DB_OK)
        f->items = catalog_list_items(f->call, r, 0, catalog_render_product);
    settle(f, r->status == DB_OK ? ERR_OK : db_err(&PAGE, r));
}

static void ask_page(struct find *f, int64_t place)
{
    f->owed++;
    f->params[CATALOG_ROWS] = catalog_int(f->call, f->what->page.size);
    f->params[CATALOG_PLACE] = catalog_int(f->call, place);
    query(f, &PAGE, CATALOG_PLACE + 1, on_page);
}

/* The page is asked for when it is known to exist. */
static void on_total_known(struct find *f, int64_t count)
{
    const struct catalog_page *page = &f->what->page;
    int64_t shown = catalog_page_shown(page, count);
    f->count = count;
    f->items = STR("[]");
    if (count == 0 || shown == 0 || call_gone(f->call))
        reply(f);
    else
        ask_page(f, (shown - 1) * page->size);
}

/* ---- counting ---------------------------------------------------------------- */

static void ask_count(struct find *f);

static void on_counted(struct find *f, enum err e, int64_t count)
{
    if (f->owed > 0) { /* its page is on the way, or there */
        f->count = count;
        settle(f, e);
    } else if (e == ERR_OK) {
        on_total_known(f, count);
    } else {
        fail(f, e);
    }
}

static void keep(const struct find *f, int64_t count)
{
    int64_t now = clock_mono_ms();
    const struct catalog_counted counted = { count, now - f->asked_ms,
                                             catalog_flight_age(f->flight) };
    catalog_counts_keep(f->app->counts, f->key, now, &counted);
}

/* Who asked is the first of those who wait. */
static void on_landed(void *arg, const struct db_result *r)
{
    struct find *f = arg;
    struct catalog_waiter *answered, *late;
    enum err e = r->status == DB_OK ? ERR_OK : db_err(&COUNT, r);
    int64_t count = db_int(r, 0, 0);
    if (e == ERR_OK)
        keep(f, count);
    catalog_flights_end(f->app->flights, &f->flight, &answered, &late);
    for (struct catalog_waiter *next; answered; answered = next) {
        next = answered->next;
        on_counted((struct find *)answered, e, count);
    }
    for (struct catalog_waiter *next; late; late = next) {
        next = late->next;
        ask_count((struct find *)late);
    }
}

/* Counts, or waits for who does. The query belongs to all who wait, so it is not this
 * call's deadline that ends it: what came too late for one serves the next. */
static void ask_count(struct find *f)
{
    struct catalog_app *app = f->app;
    int64_t known, now = clock_mono_ms();
    if (catalog_counts_find(app->counts, f->key, now, &known)) {
        on_counted(f, ERR_OK, known);
        return;
    }
    f->flight = catalog_flights_join(app->flights, f->key,
                                     catalog_counts_age(app->counts), &f->waiter);
    if (!f->flight)
        return;
    f->asked_ms = now;
    db_query(app->db, &COUNT, f->params, CATALOG_WHERE_N, COUNT_MS, on_landed, f);
}

/* ---- few --------------------------------------------------------------------- */

/* That there is nothing may have been long to find: then it is kept like a total. */
static void keep_none(struct find *f, int64_t count)
{
    int64_t now = clock_mono_ms();
    f->few.took_ms = now - f->asked_ms;
    if (count == 0 && f->few.took_ms >= CATALOG_COUNTS_DEAR_MS)
        catalog_counts_keep(f->app->counts, f->key, now, &f->few);
}

static void on_few(void *arg, const struct db_result *r)
{
    struct find *f = arg;
    const struct catalog_page *page = &f->what->page;
    if (r->status != DB_OK) {
        fail(f, db_err(&FEW_OF, r));
        return;
    }
    if (db_int(r, 0, 0) <= FEW) {
        keep_none(f, db_int(r, 0, 0));
        catalog_list_reply(f->call, page, "/api/products/", r, catalog_render_product);
        return;
    }
    if (page->number == 1) { /* it exists */
        f->owed++;
        ask_page(f, 0);
    }
    ask_count(f);
}

static void ask_few(struct find *f)
{
    f->asked_ms = clock_mono_ms();
    f->few.age = catalog_counts_age(f->app->counts);
    f->params[CATALOG_ROWS] = catalog_int(f->call, f->what->page.size);
    f->params[CATALOG_PLACE] = catalog_int(f->call, f->what->page.number);
    f->params[CATALOG_PLACE + 1] = catalog_int(f->call, FEW);
    query(f, &FEW_OF, CATALOG_PLACE + 2, on_few);
}

static void find(struct find *f)
{
    int64_t n;
    if (catalog_counts_find(f->app->counts, f->key, clock_mono_ms(), &n))
        on_total_known(f, n);
    else
        ask_few(f);
}

/* ---- lists whose totals are kept --------------------------------------------- */

static void on_total(void *arg, const struct db_result *r)
{
    struct find *f = arg;
    if (r->status == DB_OK)
        on_total_known(f, db_int(r, 0, 0));
    else
        fail(f, db_err(&TOTAL, r));
}

static void ask_total(struct find *f)
{
    const struct catalog_filter *filter = &f->what->filter;
    struct str lists = filter->categories;
    if (!lists.p)
        lists =
            str_of(arena_printf(&f->call->arena, "{%lld}", (long long)filter->category));
    db_query(f->app->db, &TOTAL, &lists, 1, call_budget_ms(f->call), on_total, f);
}

/* ---- what names mean --------------------------------------------------------- */

static void on_resolved(void *arg, const struct db_result *r)
{
    struct find *f = arg;
    if (r->status != DB_OK)
        fail(f, db_err(&RESOLVE, r));
    else if (catalog_where_names(f->what, r, f->params))
        find(f);
    else
        on_total_known(f, 0);
}

static void resolve(struct find *f)
{
    struct str params[] = { catalog_where_patterns(f->what), f->what->filter.created_by };
    db_query(f->app->db, &RESOLVE, params, ARRAY_LEN(params), call_budget_ms(f->call),
             on_resolved, f);
}

/* ---- the beginning ----------------------------------------------------------- */

void catalog_find(struct catalog_find *what)
{
    struct find *f = arena_alloc(&what->call->arena, sizeof(*f));
    *f = (struct find){
        .what = what, .call = what->call, .app = what->call->app, .err = ERR_OK
    };
    f->key = catalog_where_key(what);
    catalog_where_given(what, f->params);
    if (what->nterms > 0 || what->filter.created_by.p)
        resolve(f);
    else if (what->filter.others)
        find(f);
    else
        ask_total(f);
}
