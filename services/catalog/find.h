/* Product lists that have no statement of their own: filters, searches, combined orders.
 */
#ifndef CATALOG_FIND_H
#define CATALOG_FIND_H

#include "catalog/app.h"
#include "catalog/filter.h"
#include "catalog/page.h"
#include "catalog/search.h"

struct catalog_find {
    struct call *call;
    struct catalog_page page;
    struct catalog_filter filter;
    struct catalog_term *terms;
    unsigned nterms;
    struct catalog_order order;
};
/* Answers the call, later. *what is in the call's arena. */
void catalog_find(struct catalog_find *what);

#endif
