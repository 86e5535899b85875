/* The catalog's own settings; the shared ones are struct svc_config's. */
#ifndef CATALOG_CONFIG_H
#define CATALOG_CONFIG_H

#include "svc/options.h"

struct catalog_config {
    const char *auth_endpoint, *auth_events;
    int64_t idempotency_hours; /* how long an Idempotency-Key is remembered */
};

extern const struct option_row CATALOG_OPTIONS[];

#endif
