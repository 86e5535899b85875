/*
 * Whether enough of a service is there: what MONITOR_EXPECT asks for against what serves.
 * Pure rules, no I/O: counts and time come in as parameters.
 */
#ifndef MONITOR_PRESENCE_H
#define MONITOR_PRESENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* A restart is over within the grace: too few for so long is worth a line. Who was never
 * heard has longer: at our own start everybody has to find us first. */
enum {
    PRESENCE_GRACE_MS = 5000,
    PRESENCE_START_MS = 10000,
    PRESENCE_SERVICES = 16,
};

/* Of one service. `serving`: those that work, and those that have a line of their own in
 * the overview because they should and do not. */
struct presence_count {
    unsigned serving, draining, stopped;
};

struct presence {
    char service[32];
    struct presence_count count;
    int64_t wanted;
    bool heard;       /* ever, also of one that is no longer shown */
    bool enough;      /* now */
    int64_t since_ms; /* monotonic: too few since */
    int64_t since_us; /* the same, wall */
};

struct presences {
    struct presence p[PRESENCE_SERVICES];
    unsigned n;
};

/* How a service stands now. Twice a second for each that is expected. */
void presence_note(struct presences *t, struct str service, int64_t wanted,
                   const struct presence_count *count, int64_t now_ms, int64_t wall_us);
/* Too few have served for longer than a restart takes. */
bool presence_is_missed(const struct presence *p, int64_t now_ms);

#endif
