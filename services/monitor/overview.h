/* The documents about replicas, services and what flows between them (API.md 5). */
#ifndef MONITOR_OVERVIEW_H
#define MONITOR_OVERVIEW_H

#include "base/jsonw.h"
#include "monitor/app.h"

/* The members of the overview that change every second, into an open object. */
void overview_write_live(const struct monitor_app *app, struct jsonw *w);
/* One replica as an object. */
void overview_write_replica(const struct monitor_app *app, const struct replica *r,
                            struct jsonw *w);
/* "edges": [...] */
void overview_write_edges(const struct monitor_app *app, struct jsonw *w);
/* The most that a replica of the service said of `key` in its load: of what is behind,
 * the worst; of what grows, the newest. Below 0: none of them told. */
int64_t overview_most_told(const struct monitor_app *app, const char *service,
                           const char *key);
/* A service of MONITOR_EXPECT and how many of it; walks the list. False at its end. */
bool overview_next_expected(struct str *rest, struct str *ret_name, int64_t *ret_count);

#endif
