/* The monitor's settings. */
#ifndef MONITOR_CONFIG_H
#define MONITOR_CONFIG_H

#include "base/secret.h"
#include "svc/options.h"

struct monitor_config {
    const char *http_listen;
    const char *telemetry_listen;
    const char *mailer_endpoint, *auth_endpoint;
    const char *expect;          /* comma list of services that should be there */
    const char *expect_version;  /* NULL: any */
    const char *url_prefix;      /* "" or "/ops" */
    const char *trusted_proxies; /* networks and names */
    struct secret *basic_auth;
    bool read_only, staff_read_only, metrics_open;
    int64_t session_idle_s, session_max_s, live_streams, stale_s;
    const char *first_admin; /* how one makes an administrator, for the sign-in page */
};

extern const struct option_row MONITOR_OPTIONS[];

#endif
