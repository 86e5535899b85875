/* The newest things that happened, for the page's "what changed": a ring in memory,
 * which begins with what an earlier run has written. */
#ifndef MONITOR_CHANGE_H
#define MONITOR_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/jsonw.h"

enum { CHANGES_MAX = 256 };

struct change {
    int64_t id, wall_us;
    /* started, restarted, stopped, a status, version, scaled, action, gone */
    char kind[16];
    char subject[64];
    char text[160];
    char who[64]; /* of an action; empty otherwise */
};

struct changes {
    struct change ring[CHANGES_MAX]; /* newest at (next - 1) */
    unsigned next, n;
    int64_t last_id;
    void (*heard)(void *arg, const struct change *c); /* told of each; may be NULL */
    void *arg;
};

__attribute__((format(printf, 6, 7))) void
changes_note(struct changes *c, int64_t wall_us, const char *kind, const char *subject,
             const char *who, const char *fmt, ...);
/* Takes one of an earlier run to the old end. False: there is no room, or it is not older
 * than what is there. */
bool changes_put_older(struct changes *c, const struct change *older);
/* The newest, at most `limit` not older than since_us, as the elements of an open array.
 */
void changes_write(const struct changes *c, int64_t since_us, unsigned limit,
                   struct jsonw *w);
void change_write(const struct change *c, struct jsonw *w);

#endif
