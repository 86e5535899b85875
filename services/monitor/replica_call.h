/* A control call to one replica, on the port that its beats name. */
#ifndef MONITOR_REPLICA_CALL_H
#define MONITOR_REPLICA_CALL_H

#include "monitor/api.h"
#include "monitor/replica.h"

/* fn exactly once, as of api_call. */
void replica_call(struct api *a, const struct replica *r, const char *method,
                  struct str body,
                  void (*fn)(struct api *a, enum err e, const struct frame *reply));

#endif
