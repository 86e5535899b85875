#include "auth/password_hash.h"

#include <openssl/evp.h>
#include <sodium.h>

#include "base/id.h"

enum { PBKDF2_BYTES = 32, PBKDF2_ROUNDS_MAX = 5 * 1000 * 1000 };

_Static_assert(AUTH_HASH_SIZE >= crypto_pwhash_argon2id_STRBYTES, "hash text fits");

bool auth_password_hash(const struct auth_hash_cost *cost, struct str password,
                        char out[static AUTH_HASH_SIZE])
{
    return crypto_pwhash_argon2id_str(out, password.p, password.n, cost->passes,
                                      cost->memory_bytes) == 0;
}

/* pbkdf2_sha256$<rounds>$<salt>$<base64 of 32 bytes> */
static bool matches_pbkdf2(struct str password, struct str rest)
{
    struct str rounds_text = str_cut(&rest, '$');
    struct str salt = str_cut(&rest, '$');
    unsigned char key[PBKDF2_BYTES];
    char text[4 * ((PBKDF2_BYTES + 2) / 3) + 1];
    int64_t rounds;

    if (!str_to_i64(rounds_text, &rounds) || rounds < 1 || rounds > PBKDF2_ROUNDS_MAX ||
        !rest.p)
        return false;
    if (PKCS5_PBKDF2_HMAC(password.p, (int)password.n, (const unsigned char *)salt.p,
                          (int)salt.n, (int)rounds, EVP_sha256(), sizeof(key), key) != 1)
        return false;
    b64_encode(key, sizeof(key), text);
    return str_eq_secret(str_of(text), rest);
}

bool auth_password_matches(struct str password, const char *hash)
{
    struct str rest = str_of(hash);

    if (str_starts(rest, STR("$argon2id$")))
        return crypto_pwhash_argon2id_str_verify(hash, password.p, password.n) == 0;
    if (str_eq(str_cut(&rest, '$'), STR("pbkdf2_sha256")))
        return matches_pbkdf2(password, rest);
    return false;
}

bool auth_password_outdated(const struct auth_hash_cost *cost, const char *hash)
{
    return crypto_pwhash_argon2id_str_needs_rehash(hash, cost->passes,
                                                   cost->memory_bytes) != 0;
}
