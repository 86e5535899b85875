/*
 * Password hashes: argon2id (RFC 9106) for new ones, and Django's pbkdf2_sha256 as a
 * running original holds them. CPU and memory hungry by design: call from the hash pool.
 */
#ifndef AUTH_PASSWORD_HASH_H
#define AUTH_PASSWORD_HASH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum { AUTH_HASH_SIZE = 128 };

struct auth_hash_cost {
    size_t memory_bytes;
    unsigned long long passes;
};

/* A fresh hash as text. False when memory is short. */
bool auth_password_hash(const struct auth_hash_cost *cost, struct str password,
                        char out[static AUTH_HASH_SIZE]);
/* True when the password is the hash's. Unknown formats match nothing. */
bool auth_password_matches(struct str password, const char *hash);
/* True when the hash was made by another method or at another cost. */
bool auth_password_outdated(const struct auth_hash_cost *cost, const char *hash);

#endif
