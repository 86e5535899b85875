/*
 * How many replicas of a service there are meant to be, by what they did: a start beyond
 * that number or a farewell changes it, a crash and whoever replaces the crashed one do
 * not. Pure rules, no I/O: counts and time come in as parameters.
 */
#ifndef MONITOR_SCALE_H
#define MONITOR_SCALE_H

#include <stdint.h>

#include "monitor/change.h"

/* A number must stand this long: a restart within it is none of our business. */
enum { SCALE_SETTLE_MS = 10000, SCALE_SERVICES = 16 };

struct scale {
    char service[32];
    int told;         /* -1 until the first number has settled; that one is not told */
    int seen;         /* the number of now */
    int64_t since_ms; /* it has been that since */
    int lost;         /* crashed ones that are no longer shown, not yet taken off */
};

struct scales {
    struct scale s[SCALE_SERVICES];
    unsigned n;
};

/* Once a second for each service: `live` replicas are there, `broken` went without a
 * farewell and are still shown. Notes "scaled" when the number has changed and settled.
 */
void scale_note(struct scales *t, struct changes *c, const char *service, int live,
                int broken, int64_t now_ms, int64_t wall_us);
/* A broken one is no longer shown. */
void scale_lost(struct scales *t, const char *service);

#endif
