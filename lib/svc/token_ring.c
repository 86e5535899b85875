/* The key ring: parsed keys, found by kid; private ones sign from their time on. */
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "svc/token_internal.h"

enum { HS256_MIN = 32 }; /* bytes of the secret: RFC 7518 3.2 */

enum { JWKS_MAX = 64 * 1024 };

struct token_ring *token_ring_new(const char *issuer, const char *audience,
                                  int64_t access_s, int64_t refresh_s)
{
    struct token_ring *r = xcalloc(1, sizeof(*r));

    r->issuer = xstrdup(issuer);
    r->audience = xstrdup(audience);
    r->lifetime[TOKEN_ACCESS] = access_s;
    r->lifetime[TOKEN_REFRESH] = refresh_s;
    return r;
}

void token_ring_free(struct token_ring **r)
{
    if (!*r)
        return;
    for (unsigned i = 0; i < (*r)->nkeys; i++)
        EVP_PKEY_free((*r)->keys[i].pkey);
    secret_free(&(*r)->hs256);
    free((*r)->issuer);
    free((*r)->audience);
    free(*r);
    *r = NULL;
}

unsigned token_ring_size(const struct token_ring *r)
{
    return r->nkeys + (r->hs256 ? 1 : 0);
}

const struct token_key *token_ring_find(const struct token_ring *r, const char *kid)
{
    for (unsigned i = 0; i < r->nkeys; i++)
        if (strcmp(r->keys[i].kid, kid) == 0)
            return &r->keys[i];
    return NULL;
}

const struct token_key *token_ring_signer(const struct token_ring *r, int64_t now)
{
    const struct token_key *best = NULL;

    for (unsigned i = 0; i < r->nkeys; i++) {
        const struct token_key *k = &r->keys[i];
        if (k->is_private && k->not_before <= now &&
            (!best || k->not_before >= best->not_before))
            best = k;
    }
    return best;
}

static void write_header(struct token_key *key)
{
    char json[128];
    int n = snprintf(json, sizeof(json),
                     "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", key->kid);

    b64url_encode(json, (size_t)n, key->header);
}

/* Takes the key over in any case. */
static bool add_key(struct token_ring *r, const char *kid, EVP_PKEY *pkey,
                    bool is_private, int64_t not_before)
{
    if (!token_is_p256(pkey) || !token_is_kid(kid) || r->nkeys == TOKEN_KEYS_MAX ||
        token_ring_find(r, kid)) {
        EVP_PKEY_free(pkey);
        return false;
    }
    unsigned at = r->nkeys;
    while (at > 0 && strcmp(r->keys[at - 1].kid, kid) > 0) {
        r->keys[at] = r->keys[at - 1];
        at--;
    }
    struct token_key *key = &r->keys[at];
    *key = (struct token_key){ .pkey = pkey,
                               .is_private = is_private,
                               .not_before = not_before };
    memcpy(key->kid, kid, strlen(kid) + 1);
    write_header(key);
    r->nkeys++;
    return true;
}

/* An encrypted PEM must not make a daemon ask a terminal for a password. */
static int no_password(char *buf, int size, int rwflag, void *arg)
{
    (void)buf, (void)size, (void)rwflag, (void)arg;
    return -1;
}

bool token_ring_add_private(struct token_ring *r, const char *kid,
                            const struct secret *pem, int64_t not_before)
{
    struct str text = secret_expose(pem);
    BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);

    if (!bio)
        return false;
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    return pkey && add_key(r, kid, pkey, true, not_before);
}

const char *token_hs256_mistake(const struct secret *key)
{
    return secret_expose(key).n < HS256_MIN
               ? "JWT_ALGORITHM=HS256 needs a DJANGO_SECRET_KEY of 32 bytes or more"
               : NULL;
}

bool token_ring_add_hs256(struct token_ring *r, const struct secret *key)
{
    if (token_hs256_mistake(key))
        return false;
    secret_free(&r->hs256);
    r->hs256 = secret_new(secret_expose(key));
    return true;
}

/* --- JWKS (RFC 7517) -----------------------------------------------------------------
 */

static EVP_PKEY *public_key(const uint8_t x[static 32], const uint8_t y[static 32])
{
    uint8_t point[65] = { 0x04 };
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM *params = NULL;

    memcpy(point + 1, x, 32);
    memcpy(point + 33, y, 32);
    if (build && ctx &&
        OSSL_PARAM_BLD_push_utf8_string(build, "group", "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, "pub", point, sizeof(point)) == 1)
        params = OSSL_PARAM_BLD_to_param(build);
    if (params && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static const char *member(const json_t *jwk, const char *name)
{
    const char *s = json_string_value(json_object_get(jwk, name));

    return s ? s : "";
}

static bool read_coordinate(const json_t *jwk, const char *name, uint8_t out[static 33])
{
    struct str s = str_of(member(jwk, name));

    return s.n == 43 && b64url_decode(s, out) == 32;
}

/* Keys of other kinds or uses are skipped, as RFC 7517 section 5 asks. */
static bool add_jwk(struct token_ring *r, const json_t *jwk)
{
    uint8_t x[33], y[33];
    const char *alg = member(jwk, "alg"), *use = member(jwk, "use");

    if (strcmp(member(jwk, "kty"), "EC") != 0 ||
        strcmp(member(jwk, "crv"), "P-256") != 0 || (*alg && strcmp(alg, "ES256") != 0) ||
        (*use && strcmp(use, "sig") != 0) || !read_coordinate(jwk, "x", x) ||
        !read_coordinate(jwk, "y", y))
        return false;
    EVP_PKEY *pkey = public_key(x, y);
    return pkey && add_key(r, member(jwk, "kid"), pkey, false, INT64_MAX);
}

int token_ring_add_jwks(struct token_ring *r, struct str jwks)
{
    if (jwks.n == 0 || jwks.n > JWKS_MAX)
        return -1;
    json_t *doc = json_loadb(jwks.p, jwks.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *keys = json_object_get(doc, "keys");
    int added = json_is_array(keys) ? 0 : -1;
    size_t i;
    json_t *jwk;

    json_array_foreach(keys, i, jwk)
    {
        added += add_jwk(r, jwk) ? 1 : 0;
    }
    json_decref(doc);
    return added;
}

static void write_jwk(struct jsonw *w, const struct token_key *key)
{
    uint8_t x[32], y[32];
    char text[B64URL_SIZE(32)];

    if (!token_p256_point(key->pkey, x, y))
        return;
    jw_object(w);
    jw_kcstr(w, "kty", "EC");
    jw_kcstr(w, "crv", "P-256");
    jw_kcstr(w, "alg", "ES256");
    jw_kcstr(w, "use", "sig");
    jw_kcstr(w, "kid", key->kid);
    b64url_encode(x, sizeof(x), text);
    jw_kcstr(w, "x", text);
    b64url_encode(y, sizeof(y), text);
    jw_kcstr(w, "y", text);
    jw_object_end(w);
}

void token_ring_jwks(const struct token_ring *r, struct buf *out)
{
    struct jsonw w;

    jw_begin(&w, out);
    jw_object(&w);
    jw_key(&w, "keys");
    jw_array(&w);
    for (unsigned i = 0; i < r->nkeys; i++)
        write_jwk(&w, &r->keys[i]);
    jw_array_end(&w);
    jw_object_end(&w);
    jw_end(&w);
}

/* --- new keys ------------------------------------------------------------------------
 */

/* RFC 7638: SHA-256 over the required members in order, without blanks. */
static bool thumbprint(const EVP_PKEY *pkey, char kid[static TOKEN_KID_MAX])
{
    uint8_t x[32], y[32], digest[SHA256_DIGEST_LENGTH];
    char tx[B64URL_SIZE(32)], ty[B64URL_SIZE(32)], json[160];

    if (!token_p256_point(pkey, x, y))
        return false;
    b64url_encode(x, sizeof(x), tx);
    b64url_encode(y, sizeof(y), ty);
    int n =
        snprintf(json, sizeof(json),
                 "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", tx, ty);
    SHA256((const uint8_t *)json, (size_t)n, digest);
    b64url_encode(digest, sizeof(digest), kid);
    return true;
}

struct secret *token_new_key(char kid[static TOKEN_KID_MAX])
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_secmem());
    struct secret *pem = NULL;
    char *text;

    if (pkey && bio && thumbprint(pkey, kid) &&
        PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1) {
        long n = BIO_get_mem_data(bio, &text);
        pem = secret_new((struct str){ text, (size_t)n });
    }
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    return pem;
}
