/* What the files of the token module share. Private to them. */
#ifndef LIB_SVC_TOKEN_INTERNAL_H
#define LIB_SVC_TOKEN_INTERNAL_H

#include <jansson.h>
#include <openssl/evp.h>

#include "svc/token.h"

enum {
    TOKEN_KEYS_MAX = 32,        /* of a ring: years of rotations */
    TOKEN_HEADER_MAX = 512,     /* decoded header bytes */
    TOKEN_PAYLOAD_MAX = 3072,   /* decoded payload bytes */
    TOKEN_ES256_SIGNATURE = 64, /* r and s, 32 bytes each (RFC 7518 section 3.4) */
};

struct token_key {
    char kid[TOKEN_KID_MAX];
    char header[192]; /* the encoded header of tokens signed with it */
    EVP_PKEY *pkey;
    bool is_private;
    int64_t not_before; /* of signing */
};

struct token_ring {
    char *issuer, *audience;
    int64_t lifetime[2];                   /* by enum token_type */
    struct token_key keys[TOKEN_KEYS_MAX]; /* kid ascending */
    unsigned nkeys;
    struct secret *hs256;
};

enum token_alg { TOKEN_ES256, TOKEN_HS256 };

/* A token in its canonical form. Slices point into the token. */
struct token_parts {
    struct str signed_part; /* header.payload */
    struct str signature;   /* encoded */
    struct str payload;     /* encoded */
    enum token_alg alg;
    char kid[TOKEN_KID_MAX]; /* empty in HS256 mode */
};

/* Splits and checks form and header: nothing else of the module reads a token that has
 * not passed here. */
enum token_verdict token_split(struct str token, struct token_parts *ret);
/* Whether s may name a key: 1 to TOKEN_KID_MAX - 1 characters of base64url. NULL may not.
 */
bool token_is_kid(const char *s);
/* Checks the claims of a payload whose signature holds, and fills *ret. */
enum token_verdict token_read_claims(const struct token_ring *r, struct str payload,
                                     enum token_type want, int64_t now,
                                     struct token_claims *ret);

const struct token_key *token_ring_find(const struct token_ring *r, const char *kid);
/* The newest key that signs at `now`, or NULL. */
const struct token_key *token_ring_signer(const struct token_ring *r, int64_t now);

/* ES256 over `data`; signature in the JOSE form. */
bool token_es256_sign(EVP_PKEY *key, struct str data,
                      uint8_t out[static TOKEN_ES256_SIGNATURE]);
bool token_es256_verify(EVP_PKEY *key, struct str data,
                        const uint8_t sig[static TOKEN_ES256_SIGNATURE]);
/* True for a key on P-256, the one curve of ES256. */
bool token_is_p256(const EVP_PKEY *key);
/* The point of a P-256 key as two 32-byte coordinates. */
bool token_p256_point(const EVP_PKEY *key, uint8_t x[static 32], uint8_t y[static 32]);

#endif
