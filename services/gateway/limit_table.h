/*
 * This gateway's own buckets, for any number of clients in a fixed amount of memory: 8
 * places for each hash value, and the place that is taken away is the one nearest to
 * full. So nobody gets rid of a bucket that is used up by touching many others: to push
 * it out, as much must be taken from each of them.
 *
 * Any thread; a lock for each sixteenth of it, held for a few hundred nanoseconds.
 */
#ifndef GATEWAY_LIMIT_TABLE_H
#define GATEWAY_LIMIT_TABLE_H

#include "gateway/limit_rule.h"

struct limit_table;

/* buckets: how many it holds, rounded up to a power of two, at least 128. */
struct limit_table *limit_table_new(unsigned buckets);
void limit_table_free(struct limit_table **t);
/* A client's key: a hash that nobody outside can foresee. */
uint64_t limit_table_key(const struct limit_table *t, const void *data, size_t n);
/* As limit_look and limit_take, on the bucket of a key (not 0). now_us: monotonic. */
struct limit_verdict limit_table_look(struct limit_table *t, uint64_t key,
                                      const struct limit *l, int64_t now_us);
struct limit_verdict limit_table_take(struct limit_table *t, uint64_t key,
                                      const struct limit *l, int64_t now_us);

#endif
