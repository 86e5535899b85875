/*
 * Password hashes: argon2id (RFC 9106) for new ones; to be compared, also what a Django
 * database holds and the plain forms of bcrypt and argon2. CPU and memory hungry by
 * design: call from the hash pool.
 *
 *   pbkdf2_sha256$rounds$salt$base64     bcrypt_sha256$$2b$cost$...
 *   pbkdf2_sha1$rounds$salt$base64       bcrypt$$2b$cost$...      $2a$ $2b$ $2y$
 *   scrypt$n$salt$r$p$base64             argon2$argon2id$v=19$m=..,t=..,p=..$salt$hash
 *   $argon2id$... $argon2i$...
 */
#ifndef AUTH_PASSWORD_HASH_H
#define AUTH_PASSWORD_HASH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum { AUTH_HASH_SIZE = 128 };
/* The dearest own hash; dearer ones in the database match nothing. */
enum { AUTH_ARGON2_KIB_MAX = 256 * 1024, AUTH_ARGON2_PASSES_MAX = 8 };

struct auth_hash_cost {
    size_t memory_bytes;
    unsigned long long passes;
};

/* A fresh hash as text. False when memory is short. */
bool auth_password_hash(const struct auth_hash_cost *cost, struct str password,
                        char out[static AUTH_HASH_SIZE]);
/* Whether the text is of a form above; otherwise it is an account without a password. */
bool auth_password_usable(const char *hash);
/* True when the password is the hash's. False as well for unknown forms, and for
 * parameters that would cost some seconds or more than 256 MiB: a row of the database
 * must not stop the service. */
bool auth_password_matches(struct str password, const char *hash);
/* True when the hash was made by another method or at another cost. */
bool auth_password_outdated(const struct auth_hash_cost *cost, const char *hash);

#endif
