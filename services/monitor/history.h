/*
 * The monitor's own schema: slots of figures in four lengths, changes, and how far back
 * it goes. Everything works without it, live only. Writes are collected for some seconds;
 * while the database is away they wait, up to a bound. All in the loop's thread.
 */
#ifndef MONITOR_HISTORY_H
#define MONITOR_HISTORY_H

#include "monitor/change.h"
#include "monitor/sample.h"

struct history;
struct monitor_app;
struct replica;

struct history *history_new(struct monitor_app *app);
void history_free(struct history **h);
/* A slot of a replica. */
void history_keep(struct history *h, const struct replica *r, int tier, int64_t start_s,
                  const struct figure_slot *slot);
void history_change(struct history *h, const struct change *c);
/* Once a second: reads what changed before us, once; writes what is due, deletes what is
 * too old. */
void history_tick(struct history *h);
/* Writes everything that waits, for the end. True: something is still to be written. */
bool history_busy(struct history *h);
void history_drain(struct history *h);
/* "history": {"state","since","why"} */
void history_write_state(const struct history *h, struct jsonw *w);
/* The tier whose slots make at most some hundred points of this span. */
int history_tier_for(int64_t span_s);

#endif
