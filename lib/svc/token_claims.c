/*
 * The claims of a payload whose signature holds. Types are checked on a strict parse of
 * our own, because libjwt reads "9" and 1.5e9 as the integer 0; values are then read
 * through libjwt's jwt_t.
 */
#include <jwt.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "svc/frame.h"
#include "svc/token_internal.h"

static const struct {
    const char *name;
    json_type type;
} SHAPE[] = {
    { "token_type", JSON_STRING }, { "exp", JSON_INTEGER },     { "iat", JSON_INTEGER },
    { "jti", JSON_STRING },        { "user_id", JSON_INTEGER }, { "iss", JSON_STRING },
    { "sub", JSON_STRING },        { "sid", JSON_STRING },      { "uv", JSON_INTEGER },
    { "role", JSON_STRING },       { "username", JSON_STRING },
};

static bool has_shape(const json_t *claims)
{
    if (!json_is_object(claims))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(SHAPE); i++) {
        const json_t *v = json_object_get(claims, SHAPE[i].name);
        if (!v || json_typeof(v) != SHAPE[i].type)
            return false;
    }
    const json_t *nbf = json_object_get(claims, "nbf"); /* none of ours has it */
    return !nbf || json_is_integer(nbf);
}

/* aud is one name or a list that holds ours (RFC 7519 section 4.1.3). */
static bool is_for_us(const json_t *aud, const char *audience)
{
    if (json_is_string(aud))
        return strcmp(json_string_value(aud), audience) == 0;
    size_t i;
    json_t *item;

    json_array_foreach(aud, i, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), audience) == 0)
            return true;
    }
    return false;
}

static const char *const TYPE_NAMES[] = { "access", "refresh" };

static enum token_verdict check_window(const struct token_ring *r,
                                       const struct token_claims *c, int64_t not_before,
                                       int64_t now)
{
    if (c->exp <= now)
        return TOKEN_EXPIRED;
    if (c->iat > now || not_before > now)
        return TOKEN_NOT_YET;
    if (c->iat < 0 || c->exp - c->iat > r->lifetime[c->type])
        return TOKEN_BAD_CLAIMS;
    return TOKEN_OK;
}

static bool read_ids(jwt_t *jwt, struct token_claims *c)
{
    uint8_t jti[16];
    const char *text = jwt_get_grant(jwt, "jti");
    int64_t sub;

    if (!hex_decode(str_of(text), jti, sizeof(jti)) ||
        !hex_decode(str_of(jwt_get_grant(jwt, "sid")), c->sid, sizeof(c->sid)))
        return false;
    hex_encode(jti, sizeof(jti), c->jti);
    c->user_id = jwt_get_grant_int(jwt, "user_id");
    c->uv = jwt_get_grant_int(jwt, "uv");
    return c->user_id > 0 && c->uv >= 0 && strcmp(text, c->jti) == 0 &&
           str_to_i64(str_of(jwt_get_grant(jwt, "sub")), &sub) && sub == c->user_id;
}

static bool read_names(jwt_t *jwt, struct token_claims *c)
{
    struct str name = str_of(jwt_get_grant(jwt, "username"));
    const char *role = jwt_get_grant(jwt, "role");

    if (name.n == 0 || name.n > TOKEN_NAME_MAX)
        return false;
    memcpy(c->username, name.p, name.n);
    c->username[name.n] = '\0';
    c->role = strcmp(role, "ADMIN") == 0  ? ROLE_ADMIN
              : strcmp(role, "USER") == 0 ? ROLE_USER
                                          : ROLE_ANONYMOUS;
    return c->role != ROLE_ANONYMOUS;
}

static enum token_verdict read_values(const struct token_ring *r, jwt_t *jwt,
                                      enum token_type want, int64_t now,
                                      struct token_claims *c)
{
    if (strcmp(jwt_get_grant(jwt, "iss"), r->issuer) != 0)
        return TOKEN_WRONG_ISSUER;
    if (strcmp(jwt_get_grant(jwt, "token_type"), TYPE_NAMES[want]) != 0)
        return TOKEN_WRONG_TYPE;
    c->type = want;
    c->exp = jwt_get_grant_int(jwt, "exp");
    c->iat = jwt_get_grant_int(jwt, "iat");
    int64_t not_before = jwt_get_grant_int(jwt, "nbf"); /* 0 when there is none */
    enum token_verdict verdict = check_window(r, c, not_before, now);
    if (verdict != TOKEN_OK)
        return verdict;
    return read_ids(jwt, c) && read_names(jwt, c) ? TOKEN_OK : TOKEN_BAD_CLAIMS;
}

static enum token_verdict read_payload(const struct token_ring *r, const char *payload,
                                       enum token_type want, int64_t now,
                                       struct token_claims *c)
{
    json_t *claims = json_loads(payload, JSON_REJECT_DUPLICATES, NULL);
    bool shape = has_shape(claims);
    bool ours = shape && is_for_us(json_object_get(claims, "aud"), r->audience);
    jwt_t *jwt = NULL;
    enum token_verdict verdict = TOKEN_BAD_CLAIMS;

    json_decref(claims);
    if (!shape)
        return TOKEN_BAD_CLAIMS;
    if (!ours)
        return TOKEN_WRONG_AUDIENCE;
    if (jwt_new(&jwt) != 0)
        return TOKEN_BAD_CLAIMS;
    if (jwt_add_grants_json(jwt, payload) == 0)
        verdict = read_values(r, jwt, want, now, c);
    jwt_free(jwt);
    return verdict;
}

enum token_verdict token_read_claims(const struct token_ring *r, struct str payload,
                                     enum token_type want, int64_t now,
                                     struct token_claims *ret)
{
    char text[TOKEN_PAYLOAD_MAX + 1];
    struct token_claims claims = { 0 };

    int n = b64url_decode(payload, text);
    if (n <= 0 || memchr(text, '\0', (size_t)n))
        return TOKEN_MALFORMED;
    text[n] = '\0';
    enum token_verdict verdict = read_payload(r, text, want, now, &claims);
    if (verdict == TOKEN_OK)
        *ret = claims;
    return verdict;
}
