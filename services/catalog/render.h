/* Products and categories as JSON, from rows and from values. Key order is the API's. */
#ifndef CATALOG_RENDER_H
#define CATALOG_RENDER_H

#include "base/jsonw.h"
#include "svc/db.h"

enum { CATALOG_BODY_MAX = 8 * 1024 * 1024 - 16 * 1024 }; /* a reply's, less its header */

/* Columns from `first` on: id, category name, creator, name, description, price, time,
 * category id. */
void catalog_render_product(struct jsonw *w, const struct db_result *r, int row,
                            int first);
/* Columns from `first` on: id, name, description, time. */
void catalog_render_category(struct jsonw *w, const struct db_result *r, int row,
                             int first);

struct catalog_product {
    int64_t id, category_id;
    struct str creator; /* p == NULL: nobody */
    struct str name, description, price, created_at;
};
/* The answer to a creation, before and after the category's name, which only the database
 * knows: before || json(name) || after. */
void catalog_render_new_product(const struct catalog_product *p, struct buf *before,
                                struct buf *after);

#endif
