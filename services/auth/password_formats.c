/* The forms of password hashes that are compared (password_hash.h). */
#include "auth/password_hash.h"

#include <crypt.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/id.h"
#include "base/mem.h"

enum {
    DERIVED_MAX = 64,
    PBKDF2_ROUNDS_MAX = 5 * 1000 * 1000,
    BCRYPT_COST_MAX = 14, /* 2^14 rounds: about a second */
    MEMORY_MAX = AUTH_ARGON2_KIB_MAX * 1024,
    ARGON2_WORK_MAX = AUTH_ARGON2_KIB_MAX * AUTH_ARGON2_PASSES_MAX,
    LANES_MAX = 64,
};

typedef bool matches_fn(struct str password, struct str rest);

/* --- what they share -----------------------------------------------------------------
 */

static bool read_number(struct str text, int64_t max, int64_t *ret)
{
    return str_to_i64(text, ret) && *ret >= 1 && *ret <= max;
}

static bool equals_base64(const unsigned char *key, size_t n, struct str text)
{
    char own[4 * ((DERIVED_MAX + 2) / 3) + 1];

    b64_encode(key, n, own);
    return str_eq_secret(str_of(own), text);
}

/* --- PBKDF2 and scrypt ---------------------------------------------------------------
 */

/* <rounds>$<salt>$<base64 of n bytes> */
static bool matches_pbkdf2(struct str password, struct str rest, const EVP_MD *md,
                           size_t n)
{
    struct str rounds_text = str_cut(&rest, '$');
    struct str salt = str_cut(&rest, '$');
    unsigned char key[DERIVED_MAX];
    int64_t rounds;

    return rest.p && read_number(rounds_text, PBKDF2_ROUNDS_MAX, &rounds) &&
           PKCS5_PBKDF2_HMAC(password.p, (int)password.n, (const unsigned char *)salt.p,
                             (int)salt.n, (int)rounds, md, (int)n, key) == 1 &&
           equals_base64(key, n, rest);
}

static bool matches_pbkdf2_sha256(struct str password, struct str rest)
{
    return matches_pbkdf2(password, rest, EVP_sha256(), 32);
}

static bool matches_pbkdf2_sha1(struct str password, struct str rest)
{
    return matches_pbkdf2(password, rest, EVP_sha1(), 20);
}

/* <n>$<salt>$<r>$<p>$<base64 of 64 bytes> */
static bool matches_scrypt(struct str password, struct str rest)
{
    struct str n_text = str_cut(&rest, '$'), salt = str_cut(&rest, '$');
    struct str r_text = str_cut(&rest, '$'), p_text = str_cut(&rest, '$');
    unsigned char key[DERIVED_MAX];
    int64_t n, r, p;

    if (!rest.p || !read_number(n_text, 1 << 20, &n) || !read_number(r_text, 64, &r) ||
        !read_number(p_text, 16, &p) || n * r * p * 128 > 2 * (int64_t)MEMORY_MAX)
        return false;
    return EVP_PBE_scrypt(password.p, password.n, (const unsigned char *)salt.p, salt.n,
                          (uint64_t)n, (uint64_t)r, (uint64_t)p, MEMORY_MAX, key,
                          sizeof(key)) == 1 &&
           equals_base64(key, sizeof(key), rest);
}

/* --- bcrypt --------------------------------------------------------------------------
 */

/* $2b$<cost>$<53 characters>; what follows byte 72 of a password never counted. */
static bool matches_bcrypt(struct str password, struct str hash)
{
    enum { BCRYPT_TEXT = 60 };
    char setting[BCRYPT_TEXT + 1];
    struct crypt_data *data;

    if (hash.n != BCRYPT_TEXT || hash.p[6] != '$' || memchr(password.p, 0, password.n))
        return false;
    int cost = (hash.p[4] - '0') * 10 + hash.p[5] - '0';
    if (cost < 4 || cost > BCRYPT_COST_MAX)
        return false;
    memcpy(setting, hash.p, hash.n);
    setting[hash.n] = '\0';
    char *text = xstrndup(password.p, password.n);
    data = xcalloc(1, sizeof(*data));
    const char *made = crypt_r(text, setting, data);
    bool ok = made && str_eq_secret(str_of(made), hash);
    sodium_memzero(data, sizeof(*data));
    sodium_memzero(text, password.n);
    free(data);
    free(text);
    return ok;
}

/* Django's first step, so that every byte of the password counts. */
static bool matches_bcrypt_sha256(struct str password, struct str hash)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof(digest) + 1];

    crypto_hash_sha256(digest, (const unsigned char *)password.p, password.n);
    hex_encode(digest, sizeof(digest), hex);
    bool ok = matches_bcrypt(str_of(hex), hash);
    sodium_memzero(hex, sizeof(hex));
    return ok;
}

/* --- argon2 --------------------------------------------------------------------------
 */

/* $argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<hash>: what it would cost. */
static bool is_affordable(struct str hash)
{
    unsigned memory, passes, lanes;
    char costs[64];

    for (int i = 0; i < 3; i++)
        str_cut(&hash, '$');
    struct str text = str_cut(&hash, '$');
    if (!hash.p || text.n >= sizeof(costs))
        return false;
    memcpy(costs, text.p, text.n);
    costs[text.n] = '\0';
    return sscanf(costs, "m=%9u,t=%9u,p=%9u", &memory, &passes, &lanes) == 3 &&
           memory <= AUTH_ARGON2_KIB_MAX && passes <= 64 && lanes <= LANES_MAX &&
           memory * passes <= ARGON2_WORK_MAX;
}

static bool matches_argon2(struct str password, struct str hash)
{
    if (!is_affordable(hash))
        return false;
    if (str_starts(hash, STR("$argon2id$")))
        return crypto_pwhash_argon2id_str_verify(hash.p, password.p, password.n) == 0;
    return crypto_pwhash_argon2i_str_verify(hash.p, password.p, password.n) == 0;
}

/* --- the forms -----------------------------------------------------------------------
 */

static const struct form {
    const char *prefix;
    size_t skip; /* of the prefix: it is not a part of what fn reads */
    matches_fn *fn;
} FORMS[] = {
    { "$argon2id$", 0, matches_argon2 },
    { "$argon2i$", 0, matches_argon2 },
    { "argon2$argon2id$", 6, matches_argon2 },
    { "argon2$argon2i$", 6, matches_argon2 },
    { "pbkdf2_sha256$", 14, matches_pbkdf2_sha256 },
    { "pbkdf2_sha1$", 12, matches_pbkdf2_sha1 },
    { "bcrypt_sha256$$2", 14, matches_bcrypt_sha256 },
    { "bcrypt$$2", 7, matches_bcrypt },
    { "$2a$", 0, matches_bcrypt },
    { "$2b$", 0, matches_bcrypt },
    { "$2y$", 0, matches_bcrypt },
    { "scrypt$", 7, matches_scrypt },
};

static const struct form *form_of(struct str hash)
{
    for (size_t i = 0; i < ARRAY_LEN(FORMS); i++) {
        if (str_starts(hash, str_of(FORMS[i].prefix)))
            return &FORMS[i];
    }
    return NULL;
}

bool auth_password_usable(const char *hash)
{
    return form_of(str_of(hash)) != NULL;
}

bool auth_password_matches(struct str password, const char *hash)
{
    struct str all = str_of(hash);
    const struct form *form = form_of(all);

    return form &&
           form->fn(password, (struct str){ all.p + form->skip, all.n - form->skip });
}
