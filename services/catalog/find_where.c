#include "catalog/find_where.h"

#include <string.h>

enum { TEXT_MAX = 64 * 1024 };
enum { RESOLVED_USERS, RESOLVED_PATTERN, RESOLVED_N, RESOLVED_CATEGORIES };
enum { WITHOUT_CATEGORIES = 1000000 }; /* longer than any term */

/* ---- what is given ----------------------------------------------------------- */

struct str catalog_where_key(const struct catalog_find *what)
{
    const struct catalog_filter *filter = &what->filter;
    AUTO_BUF struct buf key;
    buf_init(&key, TEXT_MAX);
    buf_printf(&key, "%lld", (long long)filter->category);
    const struct str parts[] = { filter->categories, filter->price_gte, filter->price_lte,
                                 filter->created_by };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_printf(&key, " %zu:", parts[i].n);
        buf_str(&key, parts[i]);
    }
    for (unsigned i = 0; i < what->nterms; i++) {
        buf_printf(&key, " %zu:", what->terms[i].pattern.n);
        buf_str(&key, what->terms[i].pattern);
    }
    return arena_dup(&what->call->arena, buf_get(&key));
}

void catalog_where_given(const struct catalog_find *what,
                         struct str params[static CATALOG_PARAMS_MAX])
{
    const struct catalog_filter *filter = &what->filter;
    const struct catalog_order *order = &what->order;
    if (filter->category > 0)
        params[CATALOG_CATEGORY] = catalog_int(what->call, filter->category);
    params[CATALOG_CATEGORIES] = filter->categories;
    params[CATALOG_LOWEST] = filter->price_gte;
    params[CATALOG_HIGHEST] = filter->price_lte;
    params[CATALOG_FIRST_KEY] = str_of(order->keys[0]);
    if (order->keys[1])
        params[CATALOG_SECOND_KEY] = str_of(order->keys[1]);
    params[CATALOG_LAST_KEY] = str_of(order->last);
}

struct str catalog_where_patterns(const struct catalog_find *what)
{
    AUTO_BUF struct buf all;
    buf_init(&all, TEXT_MAX);
    buf_char(&all, '{');
    for (unsigned i = 0; i < what->nterms; i++)
        catalog_search_add(&all, what->terms[i].pattern);
    buf_char(&all, '}');
    return arena_dup(&what->call->arena, buf_get(&all));
}

/* ---- what names mean --------------------------------------------------------- */

/* Ids as Postgres prints an array: one is another parameter than several, since only then
 * an index gives the list's order. False: there are none. */
static bool set_creators(struct arena *a, struct str ids, struct str *params)
{
    if (ids.n < 3)
        return false;
    struct str inner = { ids.p + 1, ids.n - 2 };
    if (memchr(inner.p, ',', inner.n))
        params[CATALOG_CREATORS] = arena_dup(a, ids);
    else
        params[CATALOG_CREATOR] = arena_dup(a, inner);
    return true;
}

/* How good it is to begin the search with this term: 0 means not at all. */
static size_t worth(const struct catalog_term *t, const struct db_result *r, int row)
{
    bool many = db_int(r, row, RESOLVED_N) > 0 && db_is_null(r, row, RESOLVED_CATEGORIES);
    if (!t->indexed || many)
        return 0;
    return t->length + (db_is_null(r, row, RESOLVED_CATEGORIES) ? WITHOUT_CATEGORIES : 0);
}

static int best_term(const struct catalog_find *what, const struct db_result *r)
{
    int best = -1;
    size_t most = 0;
    for (unsigned i = 0; i < what->nterms; i++) {
        size_t w = worth(&what->terms[i], r, (int)i);
        if (w > most) {
            most = w;
            best = (int)i;
        }
    }
    return best;
}

static void set_pattern(struct arena *a, const struct db_result *r, int row,
                        struct str params[static 2])
{
    params[0] = arena_dup(a, db_text(r, row, RESOLVED_PATTERN));
    if (!db_is_null(r, row, RESOLVED_CATEGORIES))
        params[1] = arena_dup(a, db_text(r, row, RESOLVED_CATEGORIES));
}

static void set_array(struct arena *a, struct buf *array, struct str *param)
{
    buf_char(array, '}');
    if (array->n > 2)
        *param = arena_dup(a, buf_get(array));
}

static void set_patterns(const struct catalog_find *what, const struct db_result *r,
                         struct str *params)
{
    struct arena *a = &what->call->arena;
    AUTO_BUF struct buf names, any;
    buf_init(&names, TEXT_MAX);
    buf_init(&any, TEXT_MAX);
    buf_char(&names, '{');
    buf_char(&any, '{');
    int best = best_term(what, r);
    if (best >= 0)
        set_pattern(a, r, best, &params[CATALOG_PATTERN]);
    for (int row = 0; row < (int)what->nterms; row++) {
        if (row == best)
            continue;
        struct str pattern = db_text(r, row, RESOLVED_PATTERN);
        if (db_int(r, row, RESOLVED_N) == 0)
            catalog_search_add(&names, pattern);
        else if (!params[CATALOG_SECOND].p && !db_is_null(r, row, RESOLVED_CATEGORIES))
            set_pattern(a, r, row, &params[CATALOG_SECOND]);
        else
            catalog_search_add(&any, pattern);
    }
    set_array(a, &names, &params[CATALOG_NAME_PATTERNS]);
    set_array(a, &any, &params[CATALOG_ANY_PATTERNS]);
}

bool catalog_where_names(const struct catalog_find *what, const struct db_result *r,
                         struct str params[static CATALOG_PARAMS_MAX])
{
    if (what->filter.created_by.p &&
        !set_creators(&what->call->arena, db_text(r, 0, RESOLVED_USERS), params))
        return false;
    set_patterns(what, r, params);
    return true;
}
