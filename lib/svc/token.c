/* Signing and verifying: the pre-parser, the ring and the claims put together. */
#include "svc/token.h"

#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "svc/frame.h"
#include "svc/token_internal.h"

static const char *const VERDICTS[] = {
    [TOKEN_OK] = "ok",
    [TOKEN_MALFORMED] = "malformed",
    [TOKEN_BAD_ALG] = "bad_alg",
    [TOKEN_UNKNOWN_KEY] = "unknown_key",
    [TOKEN_BAD_SIGNATURE] = "bad_signature",
    [TOKEN_EXPIRED] = "expired",
    [TOKEN_NOT_YET] = "not_yet",
    [TOKEN_WRONG_ISSUER] = "wrong_issuer",
    [TOKEN_WRONG_AUDIENCE] = "wrong_audience",
    [TOKEN_WRONG_TYPE] = "wrong_type",
    [TOKEN_BAD_CLAIMS] = "bad_claims",
};

const char *token_verdict_name(enum token_verdict v)
{
    return (size_t)v < ARRAY_LEN(VERDICTS) ? VERDICTS[v] : "unknown";
}

/* --- signing -------------------------------------------------------------------------
 */

static bool add_text_claims(jwt_t *jwt, const struct token_ring *r,
                            const struct token_claims *c)
{
    char sub[24], sid[33];

    snprintf(sub, sizeof(sub), "%lld", (long long)c->user_id);
    hex_encode(c->sid, sizeof(c->sid), sid);
    return jwt_add_grant(jwt, "token_type",
                         c->type == TOKEN_ACCESS ? "access" : "refresh") == 0 &&
           jwt_add_grant(jwt, "jti", c->jti) == 0 &&
           jwt_add_grant(jwt, "iss", r->issuer) == 0 &&
           jwt_add_grant(jwt, "aud", r->audience) == 0 &&
           jwt_add_grant(jwt, "sub", sub) == 0 && jwt_add_grant(jwt, "sid", sid) == 0 &&
           jwt_add_grant(jwt, "role", c->role == ROLE_ADMIN ? "ADMIN" : "USER") == 0 &&
           jwt_add_grant(jwt, "username", c->username) == 0;
}

/* The claims as libjwt's object; NULL when it refuses one. */
static jwt_t *build(const struct token_ring *r, const struct token_claims *c)
{
    jwt_t *jwt = NULL;

    if (jwt_new(&jwt) != 0)
        return NULL;
    if (add_text_claims(jwt, r, c) && jwt_add_grant_int(jwt, "exp", c->exp) == 0 &&
        jwt_add_grant_int(jwt, "iat", c->iat) == 0 &&
        jwt_add_grant_int(jwt, "user_id", c->user_id) == 0 &&
        jwt_add_grant_int(jwt, "uv", c->uv) == 0)
        return jwt;
    jwt_free(jwt);
    return NULL;
}

static bool sign_es256(const struct token_key *key, jwt_t *jwt, struct buf *out)
{
    AUTO_FREE char *payload = jwt_get_grants_json(jwt, NULL);
    AUTO_BUF struct buf text;
    char encoded[B64URL_SIZE(TOKEN_PAYLOAD_MAX)];
    uint8_t sig[TOKEN_ES256_SIGNATURE];

    buf_init(&text, TOKEN_MAX);
    if (!payload || strlen(payload) > TOKEN_PAYLOAD_MAX)
        return false;
    b64url_encode(payload, strlen(payload), encoded);
    buf_cstr(&text, key->header);
    buf_char(&text, '.');
    buf_cstr(&text, encoded);
    if (text.overflow || !token_es256_sign(key->pkey, buf_get(&text), sig))
        return false;
    b64url_encode(sig, sizeof(sig), encoded);
    buf_char(&text, '.');
    buf_cstr(&text, encoded);
    if (text.overflow)
        return false;
    buf_str(out, buf_get(&text));
    return true;
}

static bool sign_hs256(const struct token_ring *r, jwt_t *jwt, struct buf *out)
{
    struct str key = secret_expose(r->hs256);

    if (jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)key.p, (int)key.n) != 0)
        return false;
    AUTO_FREE char *token = jwt_encode_str(jwt);
    if (!token)
        return false;
    buf_cstr(out, token);
    return true;
}

bool token_sign(const struct token_ring *r, const struct token_claims *c, int64_t now,
                struct buf *out)
{
    const struct token_key *key = r->hs256 ? NULL : token_ring_signer(r, now);

    if (!key && !r->hs256)
        return false;
    jwt_t *jwt = build(r, c);
    if (!jwt)
        return false;
    bool ok = key ? sign_es256(key, jwt, out) : sign_hs256(r, jwt, out);
    jwt_free(jwt);
    return ok && !out->overflow;
}

/* --- verifying -----------------------------------------------------------------------
 */

static enum token_verdict check_es256(const struct token_ring *r,
                                      const struct token_parts *parts)
{
    uint8_t sig[TOKEN_ES256_SIGNATURE + 2];
    const struct token_key *key = token_ring_find(r, parts->kid);

    if (r->nkeys == 0)
        return TOKEN_BAD_ALG; /* HS256 mode takes nothing else */
    if (!key)
        return TOKEN_UNKNOWN_KEY;
    if (parts->signature.n != B64URL_SIZE(TOKEN_ES256_SIGNATURE) - 1 ||
        b64url_decode(parts->signature, sig) != TOKEN_ES256_SIGNATURE)
        return TOKEN_MALFORMED;
    return token_es256_verify(key->pkey, parts->signed_part, sig) ? TOKEN_OK
                                                                  : TOKEN_BAD_SIGNATURE;
}

static enum token_verdict check_hs256(const struct token_ring *r, struct str token,
                                      const struct token_parts *parts)
{
    char text[TOKEN_MAX + 1];
    uint8_t mac[34];
    jwt_t *jwt = NULL;
    struct str key = secret_expose(r->hs256);

    if (!r->hs256)
        return TOKEN_BAD_ALG; /* a public key is never taken for an HMAC secret */
    if (parts->signature.n != 43 || b64url_decode(parts->signature, mac) != 32)
        return TOKEN_MALFORMED;
    memcpy(text, token.p, token.n);
    text[token.n] = '\0';
    int error = jwt_decode(&jwt, text, (const unsigned char *)key.p, (int)key.n);
    bool ok = error == 0 && jwt_get_alg(jwt) == JWT_ALG_HS256;
    jwt_free(jwt);
    return ok ? TOKEN_OK : TOKEN_BAD_SIGNATURE;
}

enum token_verdict token_verify(const struct token_ring *r, struct str token,
                                enum token_type want, int64_t now,
                                struct token_claims *ret)
{
    struct token_parts parts;
    enum token_verdict verdict = token_split(token, &parts);

    if (verdict != TOKEN_OK)
        return verdict;
    verdict =
        parts.alg == TOKEN_ES256 ? check_es256(r, &parts) : check_hs256(r, token, &parts);
    if (verdict != TOKEN_OK)
        return verdict;
    return token_read_claims(r, parts.payload, want, now, ret);
}
