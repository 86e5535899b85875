#include "catalog/config.h"

#define FIELD(name) offsetof(struct catalog_config, name)

const struct option_row CATALOG_OPTIONS[] = {
    { .name = "CATALOG_IDEMPOTENCY_HOURS",
      .kind = OPT_INT,
      .offset = FIELD(idempotency_hours),
      .def = "24",
      .min = 1,
      .max = 720,
      .help = "Hours an Idempotency-Key and its answer are remembered" },
    { 0 },
};
