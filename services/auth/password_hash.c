#include "auth/password_hash.h"

#include <sodium.h>

_Static_assert(AUTH_HASH_SIZE >= crypto_pwhash_argon2id_STRBYTES, "hash text fits");

bool auth_password_hash(const struct auth_hash_cost *cost, struct str password,
                        char out[static AUTH_HASH_SIZE])
{
    return crypto_pwhash_argon2id_str(out, password.p, password.n, cost->passes,
                                      cost->memory_bytes) == 0;
}

bool auth_password_outdated(const struct auth_hash_cost *cost, const char *hash)
{
    return crypto_pwhash_argon2id_str_needs_rehash(hash, cost->passes,
                                                   cost->memory_bytes) != 0;
}
