#include "gateway/config.h"

#include "gateway/cors.h"
#include "gateway/limit_rule.h"
#include "gateway/redis_url.h"
#include "svc/frame.h"
#include "svc/setting.h"

#define AT(field) offsetof(struct gateway_config, field)

/* What a request frame holds besides its header and records. */
enum { BODY_MAX = FRAME_REQUEST_MAX - FRAME_META_MAX - FRAME_HEADER_SIZE };

/* Per address, and per user where there is one. A bucket of the count refills over the
 * period, so a client that was away may use all of it at once. */
#define LIMIT_ROW(class, default_limit, what)                                            \
    {                                                                                    \
        .name = "RATE_LIMIT_" #class, .kind = OPT_STR,                                   \
        .offset = AT(limit[LIMIT_##class]), .def = (default_limit), .help = (what),      \
        .check = check_limit                                                             \
    }

static const char *check_limit(const char *text)
{
    struct limit limit;
    return limit_parse(str_of(text), &limit)
               ? NULL
               : "must be like 20/m, 150/5m or 20/m,200/h (s, m, h, d), or off";
}

static const char *check_origins(const char *text)
{
    struct str bad;
    struct gateway_cors *cors = gateway_cors_new(text, &bad);
    bool fine = cors != NULL;
    gateway_cors_free(&cors);
    return fine ? NULL
                : "must be a comma list of origins like https://shop.example, or *";
}

static const char *check_redis_url(const char *text)
{
    const char *why;
    struct redis_url url;
    if (!redis_url_parse(str_of(text), &url, &why))
        return why;
    redis_url_clear(&url);
    return NULL;
}

const struct option_row GATEWAY_OPTIONS[] = {
    { .name = "GATEWAY_HTTP_LISTEN",
      .kind = OPT_STR,
      .check = setting_http_listen,
      .offset = AT(http_listen),
      .def = "127.0.0.1:8000",
      .help = "Where the API is served" },
    { .name = "AUTH_ENDPOINT",
      .kind = OPT_STR,
      .check = setting_endpoints,
      .offset = AT(auth_endpoint),
      .def = "tcp://127.0.0.1:7001",
      .help = "The auth replicas, a comma list; a name stands for all its addresses" },
    { .name = "AUTH_EVENTS",
      .kind = OPT_STR,
      .check = setting_endpoints,
      .offset = AT(auth_events),
      .def = "tcp://127.0.0.1:7101",
      .help = "Where auth publishes user events, a comma list" },
    { .name = "CATALOG_ENDPOINT",
      .kind = OPT_STR,
      .check = setting_endpoints,
      .offset = AT(catalog_endpoint),
      .def = "tcp://127.0.0.1:7002",
      .help = "The catalog replicas, a comma list" },
    { .name = "PUBLIC_URL",
      .kind = OPT_STR,
      .check = setting_base_url,
      .offset = AT(public_url),
      .def = "http://localhost:8000",
      .alias = "DJANGO_FRONTEND_URL",
      .help = "How people reach this system; its host is always an allowed one" },
    { .name = "ALLOWED_HOSTS",
      .kind = OPT_STR,
      .offset = AT(allowed_hosts),
      .def = "",
      .help = "More host names to answer for, a comma list; * allows all" },
    { .name = "REDIS_URL",
      .kind = OPT_SECRET,
      .check = check_redis_url,
      .offset = AT(redis_url),
      .help = "redis://[:password@]host[:port][/db] or unix:///path" },
    { .name = "JWT_ALGORITHM",
      .kind = OPT_ENUM,
      .offset = AT(algorithm),
      .def = "ES256",
      .choices = "ES256|HS256",
      .help = "HS256 shares DJANGO_SECRET_KEY with whoever verifies tokens" },
    { .name = "DJANGO_SECRET_KEY",
      .kind = OPT_SECRET,
      .offset = AT(django_secret_key),
      .help = "The key of JWT_ALGORITHM=HS256, at least 32 bytes; otherwise unused" },
    { .name = "AUTH_ISSUER",
      .kind = OPT_STR,
      .offset = AT(issuer),
      .def = "quintet",
      .help = "The iss claim of tokens" },
    { .name = "AUTH_AUDIENCE",
      .kind = OPT_STR,
      .offset = AT(audience),
      .def = "quintet",
      .help = "The aud claim of tokens" },
    { .name = "AUTH_ACCESS_LIFETIME_S",
      .kind = OPT_INT,
      .offset = AT(access_lifetime_s),
      .def = "1800",
      .min = 60,
      .max = 86400,
      .help = "Longest life of an access token, in seconds" },
    { .name = "AUTH_REFRESH_LIFETIME_S",
      .kind = OPT_INT,
      .offset = AT(refresh_lifetime_s),
      .def = "86400",
      .min = 300,
      .max = 31536000,
      .help = "Longest life of a refresh token, in seconds" },
    { .name = "REVOCATION_MAX_STALENESS",
      .kind = OPT_INT,
      .offset = AT(revocation_max_staleness_s),
      .def = "5",
      .min = 2,
      .max = 3600,
      .help = "Seconds without word from auth until tokens are no longer trusted" },
    { .name = "REVOCATION_MAX",
      .kind = OPT_INT,
      .offset = AT(revocation_max),
      .def = "200000",
      .min = 1000,
      .max = 10000000,
      .help =
          "Most revocations held in memory, about 100 bytes each; beyond them no token "
          "is trusted" },
    { .name = "GATEWAY_BODY_MAX",
      .kind = OPT_INT,
      .offset = AT(body_max),
      .def = "131072",
      .min = 1024,
      .max = BODY_MAX,
      .help = "Longest request body, in bytes" },
    { .name = "GATEWAY_CONNECTIONS",
      .kind = OPT_INT,
      .offset = AT(connections),
      .def = "512",
      .min = 8,
      .max = 16384,
      .help =
          "Most client connections at a time; near that the client that has most gives "
          "one up" },
    LIMIT_ROW(REGISTER, "20/m,200/h", "Registrations of one client: 20/m,200/h or off"),
    LIMIT_ROW(LOGIN, "30/m,600/h", "Attempts to log in, of one client"),
    LIMIT_ROW(REFRESH, "150/5m", "Refreshed tokens, of one client"),
    LIMIT_ROW(VERIFY, "30/m,300/h", "Confirmations of an address, of one client"),
    LIMIT_ROW(RESET, "20/m,200/h", "Attempts to set a new password, of one client"),
    LIMIT_ROW(MAIL, "20/m,100/h", "Requests that send a mail, of one client"),
    LIMIT_ROW(READ, "6000/m", "Reads, of one client"),
    LIMIT_ROW(WRITE, "600/m", "Changes, of one client"),
    { .name = "RATE_LIMIT_EXEMPT",
      .kind = OPT_STR,
      .check = setting_networks,
      .offset = AT(limit_exempt),
      .def = "",
      .help = "Networks that no rate limit counts, a comma list: 10.0.0.0/8,::1" },
    { .name = "CORS_ALLOWED_ORIGINS",
      .kind = OPT_STR,
      .check = check_origins,
      .offset = AT(cors_origins),
      .def = "",
      .help = "Origins whose pages may call the API: https://shop.example, or *" },
    { .name = "TRUSTED_PROXIES",
      .kind = OPT_STR,
      .check = setting_proxies,
      .offset = AT(trusted_proxies),
      .def = "",
      .help = "Whose X-Forwarded-For and -Proto are believed: networks and names" },
    { .name = "GATEWAY_HEADER_TIMEOUT_S",
      .kind = OPT_INT,
      .offset = AT(header_timeout_s),
      .def = "10",
      .min = 1,
      .max = 300,
      .help = "How long a client may take for the head of a request, in seconds" },
    { .name = "GATEWAY_BODY_TIMEOUT_S",
      .kind = OPT_INT,
      .offset = AT(body_timeout_s),
      .def = "10",
      .min = 1,
      .max = 300,
      .help = "And for its body, besides one second for each 8 KiB" },
    { .name = "GATEWAY_ANSWER_TIMEOUT_S",
      .kind = OPT_INT,
      .offset = AT(answer_timeout_s),
      .def = "120",
      .min = 1,
      .max = 3600,
      .help = "How long a client may take to read an answer, in seconds" },
    { .name = "GATEWAY_IDLE_TIMEOUT_S",
      .kind = OPT_INT,
      .offset = AT(idle_timeout_s),
      .def = "75",
      .min = 1,
      .max = 3600,
      .help = "How long a connection may wait for its next request line, in seconds" },
    { 0 },
};
