#include "catalog/config.h"

#include "svc/setting.h"

#define FIELD(name) offsetof(struct catalog_config, name)

const struct option_row CATALOG_OPTIONS[] = {
    { .name = "AUTH_ENDPOINT",
      .kind = OPT_STR,
      .check = setting_endpoints,
      .offset = FIELD(auth_endpoint),
      .def = "tcp://127.0.0.1:7001",
      .help = "The auth replicas, a comma list; asked for missed events" },
    { .name = "AUTH_EVENTS",
      .kind = OPT_STR,
      .check = setting_endpoints,
      .offset = FIELD(auth_events),
      .def = "tcp://127.0.0.1:7101",
      .help = "Where auth publishes user events, a comma list" },
    { .name = "CATALOG_IDEMPOTENCY_HOURS",
      .kind = OPT_INT,
      .offset = FIELD(idempotency_hours),
      .def = "24",
      .min = 1,
      .max = 720,
      .help = "Hours an Idempotency-Key and its answer are remembered" },
    { 0 },
};
