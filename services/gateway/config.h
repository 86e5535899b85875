/* The gateway's settings. */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include "base/secret.h"
#include "svc/options.h"

enum gateway_algorithm { GATEWAY_ES256, GATEWAY_HS256 };

/* The rate classes of the contracts. */
enum limit_class {
    LIMIT_NONE,
    LIMIT_REGISTER,
    LIMIT_LOGIN,
    LIMIT_REFRESH,
    LIMIT_VERIFY,
    LIMIT_RESET,
    LIMIT_MAIL,
    LIMIT_READ,
    LIMIT_WRITE,
    NLIMIT_CLASSES
};

struct gateway_config {
    const char *http_listen;
    const char *auth_endpoint, *auth_events, *catalog_endpoint;
    const char *public_url, *allowed_hosts;
    struct secret *redis_url; /* it may hold a password */
    int algorithm;            /* enum gateway_algorithm */
    struct secret *django_secret_key;
    const char *issuer, *audience;
    int64_t access_lifetime_s, refresh_lifetime_s;
    int64_t revocation_max_staleness_s, revocation_max;
    int64_t body_max, connections;
    const char *limit[NLIMIT_CLASSES]; /* "20/m,100/h"; none for LIMIT_NONE */
    const char *limit_exempt;          /* networks */
    const char *cors_origins;
    const char *trusted_proxies; /* networks and names */
    int64_t header_timeout_s, body_timeout_s, answer_timeout_s, idle_timeout_s;
};

extern const struct option_row GATEWAY_OPTIONS[];

#endif
