/* Totals of filtered lists, kept for a few seconds: counting them is the dear part of a
 * page, and who turns pages asks for the same total again. */
#ifndef CATALOG_COUNTS_H
#define CATALOG_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
    CATALOG_COUNTS_KEEP_MS = 5000,
    CATALOG_COUNTS_KEY_MAX = 512,
    CATALOG_COUNTS_DEAR_MS = 100, /* what took so long to count outlives a write */
};

struct catalog_counts;

struct catalog_counts *catalog_counts_new(void);
void catalog_counts_free(struct catalog_counts **c);
/* This replica has written something: forgets what can be counted again quickly. */
void catalog_counts_clear(struct catalog_counts *c);
/* Changes with every clear. */
uint64_t catalog_counts_age(const struct catalog_counts *c);

struct catalog_counted {
    int64_t count;
    int64_t took_ms; /* to count */
    uint64_t age;    /* when counting began */
};
/* now_ms: monotonic. */
bool catalog_counts_find(const struct catalog_counts *c, struct str key, int64_t now_ms,
                         int64_t *ret);
/* A total that a clear has overtaken is kept when it is dear, otherwise not. */
void catalog_counts_keep(struct catalog_counts *c, struct str key, int64_t now_ms,
                         const struct catalog_counted *counted);

#endif
