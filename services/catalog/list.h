/* The envelope of list answers: count, next, previous, results. */
#ifndef CATALOG_LIST_H
#define CATALOG_LIST_H

#include "base/jsonw.h"
#include "catalog/app.h"
#include "catalog/page.h"

/* A parameter of the decoded query string; empty when absent. */
struct str catalog_query_text(const struct call *c, const char *name);
/* Finds the page in the decoded query. False: the call has been answered. */
bool catalog_list_page(struct call *c, struct catalog_page *ret);

typedef void catalog_render_fn(struct jsonw *w, const struct db_result *r, int row,
                               int first);
/* Answers with the page. Rows have the total in column 0 and the item from column 1 on;
 * an empty page is one row whose item is null. */
void catalog_list_reply(struct call *c, const struct catalog_page *page, const char *path,
                        const struct db_result *r, catalog_render_fn *render);

/* The same in two steps, for a total that is found apart from the rows. The items as a
 * JSON array, in the call's arena; p == NULL when they are too many bytes. Items begin at
 * column `first`. */
struct str catalog_list_items(struct call *c, const struct db_result *r, int first,
                              catalog_render_fn *render);
/* Answers with such items, or that there is no such page. */
void catalog_list_reply_items(struct call *c, const struct catalog_page *page,
                              const char *path, int64_t count, struct str items);

#endif
