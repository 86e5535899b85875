/* The filters of the product list, from text. Pure. */
#ifndef CATALOG_FILTER_H
#define CATALOG_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

/* As the client sent them; empty ones are no filters. */
struct catalog_filter_input {
    struct str category, category_in, price_gte, price_lte, created_by;
};

struct catalog_filter {
    bool any;                        /* some filter is set */
    bool others;                     /* ... one that is not of categories */
    int64_t category;                /* this one; 0: see categories */
    struct str categories;           /* text of a bigint[]; p == NULL: all */
    struct str price_gte, price_lte; /* numerals; p == NULL: no bound */
    struct str created_by;           /* p == NULL: anybody */
};

/* False: `errors` holds {"price_gte": ["..."], ...}, every wrong one. What *ret points to
 * is the input's or from the arena. */
bool catalog_filter_parse(const struct catalog_filter_input *in, struct arena *a,
                          struct catalog_filter *ret, struct buf *errors);

#endif
