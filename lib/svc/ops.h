/*
 * The ops port of every daemon: /livez (the loop turns), /readyz (dependencies and drain,
 * ?verbose), /metrics, /version. One listener thread that reads what the loop left in
 * atomics: it answers also when the loop hangs.
 */
#ifndef LIB_SVC_OPS_H
#define LIB_SVC_OPS_H

#include <stdbool.h>

struct svc;
struct ops;

/* NULL: logged. */
struct ops *ops_start(struct svc *svc, const char *listen);
/* From the loop, each second and at changes: ready or the reason why not (static or
 * copied up to 120 bytes). */
void ops_set_ready(struct ops *o, bool ready, const char *why);
const char *ops_address(const struct ops *o);
void ops_stop(struct ops **o);

/* The verb `healthcheck`: GET /readyz of this daemon's ops port; 0 when it says 200. */
int ops_healthcheck(const char *listen);

#endif
