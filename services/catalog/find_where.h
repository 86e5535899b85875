/* What a filtered list looks for, as the parameters of its statements. Pure, but for rows
 * that tell what names mean. */
#ifndef CATALOG_FIND_WHERE_H
#define CATALOG_FIND_WHERE_H

#include "catalog/find.h"
#include "svc/db.h"

/* Of product_count, product_page and product_few; those from CATALOG_WHERE_N on are not
 * of product_count. Null is no condition. */
enum catalog_param {
    CATALOG_CATEGORY,
    CATALOG_CATEGORIES,
    CATALOG_LOWEST,
    CATALOG_HIGHEST,
    CATALOG_CREATOR,
    CATALOG_CREATORS,
    CATALOG_PATTERN, /* an index finds it */
    CATALOG_PATTERN_CATEGORIES,
    CATALOG_SECOND,
    CATALOG_SECOND_CATEGORIES,
    CATALOG_NAME_PATTERNS, /* no category's name matches */
    CATALOG_ANY_PATTERNS,
    CATALOG_WHERE_N,
    CATALOG_FIRST_KEY = CATALOG_WHERE_N,
    CATALOG_SECOND_KEY,
    CATALOG_LAST_KEY,
    CATALOG_ROWS,
    CATALOG_PLACE,
    CATALOG_FEW,
    CATALOG_PARAMS_MAX
};

/* The conditions and the order that need no look at the database. */
void catalog_where_given(const struct catalog_find *what,
                         struct str params[static CATALOG_PARAMS_MAX]);
/* The text of a text[]: all patterns of the search, for product_resolve. */
struct str catalog_where_patterns(const struct catalog_find *what);
/* The conditions on names, from the rows of product_resolve. False: the creator is
 * nobody, so nothing matches. */
bool catalog_where_names(const struct catalog_find *what, const struct db_result *r,
                         struct str params[static CATALOG_PARAMS_MAX]);
/* Names the set of products that match: texts that mean the same have one key, since
 * every part is the parsed one. */
struct str catalog_where_key(const struct catalog_find *what);

#endif
