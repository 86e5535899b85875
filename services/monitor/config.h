/* The monitor's settings. */
#ifndef MONITOR_CONFIG_H
#define MONITOR_CONFIG_H

#include "svc/options.h"

struct monitor_config {
    const char *http_listen;
    const char *telemetry_listen;
    const char *mailer_endpoint;
    const char *expect; /* comma list of services that should be there */
};

extern const struct option_row MONITOR_OPTIONS[];

#endif
