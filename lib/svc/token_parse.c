/*
 * The strict pre-parser (RFC 8725 3.1-3.10). libjwt accepts more than one text for one
 * token: padding, other last characters, duplicate members, another case of alg. So the
 * form is fixed here, before any key is touched: one canonical text, one algorithm, one
 * key identifier, and a header without members that ask the verifier to do something.
 */
#include <string.h>

#include "base/id.h"
#include "svc/token_internal.h"

static bool is_base64url(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool alnum =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alnum && c != '-' && c != '_')
            return false;
    }
    return s.n > 0;
}

static bool split_parts(struct str token, struct str part[static 3])
{
    if (token.n == 0 || token.n > TOKEN_MAX)
        return false;
    struct str rest = token;
    for (int i = 0; i < 3; i++) {
        part[i] = str_cut(&rest, '.');
        if (!is_base64url(part[i]))
            return false;
    }
    return rest.p == NULL;
}

/* Only what a header of ours has; crit, jku, jwk, x5u, b64, zip and the rest are
 * instructions to the verifier, which takes none. */
static bool has_only_known_members(json_t *header)
{
    const char *key;
    json_t *value;

    json_object_foreach(header, key, value)
    {
        if (strcmp(key, "alg") != 0 && strcmp(key, "typ") != 0 && strcmp(key, "kid") != 0)
            return false;
        if (!json_is_string(value))
            return false;
    }
    return true;
}

bool token_is_kid(const char *s)
{
    struct str kid = str_of(s);

    return kid.n > 0 && kid.n < TOKEN_KID_MAX && is_base64url(kid);
}

static enum token_verdict check_header(json_t *header, struct token_parts *ret)
{
    if (!json_is_object(header) || !has_only_known_members(header))
        return TOKEN_MALFORMED;
    const char *typ = json_string_value(json_object_get(header, "typ"));
    const char *alg = json_string_value(json_object_get(header, "alg"));
    const char *kid = json_string_value(json_object_get(header, "kid"));

    if (typ && strcmp(typ, "JWT") != 0)
        return TOKEN_MALFORMED;
    if (alg && strcmp(alg, "HS256") == 0) {
        ret->alg = TOKEN_HS256;
        ret->kid[0] = '\0';
        return kid ? TOKEN_MALFORMED : TOKEN_OK;
    }
    if (!alg || strcmp(alg, "ES256") != 0)
        return TOKEN_BAD_ALG;
    if (!token_is_kid(kid))
        return TOKEN_UNKNOWN_KEY;
    ret->alg = TOKEN_ES256;
    memcpy(ret->kid, kid, strlen(kid) + 1);
    return TOKEN_OK;
}

static enum token_verdict read_header(struct str encoded, struct token_parts *ret)
{
    char bytes[TOKEN_HEADER_MAX];

    if (encoded.n > sizeof(bytes) * 4 / 3)
        return TOKEN_MALFORMED;
    int n = b64url_decode(encoded, bytes);
    if (n <= 0 || memchr(bytes, '\0', (size_t)n))
        return TOKEN_MALFORMED;
    json_t *header = json_loadb(bytes, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
    enum token_verdict verdict = header ? check_header(header, ret) : TOKEN_MALFORMED;
    json_decref(header);
    return verdict;
}

enum token_verdict token_split(struct str token, struct token_parts *ret)
{
    struct str part[3];

    if (!split_parts(token, part))
        return TOKEN_MALFORMED;
    ret->payload = part[1];
    ret->signature = part[2];
    ret->signed_part = (struct str){ token.p, part[0].n + 1 + part[1].n };
    if (ret->payload.n > (size_t)TOKEN_PAYLOAD_MAX * 4 / 3)
        return TOKEN_MALFORMED;
    return read_header(part[0], ret);
}
