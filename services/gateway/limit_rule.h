/*
 * The arithmetic of rate limits: "20/m,200/h" is two buckets that both must have room.
 * Each is a GCRA cell: one time, the moment at which the bucket will be full again. A
 * bucket of 20 refills one unit every 3 s, so a client that was away may send 20 at once.
 */
#ifndef GATEWAY_LIMIT_RULE_H
#define GATEWAY_LIMIT_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { LIMIT_RULES_MAX = 2, LIMIT_COUNT_MAX = 1000000, LIMIT_PERIOD_MAX_S = 86400 };

struct limit_rule {
    int64_t count, period_us;
};

/* n == 0: no limit. */
struct limit {
    struct limit_rule rule[LIMIT_RULES_MAX];
    unsigned n;
};

/* "20/m", "20/m,200/h", "150/5m" (s, m, h, d), "off". False: something else. */
bool limit_parse(struct str text, struct limit *ret);

/* Time between two units of a rule, at least 1 us. */
int64_t limit_interval_us(const struct limit_rule *rule);

struct limit_verdict {
    bool allowed;
    unsigned rule;   /* which one has the least room */
    int64_t wait_us; /* until it would be allowed; 0 when it is */
};

/* full_us[i]: when bucket i is full again (any clock; 0: full). Looks, changes nothing.
 */
struct limit_verdict limit_look(const struct limit *l, const int64_t *full_us,
                                int64_t now_us);
/* The same, and takes one unit of each bucket when it is allowed. */
struct limit_verdict limit_take(const struct limit *l, int64_t *full_us, int64_t now_us);

#endif
