/* Signing, the strict verifier against known forgeries, JWKS, and the cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jwt.h>
#include <openssl/pem.h>

#include "base/id.h"
#include "base/mem.h"
#include "svc/frame.h"
#include "svc/token.h"

enum { NOW = 1800000000 };

struct fixture {
    struct token_ring *ring; /* signs */
    struct token_ring *view; /* knows only the public keys */
    struct secret *pem;
    char kid[TOKEN_KID_MAX];
};

static struct token_claims claims_of(enum token_type type)
{
    struct token_claims c = { .type = type, .iat = NOW, .user_id = 42, .uv = 3 };

    c.exp = NOW + (type == TOKEN_ACCESS ? 1800 : 86400);
    c.role = ROLE_ADMIN;
    memcpy(c.jti, "0123456789abcdef0123456789abcdef", 33);
    memset(c.sid, 0xa5, sizeof(c.sid));
    snprintf(c.username, sizeof(c.username), "t\xc3\xa9st \"user\"");
    return c;
}

static struct token_ring *ring_new(void)
{
    return token_ring_new("quintet", "quintet", 1800, 86400);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct buf jwks;

    f->ring = ring_new();
    f->view = ring_new();
    f->pem = token_new_key(f->kid);
    assert_non_null(f->pem);
    assert_int_equal(strlen(f->kid), 43);
    assert_true(token_ring_add_private(f->ring, f->kid, f->pem, NOW - 10));
    buf_init(&jwks, 4096);
    token_ring_jwks(f->ring, &jwks);
    assert_null(strstr(jwks.p, "\"d\""));
    assert_int_equal(token_ring_add_jwks(f->view, buf_get(&jwks)), 1);
    buf_deinit(&jwks);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    token_ring_free(&f->ring);
    token_ring_free(&f->view);
    secret_free(&f->pem);
    free(f);
    return 0;
}

static char *sign(const struct token_ring *r, const struct token_claims *c)
{
    struct buf b;

    buf_init(&b, TOKEN_MAX);
    assert_true(token_sign(r, c, NOW, &b));
    return buf_take(&b, NULL);
}

static enum token_verdict verify(const struct token_ring *r, const char *token,
                                 enum token_type want, int64_t now)
{
    struct token_claims c;

    return token_verify(r, str_of(token), want, now, &c);
}

static void assert_verdict(const char *name, enum token_verdict got,
                           enum token_verdict want)
{
    if (got != want) {
        fail_msg("%s: %s, expected %s", name, token_verdict_name(got),
                 token_verdict_name(want));
    }
}

static void test_round_trip(void **state)
{
    struct fixture *f = *state;

    for (int type = TOKEN_ACCESS; type <= TOKEN_REFRESH; type++) {
        struct token_claims c = claims_of((enum token_type)type), got;
        AUTO_FREE char *token = sign(f->ring, &c);

        assert_verdict("public view",
                       token_verify(f->view, str_of(token), c.type, NOW, &got), TOKEN_OK);
        assert_int_equal(got.type, c.type);
        assert_int_equal(got.exp, c.exp);
        assert_int_equal(got.iat, c.iat);
        assert_string_equal(got.jti, c.jti);
        assert_int_equal(got.user_id, c.user_id);
        assert_memory_equal(got.sid, c.sid, 16);
        assert_int_equal(got.uv, c.uv);
        assert_int_equal(got.role, c.role);
        assert_string_equal(got.username, c.username);
    }
}

static void test_windows_and_types(void **state)
{
    struct fixture *f = *state;
    struct token_claims c = claims_of(TOKEN_ACCESS);
    AUTO_FREE char *token = sign(f->ring, &c);
    const struct {
        const char *name;
        enum token_type want;
        int64_t now;
        enum token_verdict verdict;
    } cases[] = {
        { "as issued", TOKEN_ACCESS, NOW, TOKEN_OK },
        { "last second", TOKEN_ACCESS, NOW + 1799, TOKEN_OK },
        { "at exp", TOKEN_ACCESS, NOW + 1800, TOKEN_EXPIRED },
        { "before iat", TOKEN_ACCESS, NOW - 1, TOKEN_NOT_YET },
        { "as a refresh token", TOKEN_REFRESH, NOW, TOKEN_WRONG_TYPE },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_verdict(cases[i].name, verify(f->view, token, cases[i].want, cases[i].now),
                       cases[i].verdict);
    }
}

/* Every one of these texts is a token to libjwt 1.10 or differs from one by a hair. */
static void test_form(void **state)
{
    struct fixture *f = *state;
    struct token_claims c = claims_of(TOKEN_ACCESS);
    AUTO_FREE char *good = sign(f->ring, &c);
    AUTO_FREE char *last = xstrdup(good);
    size_t n = strlen(good);

    last[n - 1] = last[n - 1] == 'B' ? 'C' : 'B'; /* unused bits set */
    const struct {
        const char *name;
        char *text;
    } cases[] = {
        { "empty", xstrdup("") },
        { "two parts", xstrdup("aa.bb") },
        { "four parts", xasprintf("%s.aa", good) },
        { "trailing dot", xasprintf("%s.", good) },
        { "padding", xasprintf("%s==", good) },
        { "trailing garbage", xasprintf("%s!", good) },
        { "blank in front", xasprintf(" %s", good) },
        { "empty signature", xasprintf("%.*s.", (int)(strrchr(good, '.') - good), good) },
        { "empty parts", xstrdup("..") },
        { "other last character", xstrdup(last) },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_verdict(cases[i].name, verify(f->view, cases[i].text, TOKEN_ACCESS, NOW),
                       TOKEN_MALFORMED);
        free(cases[i].text);
    }
    AUTO_FREE char *huge = xcalloc(1, TOKEN_MAX + 2);
    memset(huge, 'A', TOKEN_MAX + 1);
    assert_verdict("too long", verify(f->view, huge, TOKEN_ACCESS, NOW), TOKEN_MALFORMED);
}

static char *encode(const char *json)
{
    char *out = xmalloc(B64URL_SIZE(strlen(json)));

    b64url_encode(json, strlen(json), out);
    return out;
}

/* A header of the attacker's over a genuine payload and signature. */
static void test_headers(void **state)
{
    struct fixture *f = *state;
    struct token_claims c = claims_of(TOKEN_ACCESS);
    AUTO_FREE char *good = sign(f->ring, &c);
    const char *rest = strchr(good, '.');
    const struct {
        const char *json;
        enum token_verdict verdict;
    } cases[] = {
        { "{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"K\"}", TOKEN_BAD_ALG },
        { "{\"alg\":\"es256\",\"typ\":\"JWT\",\"kid\":\"K\"}", TOKEN_BAD_ALG },
        { "{\"alg\":\"ES384\",\"typ\":\"JWT\",\"kid\":\"K\"}", TOKEN_BAD_ALG },
        { "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"K\"}", TOKEN_BAD_ALG },
        { "{\"typ\":\"JWT\",\"kid\":\"K\"}", TOKEN_BAD_ALG },
        { "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", TOKEN_BAD_ALG },
        { "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"K\"}", TOKEN_MALFORMED },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\"}", TOKEN_UNKNOWN_KEY },
        { "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"other\"}", TOKEN_UNKNOWN_KEY },
        { "{\"alg\":\"ES256\",\"kid\":\"../../etc/passwd\"}", TOKEN_UNKNOWN_KEY },
        { "{\"alg\":\"ES256\",\"kid\":\"x' or 1=1 --\"}", TOKEN_UNKNOWN_KEY },
        { "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"K\"}", TOKEN_MALFORMED },
        { "{\"alg\":\"ES256\",\"alg\":\"none\",\"kid\":\"K\"}", TOKEN_MALFORMED },
        { "{\"alg\":\"ES256\",\"kid\":\"K\",\"crit\":[\"b64\"]}", TOKEN_MALFORMED },
        { "{\"alg\":\"ES256\",\"kid\":\"K\",\"b64\":false}", TOKEN_MALFORMED },
        { "{\"alg\":\"ES256\",\"kid\":\"K\",\"jku\":\"http://x/\"}", TOKEN_MALFORMED },
        { "{\"alg\":\"ES256\",\"kid\":\"K\",\"jwk\":{}}", TOKEN_MALFORMED },
        { "{\"alg\":\"ES256\",\"kid\":7}", TOKEN_MALFORMED },
        { "[\"ES256\"]", TOKEN_MALFORMED },
        { "{}x", TOKEN_MALFORMED },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *head = encode(cases[i].json);
        AUTO_FREE char *token = xasprintf("%s%s", head, rest);
        assert_verdict(cases[i].json, verify(f->view, token, TOKEN_ACCESS, NOW),
                       cases[i].verdict);
    }
}

/* The public PEM as HMAC secret: what libjwt takes for a good token. */
static void test_public_key_as_secret(void **state)
{
    struct fixture *f = *state;
    struct str pem = secret_expose(f->pem);
    jwt_t *jwt = NULL;

    assert_int_equal(jwt_new(&jwt), 0);
    jwt_add_grant(jwt, "token_type", "access");
    jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)pem.p, (int)pem.n);
    AUTO_FREE char *token = jwt_encode_str(jwt);
    jwt_free(jwt);
    assert_verdict("hs256", verify(f->view, token, TOKEN_ACCESS, NOW), TOKEN_BAD_ALG);
}

static void test_flipped_bytes(void **state)
{
    struct fixture *f = *state;
    struct token_claims c = claims_of(TOKEN_ACCESS);
    AUTO_FREE char *good = sign(f->ring, &c);
    size_t n = strlen(good);

    for (size_t i = 0; i < n; i++) {
        AUTO_FREE char *bad = xstrdup(good);
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        if (verify(f->view, bad, TOKEN_ACCESS, NOW) == TOKEN_OK)
            fail_msg("accepted with byte %zu changed", i);
    }
}

/* Genuine signatures over claims that are not ours, made with libjwt in HS256 mode. */
static char *sign_json(const struct secret *key, const char *json)
{
    struct str k = secret_expose(key);
    jwt_t *jwt = NULL;

    assert_int_equal(jwt_new(&jwt), 0);
    assert_int_equal(jwt_add_grants_json(jwt, json), 0);
    jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)k.p, (int)k.n);
    char *token = jwt_encode_str(jwt);
    jwt_free(jwt);
    return token;
}

#define CLAIMS(type, exp, iat, jti, uid, iss, aud, sub)                                  \
    "{\"token_type\":" type ",\"exp\":" exp ",\"iat\":" iat ",\"jti\":" jti              \
    ",\"user_id\":" uid ",\"iss\":" iss ",\"aud\":" aud ",\"sub\":" sub                  \
    ",\"sid\":\"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5\",\"uv\":3,\"role\":\"USER\","          \
    "\"username\":\"u\"}"
#define JTI "\"0123456789abcdef0123456789abcdef\""
#define Q   "\"quintet\""
#define ACC "\"access\""

static const struct {
    const char *name, *json;
    enum token_verdict verdict;
} CLAIM_CASES[] = {
    { "good", CLAIMS(ACC, "1800000100", "1800000000", JTI, "1", Q, Q, "\"1\""),
      TOKEN_OK },
    { "aud list",
      CLAIMS(ACC, "1800000100", "1800000000", JTI, "1", Q, "[\"x\"," Q "]", "\"1\""),
      TOKEN_OK },
    { "aud list without us",
      CLAIMS(ACC, "1800000100", "1800000000", JTI, "1", Q, "[\"x\"]", "\"1\""),
      TOKEN_WRONG_AUDIENCE },
    { "iss", CLAIMS(ACC, "1800000100", "1800000000", JTI, "1", "\"x\"", Q, "\"1\""),
      TOKEN_WRONG_ISSUER },
    { "exp text", CLAIMS(ACC, "\"1800000100\"", "1800000000", JTI, "1", Q, Q, "\"1\""),
      TOKEN_BAD_CLAIMS },
    { "exp real", CLAIMS(ACC, "1.8e9", "1800000000", JTI, "1", Q, Q, "\"1\""),
      TOKEN_BAD_CLAIMS },
    { "too long a life", CLAIMS(ACC, "1800001801", "1800000000", JTI, "1", Q, Q, "\"1\""),
      TOKEN_BAD_CLAIMS },
    { "user_id text",
      CLAIMS(ACC, "1800000100", "1800000000", JTI, "\"1\"", Q, Q, "\"1\""),
      TOKEN_BAD_CLAIMS },
    { "sub of another", CLAIMS(ACC, "1800000100", "1800000000", JTI, "1", Q, Q, "\"2\""),
      TOKEN_BAD_CLAIMS },
    { "user 0", CLAIMS(ACC, "1800000100", "1800000000", JTI, "0", Q, Q, "\"0\""),
      TOKEN_BAD_CLAIMS },
    { "jti short", CLAIMS(ACC, "1800000100", "1800000000", "\"ab\"", "1", Q, Q, "\"1\""),
      TOKEN_BAD_CLAIMS },
    { "refresh",
      CLAIMS("\"refresh\"", "1800000100", "1800000000", JTI, "1", Q, Q, "\"1\""),
      TOKEN_WRONG_TYPE },
    { "type null", CLAIMS("null", "1800000100", "1800000000", JTI, "1", Q, Q, "\"1\""),
      TOKEN_BAD_CLAIMS },
    { "nbf reached",
      CLAIMS(ACC, "1800000100", "1800000000", JTI, "1", Q ",\"nbf\":1800000000", Q,
             "\"1\""),
      TOKEN_OK },
    { "nbf ahead",
      CLAIMS(ACC, "1800000100", "1800000000", JTI, "1", Q ",\"nbf\":1800000099", Q,
             "\"1\""),
      TOKEN_NOT_YET },
    { "nbf text",
      CLAIMS(ACC, "1800000100", "1800000000", JTI, "1", Q ",\"nbf\":\"0\"", Q, "\"1\""),
      TOKEN_BAD_CLAIMS },
    { "nothing", "{}", TOKEN_BAD_CLAIMS },
};

static void test_claims(void **state)
{
    (void)state;
    struct secret *key = secret_new(STR("0123456789abcdef0123456789abcdef"));
    struct token_ring *r = ring_new();

    assert_true(token_ring_add_hs256(r, key));
    for (size_t i = 0; i < ARRAY_LEN(CLAIM_CASES); i++) {
        AUTO_FREE char *token = sign_json(key, CLAIM_CASES[i].json);
        assert_verdict(CLAIM_CASES[i].name, verify(r, token, TOKEN_ACCESS, NOW),
                       CLAIM_CASES[i].verdict);
    }
    token_ring_free(&r);
    secret_free(&key);
}

static void test_hs256(void **state)
{
    struct fixture *f = *state;
    struct secret *key = secret_new(STR("a secret of at least 32 bytes....."));
    struct secret *other = secret_new(STR("A secret of at least 32 bytes....."));
    struct secret *weak = secret_new(STR("insecure-secret"));
    struct token_ring *r = ring_new(), *o = ring_new();
    struct token_claims c = claims_of(TOKEN_ACCESS);

    assert_false(token_ring_add_hs256(r, weak));
    assert_true(token_ring_add_hs256(r, key));
    assert_true(token_ring_add_hs256(o, other));
    AUTO_FREE char *token = sign(r, &c);
    AUTO_FREE char *es = sign(f->ring, &c);
    assert_verdict("own", verify(r, token, TOKEN_ACCESS, NOW), TOKEN_OK);
    assert_verdict("same length, other key", verify(o, token, TOKEN_ACCESS, NOW),
                   TOKEN_BAD_SIGNATURE);
    assert_verdict("at an ES256 ring", verify(f->view, token, TOKEN_ACCESS, NOW),
                   TOKEN_BAD_ALG);
    assert_verdict("ES256 here", verify(r, es, TOKEN_ACCESS, NOW), TOKEN_BAD_ALG);
    token_ring_free(&r);
    token_ring_free(&o);
    secret_free(&key);
    secret_free(&other);
    secret_free(&weak);
}

static char *public_pem(const struct secret *private_pem)
{
    struct str text = secret_expose(private_pem);
    BIO *in = BIO_new_mem_buf(text.p, (int)text.n), *out = BIO_new(BIO_s_mem());
    EVP_PKEY *key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    char *p;

    assert_int_equal(PEM_write_bio_PUBKEY(out, key), 1);
    long n = BIO_get_mem_data(out, &p);
    char *pem = xstrndup(p, (size_t)n);
    EVP_PKEY_free(key);
    BIO_free(in);
    BIO_free(out);
    return pem;
}

/* libjwt as second opinion: it accepts what we sign. */
static void test_libjwt_agrees(void **state)
{
    struct fixture *f = *state;
    struct token_claims c = claims_of(TOKEN_ACCESS);
    AUTO_FREE char *token = sign(f->ring, &c);
    AUTO_FREE char *pem = public_pem(f->pem);
    jwt_t *jwt = NULL;

    assert_int_equal(
        jwt_decode(&jwt, token, (const unsigned char *)pem, (int)strlen(pem)), 0);
    assert_int_equal(jwt_get_alg(jwt), JWT_ALG_ES256);
    assert_int_equal(jwt_get_grant_int(jwt, "user_id"), 42);
    assert_string_equal(jwt_get_grant(jwt, "sub"), "42");
    jwt_free(jwt);
}

static void test_rotation(void **state)
{
    struct fixture *f = *state;
    struct token_ring *r = ring_new();
    char kid[TOKEN_KID_MAX];
    struct secret *pem = token_new_key(kid);
    struct token_claims c = claims_of(TOKEN_ACCESS);
    struct buf out;

    buf_init(&out, TOKEN_MAX);
    assert_false(token_sign(r, &c, NOW, &out)); /* an empty ring */
    assert_true(token_ring_add_private(r, f->kid, f->pem, NOW - 100));
    assert_true(token_ring_add_private(r, kid, pem, NOW + 15));
    assert_false(token_ring_add_private(r, kid, pem, NOW)); /* a kid only once */
    assert_int_equal(token_ring_size(r), 2);
    AUTO_FREE char *early = sign(r, &c);
    assert_verdict("the old key still signs", verify(f->view, early, TOKEN_ACCESS, NOW),
                   TOKEN_OK);
    assert_true(token_sign(r, &c, NOW + 15, &out));
    assert_verdict("then the new one", verify(f->view, out.p, TOKEN_ACCESS, NOW + 15),
                   TOKEN_UNKNOWN_KEY);
    assert_verdict("known here", verify(r, out.p, TOKEN_ACCESS, NOW + 15), TOKEN_OK);
    buf_deinit(&out);
    secret_free(&pem);
    token_ring_free(&r);
}

static void test_names_of_keys(void **state)
{
    const struct fixture *f = *state;
    char name[TOKEN_KID_MAX + 1];
    memset(name, 'k', sizeof(name));
    name[TOKEN_KID_MAX] = '\0';
    const struct {
        const char *kid;
        bool fine;
    } cases[] = {
        { "aZ0-_", true }, { "", false },         { "a.b", false },   { "a=", false },
        { "a b", false },  { "\xc3\xa9", false }, { name + 1, true }, { name, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct token_ring *r = ring_new();
        bool taken = token_ring_add_private(r, cases[i].kid, f->pem, NOW);
        token_ring_free(&r);
        if (taken != cases[i].fine)
            fail_msg("%s: %s", cases[i].kid, taken ? "taken" : "refused");
    }
}

static void test_jwks_input(void **state)
{
    (void)state;
    const struct {
        const char *json;
        int added;
    } cases[] = {
        { "", -1 },
        { "[]", -1 },
        { "{\"keys\":{}}", -1 },
        { "{\"keys\":[]}", 0 },
        { "{\"keys\":[1,{},{\"kty\":\"RSA\",\"kid\":\"r\"}]}", 0 },
        { "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"off-curve\","
          "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
          "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}]}",
          0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct token_ring *r = ring_new();
        if (token_ring_add_jwks(r, str_of(cases[i].json)) != cases[i].added)
            fail_msg("%s", cases[i].json);
        token_ring_free(&r);
    }
}

static void test_cache(void **state)
{
    struct fixture *f = *state;
    struct token_cache *cache = token_cache_new(8);
    struct token_ring *empty = ring_new();
    struct token_claims c = claims_of(TOKEN_ACCESS), got;
    AUTO_FREE char *token = sign(f->ring, &c);
    AUTO_FREE char *bad = xstrdup(token);
    struct str t = str_of(token);

    bad[10] ^= 1; /* the same end, so the same set */
    assert_int_equal(token_verify_cached(cache, empty, t, NOW, &got), TOKEN_BAD_ALG);
    assert_int_equal(token_verify_cached(cache, f->view, t, NOW, &got), TOKEN_OK);
    /* a hit asks no ring */
    memset(&got, 0, sizeof(got));
    assert_int_equal(token_verify_cached(cache, empty, t, NOW + 59, &got), TOKEN_OK);
    assert_int_equal(got.user_id, 42);
    assert_int_not_equal(token_verify_cached(cache, f->view, str_of(bad), NOW, &got),
                         TOKEN_OK);
    assert_int_equal(token_verify_cached(cache, empty, t, NOW + 60, &got), TOKEN_BAD_ALG);
    token_cache_clear(cache);
    assert_int_equal(token_verify_cached(cache, empty, t, NOW, &got), TOKEN_BAD_ALG);
    token_ring_free(&empty);
    token_cache_free(&cache);
}

static void test_cache_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct token_cache *cache = token_cache_new(4);
    struct token_claims c = claims_of(TOKEN_ACCESS), got;

    for (int i = 0; i < 40; i++) {
        c.user_id = i + 1;
        AUTO_FREE char *token = sign(f->ring, &c);
        assert_int_equal(token_verify_cached(cache, f->view, str_of(token), NOW, &got),
                         TOKEN_OK);
        assert_int_equal(got.user_id, i + 1);
    }
    token_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
        cmocka_unit_test_setup_teardown(test_windows_and_types, setup, teardown),
        cmocka_unit_test_setup_teardown(test_form, setup, teardown),
        cmocka_unit_test_setup_teardown(test_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_public_key_as_secret, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flipped_bytes, setup, teardown),
        cmocka_unit_test(test_claims),
        cmocka_unit_test_setup_teardown(test_hs256, setup, teardown),
        cmocka_unit_test_setup_teardown(test_libjwt_agrees, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rotation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_of_keys, setup, teardown),
        cmocka_unit_test(test_jwks_input),
        cmocka_unit_test_setup_teardown(test_cache, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cache_is_bounded, setup, teardown),
    };

    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
