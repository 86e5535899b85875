#include "monitor/config.h"

#define AT(field) offsetof(struct monitor_config, field)

const struct option_row MONITOR_OPTIONS[] = {
    { .name = "MONITOR_HTTP_LISTEN",
      .kind = OPT_STR,
      .offset = AT(http_listen),
      .def = "127.0.0.1:5555",
      .help = "Where the dashboard is served" },
    { .name = "MONITOR_TELEMETRY_LISTEN",
      .kind = OPT_STR,
      .offset = AT(telemetry_listen),
      .def = "tcp://127.0.0.1:7104",
      .help = "Where the daemons' beats arrive" },
    { .name = "MAILER_ENDPOINT",
      .kind = OPT_STR,
      .offset = AT(mailer_endpoint),
      .def = "tcp://127.0.0.1:7003",
      .help = "The mailers, a comma list" },
    { .name = "MONITOR_EXPECT",
      .kind = OPT_STR,
      .offset = AT(expect),
      .def = "gateway,auth,catalog,mailer,monitor",
      .help = "Services that are missed when no replica of them was ever seen" },
    { 0 },
};
