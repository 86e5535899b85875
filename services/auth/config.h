/* The settings of auth. */
#ifndef AUTH_CONFIG_H
#define AUTH_CONFIG_H

#include "base/secret.h"
#include "svc/options.h"

enum { AUTH_DAY_S = 24 * 60 * 60 };

enum auth_algorithm { AUTH_ES256, AUTH_HS256 };

struct auth_config {
    const char *events_listen;
    const char *public_url;
    const char *issuer, *audience;
    const char *password_blocklist; /* NULL: only the built-in list */
    int64_t password_min_length, password_min_bits;
    struct secret *django_secret_key;
    int jwt_algorithm; /* enum auth_algorithm */
    bool refresh_rotation, require_verified, verify_on_get, enumeration_safe;
    int64_t key_lead_s; /* between a key's publication and its first signature */
    int64_t access_s, refresh_s, verify_s, reset_s;
    int64_t mail_cooldown_s; /* between two mails of a kind to one address */
    int64_t argon2_memory_kib, argon2_passes;
    int64_t hash_threads; /* 0: one less than there are cores */
    int64_t hash_queue;
    int64_t lockout_failures; /* 0: no lockout at all */
    int64_t lockout_window_s, lockout_delay_s, lockout_max_s;
    int64_t lockout_wide_failures, lockout_wide_max_s; /* of all networks together */
    int64_t lockout_known_days;
    int64_t audit_days; /* how long the trail is kept */
};

extern const struct option_row AUTH_OPTIONS[];

#endif
