#include "monitor/config.h"

#include <string.h>

#include "base/str.h"
#include "monitor/access.h"
#include "svc/setting.h"

#define AT(field) offsetof(struct monitor_config, field)

static bool prefix_is_fine(const char *prefix)
{
    size_t n = strlen(prefix);
    if (n == 0)
        return true;
    if (prefix[0] != '/' || prefix[n - 1] == '/' || n > 100 || strstr(prefix, "//"))
        return false;
    for (const char *p = prefix; *p; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_/",
                    *p))
            return false;
    return true;
}

static const char *check_prefix(const char *text)
{
    return prefix_is_fine(text) ? NULL : "must look like /ops";
}

static const char *check_basic(const char *text)
{
    const char *why;
    struct secret *pairs = secret_new(str_of(text));
    struct access *access = access_new(pairs, 0, 0, &why);
    access_free(&access);
    secret_free(&pairs);
    return why;
}

const struct option_row MONITOR_OPTIONS[] = {
    { .name = "MONITOR_HTTP_LISTEN",
      .kind = OPT_STR,
      .check = setting_http_listen,
      .offset = AT(http_listen),
      .def = "127.0.0.1:5555",
      .help = "Where the dashboard is served" },
    { .name = "MONITOR_TELEMETRY_LISTEN",
      .kind = OPT_STR,
      .check = setting_zmq_listen,
      .offset = AT(telemetry_listen),
      .def = "tcp://127.0.0.1:7104",
      .help = "Where the daemons' beats arrive" },
    { .name = "MAILER_ENDPOINT",
      .kind = OPT_STR,
      .check = setting_endpoints,
      .offset = AT(mailer_endpoint),
      .def = "tcp://127.0.0.1:7003",
      .help = "The mailers, a comma list" },
    { .name = "AUTH_ENDPOINT",
      .kind = OPT_STR,
      .check = setting_endpoints,
      .offset = AT(auth_endpoint),
      .def = "tcp://127.0.0.1:7001",
      .help = "The auth replicas, a comma list: who may sign in, and the event stream" },
    { .name = "MONITOR_EXPECT",
      .kind = OPT_STR,
      .offset = AT(expect),
      .def = "gateway,auth,catalog,mailer,monitor",
      .help =
          "Services that are missed when no replica of them is there; catalog:3 misses "
          "the third too" },
    { .name = "MONITOR_EXPECT_VERSION",
      .kind = OPT_STR,
      .offset = AT(expect_version),
      .help = "Version that should run, or any (the monitor's own)" },
    { .name = "MONITOR_URL_PREFIX",
      .kind = OPT_STR,
      .check = check_prefix,
      .offset = AT(url_prefix),
      .def = "",
      .help = "Path that every page, file and cookie stands behind: /ops" },
    { .name = "MONITOR_TRUSTED_PROXIES",
      .kind = OPT_STR,
      .check = setting_proxies,
      .offset = AT(trusted_proxies),
      .def = "",
      .help = "Whose X-Forwarded-For and -Proto are believed: networks and names" },
    { .name = "MONITOR_BASIC_AUTH",
      .kind = OPT_SECRET,
      .check = check_basic,
      .offset = AT(basic_auth),
      .help = "user:password pairs for scripts, a comma list; :ro after one = may only "
              "read" },
    { .name = "MONITOR_READ_ONLY",
      .kind = OPT_BOOL,
      .offset = AT(read_only),
      .def = "false",
      .help = "Nobody may act, whatever their role" },
    { .name = "MONITOR_STAFF_READ_ONLY",
      .kind = OPT_BOOL,
      .offset = AT(staff_read_only),
      .def = "false",
      .help = "Accounts without the role ADMIN may sign in and look" },
    { .name = "MONITOR_METRICS_OPEN",
      .kind = OPT_BOOL,
      .offset = AT(metrics_open),
      .def = "true",
      .help = "GET /metrics needs no sign-in" },
    { .name = "MONITOR_SESSION_IDLE",
      .kind = OPT_INT,
      .offset = AT(session_idle_s),
      .def = "1800",
      .min = 10,
      .max = 86400,
      .help = "Seconds without a request after which a session ends" },
    { .name = "MONITOR_SESSION_MAX",
      .kind = OPT_INT,
      .offset = AT(session_max_s),
      .def = "43200",
      .min = 10,
      .max = 604800,
      .help = "Seconds after which a session ends in any case" },
    { .name = "MONITOR_STALE_AFTER",
      .kind = OPT_INT,
      .offset = AT(stale_s),
      .def = "30",
      .min = 2,
      .max = 600,
      .help = "Seconds after which what a mailer told is not known any more; three times "
              "as many for who did not get their mail" },
    { .name = "MONITOR_LIVE_STREAMS",
      .kind = OPT_INT,
      .offset = AT(live_streams),
      .def = "64",
      .min = 1,
      .max = 256,
      .help = "Pages that may be live at a time" },
    { .name = "MONITOR_FIRST_ADMIN",
      .kind = OPT_STR,
      .offset = AT(first_admin),
      .def = "auth createsuperuser",
      .help = "The command that the sign-in page names for making an administrator" },
    { 0 },
};
