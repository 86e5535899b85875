/*
 * Places in the default list that are known: the row at offset o, as long as the list is
 * the same. With them a page far down is read from the nearest known row, forwards or
 * backwards, instead of from the top. Bounded; pure memory. Every use is checked by the
 * statement itself against the list's present state, so a stale place costs one more
 * query and never a wrong page.
 */
#ifndef CATALOG_ANCHORS_H
#define CATALOG_ANCHORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { CATALOG_ANCHORS_MAX = 512, CATALOG_ANCHOR_TEXT = 48 };

struct catalog_anchors;

struct catalog_anchors *catalog_anchors_new(void);
void catalog_anchors_free(struct catalog_anchors **a);

struct catalog_place {
    int64_t offset; /* of the row in the list, from 0 */
    int64_t id;
    struct str created_at; /* as Postgres prints it */
};
/* The row at an offset, in the state `changes` of a list of `count` rows. Another state
 * than before forgets all that was known. */
void catalog_anchors_learn(struct catalog_anchors *a, struct str changes, int64_t count,
                           const struct catalog_place *place);

enum catalog_way { CATALOG_FROM_TOP, CATALOG_ONWARDS, CATALOG_BACKWARDS };

struct catalog_route {
    enum catalog_way way;
    struct str changes, created_at; /* borrowed until the next learn */
    int64_t id;
    int64_t rows; /* to read */
    int64_t skip; /* to pass over before */
};
/* The shortest way to page `number` (from 1; 0: the last) of pages of `size` rows. */
struct catalog_route catalog_anchors_route(const struct catalog_anchors *a,
                                           int64_t number, int64_t size);

#endif
