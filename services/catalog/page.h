/* Page numbers and the links between pages. Pure: no database, no sockets. */
#ifndef CATALOG_PAGE_H
#define CATALOG_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum { CATALOG_PAGE_SIZE = 10, CATALOG_PAGE_SIZE_MAX = 100 };

struct catalog_page {
    int64_t number; /* 0: the last */
    int64_t size;
};

/* page: "", a number from 1, or "last"; anything else is false: there is no such page.
 * size: a number; below 1 or none at all is the default, above the maximum the maximum.
 */
bool catalog_page_parse(struct str page, struct str size, struct catalog_page *ret);
/* The number of the page shown of `count` rows; 0 when it lies beyond the last one. The
 * first page always exists. */
int64_t catalog_page_shown(const struct catalog_page *p, int64_t count);

struct catalog_link {
    struct str base;  /* public scheme and host */
    const char *path; /* "/api/products/" */
    struct str query; /* as the client sent it */
};
/* Appends the address of a page: every other parameter kept, sorted by name, `page` left
 * out for the first page. */
void catalog_page_link(const struct catalog_link *l, int64_t page, struct arena *a,
                       struct buf *out);

#endif
