/* What a search text asks for, as patterns of LIKE; and the order of a list. Pure. */
#ifndef CATALOG_SEARCH_H
#define CATALOG_SEARCH_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

struct catalog_term {
    struct str pattern; /* %term%, with \ % _ escaped */
    size_t length;      /* bytes of the term */
    bool indexed; /* an index of trigrams can find it: three letters or digits in a row */
};

/* Terms end at blanks and commas; one in double or single quotes is a phrase. All must
 * match. How many there are (at most 256, the rest is passed over); *ret is from the
 * arena. */
unsigned catalog_search_parse(struct str text, struct arena *a,
                              struct catalog_term **ret);
/* Appends a pattern to the text of a text[], which begins with "{" and wants a "}". */
void catalog_search_add(struct buf *array, struct str pattern);

/* A whole order: no two products are equal in it. */
struct catalog_order {
    const char *keys[2]; /* "price", "-price", "created_at", "-created_at"; NULL: none */
    const char *last;    /* "id" or "-id" */
};

/* Up to two keys of `ordering`, in the order given; unknown ones are passed over, a key
 * that came before is not repeated. Without any: the newest first. Equal prices are
 * sorted by time, equal times by id, in the direction of the last key: so each order of
 * one key, and half of those of two, is an index read forwards or backwards. */
struct catalog_order catalog_order_parse(struct str ordering);
/* The order is this one key's. */
bool catalog_order_is(const struct catalog_order *o, const char *key);

#endif
