/*
 * Tokens (JWT, RFC 7519) and the key ring: the only file that knows libjwt. Tokens are
 * built and claims read through libjwt's jwt_t; ES256 signatures are made and checked by
 * OpenSSL with keys kept parsed; HS256 mode signs and verifies with libjwt. In front of
 * everything: a strict pre-parser (lengths, canonical base64url, exact alg, known kid).
 */
#ifndef LIB_SVC_TOKEN_H
#define LIB_SVC_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/secret.h"
#include "base/str.h"

enum token_type { TOKEN_ACCESS, TOKEN_REFRESH };
enum { TOKEN_MAX = 4096, TOKEN_NAME_MAX = 640, TOKEN_KID_MAX = 64 };

/* The claims of architecture 6. */
struct token_claims {
    enum token_type type;
    int64_t exp, iat;
    char jti[33];    /* 32 hex digits */
    int64_t user_id; /* also sub */
    uint8_t sid[16]; /* session; 32 hex digits in the token */
    int64_t uv;      /* user version */
    int role;        /* enum frame_role */
    char username[TOKEN_NAME_MAX + 1];
};

enum token_verdict {
    TOKEN_OK,
    TOKEN_MALFORMED, /* not a token, or not canonical */
    TOKEN_BAD_ALG,
    TOKEN_UNKNOWN_KEY, /* kid not in the ring */
    TOKEN_BAD_SIGNATURE,
    TOKEN_EXPIRED,
    TOKEN_NOT_YET, /* iat or nbf in the future */
    TOKEN_WRONG_ISSUER,
    TOKEN_WRONG_AUDIENCE,
    TOKEN_WRONG_TYPE,
    TOKEN_BAD_CLAIMS,
};
const char *token_verdict_name(enum token_verdict v); /* "expired": a metric label */

/* A set of keys, immutable while in use: replace the whole ring to change it. */
struct token_ring;
struct token_ring *token_ring_new(const char *issuer, const char *audience,
                                  int64_t access_s, int64_t refresh_s);
void token_ring_free(struct token_ring **r);
/* Adds a P-256 private key (PKCS#8 PEM) that signs from not_before on, until a newer one
 * does. False when it is not a P-256 key. */
bool token_ring_add_private(struct token_ring *r, const char *kid,
                            const struct secret *pem, int64_t not_before);
/* NULL when the secret (NULL: none) can be HS256's key, else a sentence, static. */
const char *token_hs256_mistake(const struct secret *key);
/* HS256 mode: at least 32 bytes, or false. */
bool token_ring_add_hs256(struct token_ring *r, const struct secret *key);
/* Adds every usable public key of a JWKS document (RFC 7517); the number added, or -1
 * when it is not one. */
int token_ring_add_jwks(struct token_ring *r, struct str jwks);
unsigned token_ring_size(const struct token_ring *r);
/* The public keys as a JWKS document, key ids ascending. */
void token_ring_jwks(const struct token_ring *r, struct buf *out);

/* Signs; out receives the compact form (the buffer's previous content is kept). False
 * when no key signs at `now`. exp, iat and jti are taken from c. */
bool token_sign(const struct token_ring *r, const struct token_claims *c, int64_t now,
                struct buf *out);
/* Verdict on a compact token of the wanted type at `now` (seconds). Thread-safe for one
 * ring. *ret is filled only with TOKEN_OK. */
enum token_verdict token_verify(const struct token_ring *r, struct str token,
                                enum token_type want, int64_t now,
                                struct token_claims *ret);
/* A new P-256 key pair as PKCS#8 PEM, and its kid (RFC 7638 thumbprint, 43 characters).
 */
struct secret *token_new_key(char kid[static TOKEN_KID_MAX]);

/* A bounded cache of verified tokens: whole token compared, entry lives until its exp or
 * 60 s. The owner checks revocation on every hit. Not thread-safe. */
struct token_cache;
struct token_cache *token_cache_new(unsigned entries);
void token_cache_free(struct token_cache **c);
void token_cache_clear(struct token_cache *c); /* after a ring change */
enum token_verdict token_verify_cached(struct token_cache *c, const struct token_ring *r,
                                       struct str token, int64_t now,
                                       struct token_claims *ret);

#endif
