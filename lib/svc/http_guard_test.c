#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/mem.h"
#include "svc/http_guard.h"

enum { BODY_MAX = 1000, PAIRS_MAX = 6 };

struct guard_case {
    const char *name;
    const char *method, *target;
    struct http_pair h[PAIRS_MAX]; /* after "Host: a", unless no_host */
    bool no_host;
    const char *version; /* NULL: HTTP/1.1 */
    enum err want;
    uint64_t length;
};

#define H(n, v)                                                                          \
    {                                                                                    \
        { n, sizeof(n) - 1 },                                                            \
        {                                                                                \
            v, sizeof(v) - 1                                                             \
        }                                                                                \
    }
#define BAD          ERR_BAD_REQUEST
#define LINE(m, t)   .method = (m), .target = (t)
#define HEADERS(...) .h = { __VA_ARGS__ }
#define GET          LINE("GET", "/a")
#define POST         LINE("POST", "/a")

static const struct guard_case CASES[] = {
    { "plain get", GET, .want = ERR_OK },
    { "root", LINE("GET", "/"), .want = ERR_OK },
    { "trailing slash", LINE("GET", "/a/b/"), .want = ERR_OK },
    { "query", LINE("GET", "/a?b=//../%00%2f"), .want = ERR_OK },
    { "empty query", LINE("GET", "/a?"), .want = ERR_OK },
    { "dots in a name", LINE("GET", "/a.b/..c/...x"), .want = ERR_OK },
    { "well-known", LINE("GET", "/.well-known/jwks.json"), .want = ERR_OK },
    { "escapes of names", LINE("GET", "/%41%c3%a9"), .want = ERR_OK },
    { "raw utf-8", LINE("GET", "/\xc3\xa9"), .want = ERR_OK },
    { "unknown method", LINE("FOO", "/a"), .want = ERR_OK },
    { "small letters", LINE("get", "/a"), .want = ERR_OK },
    { "method of 16", LINE("ABCDEFGHIJKLMNOP", "/a"), .want = ERR_OK },

    { "method of 17", LINE("ABCDEFGHIJKLMNOPQ", "/a"), .want = BAD },
    { "method with a dash", LINE("M-SEARCH", "/a"), .want = BAD },
    { "no method", LINE("", "/a"), .want = BAD },
    { "absolute form", LINE("GET", "http://a/b"), .want = BAD },
    { "asterisk form", LINE("OPTIONS", "*"), .want = BAD },
    { "empty target", LINE("GET", ""), .want = BAD },
    { "blank in target", LINE("GET", "/a b"), .want = BAD },
    { "control in target", LINE("GET", "/a\x01"), .want = BAD },
    { "delete in query", LINE("GET", "/a?\x7f"), .want = BAD },
    { "fragment", LINE("GET", "/a#b"), .want = BAD },
    { "double slash", LINE("GET", "//a"), .want = BAD },
    { "double slash inside", LINE("GET", "/a//b"), .want = BAD },
    { "double slash at the end", LINE("GET", "/a//"), .want = BAD },
    { "dot segment", LINE("GET", "/a/./b"), .want = BAD },
    { "dot dot", LINE("GET", "/a/../b"), .want = BAD },
    { "dot dot at the end", LINE("GET", "/a/.."), .want = BAD },
    { "escaped dots", LINE("GET", "/a/%2e%2E/b"), .want = BAD },
    { "half escaped dots", LINE("GET", "/a/.%2e"), .want = BAD },
    { "escaped NUL", LINE("GET", "/a%00b"), .want = BAD },
    { "escaped slash", LINE("GET", "/a%2fb"), .want = BAD },
    { "escaped slash, capital", LINE("GET", "/a%2Fb"), .want = BAD },
    { "escaped backslash", LINE("GET", "/a%5cb"), .want = BAD },
    { "backslash", LINE("GET", "/a\\b"), .want = BAD },
    { "broken escape", LINE("GET", "/a%4"), .want = BAD },
    { "wrong escape", LINE("GET", "/a%zz"), .want = BAD },

    { "version 1.0", GET, .version = "HTTP/1.0", .want = ERR_OK },
    { "version 1.0 without host", GET, .version = "HTTP/1.0", .no_host = true },
    { "version 1.0, two hosts", GET, .version = "HTTP/1.0", HEADERS(H("Host", "b")),
      .want = BAD },
    { "version 0.9", GET, .version = "", .want = BAD },
    { "version 2", GET, .version = "HTTP/2.0", .want = BAD },
    { "no host", GET, .no_host = true, .want = BAD },
    { "two hosts", GET, HEADERS(H("host", "a")), .want = BAD },
    { "empty host", GET, .no_host = true, HEADERS(H("Host", "")), .want = BAD },
    { "host with a path", GET, .no_host = true, HEADERS(H("Host", "a/b")), .want = BAD },
    { "host with a login", GET, .no_host = true, HEADERS(H("Host", "a@b")), .want = BAD },
    { "host with port", GET, .no_host = true, HEADERS(H("Host", "[::1]:80")) },

    { "name with a blank", POST, HEADERS(H("Content-Length ", "3")), .want = BAD },
    { "name with a colon", GET, HEADERS(H("X:", "3")), .want = BAD },
    { "empty name", GET, HEADERS(H("", "3")), .want = BAD },
    { "CR in a value", GET, HEADERS(H("X", "a\rb")), .want = BAD },
    { "NUL in a value", GET, HEADERS(H("X", "a\0b")), .want = BAD },
    { "delete in a value", GET, HEADERS(H("X", "\x7f")), .want = BAD },
    { "tab in a value", GET, HEADERS(H("X", "a\tb")), .want = ERR_OK },
    { "utf-8 in a value", GET, HEADERS(H("X", "\xc3\xa9")), .want = ERR_OK },

    { "body", POST, HEADERS(H("Content-Length", "31")), .length = 31 },
    { "empty body", POST, HEADERS(H("Content-Length", "0")), .want = ERR_OK },
    { "no length", POST, .want = ERR_OK },
    { "body at the limit", POST, HEADERS(H("content-length", "1000")), .length = 1000 },
    { "body too large", POST, HEADERS(H("Content-Length", "1001")), .want = ERR_TOO_LARGE,
      .length = 1001 },
    { "delete with a body", LINE("DELETE", "/a"), HEADERS(H("Content-Length", "5")),
      .length = 5 },
    { "get with a body", GET, HEADERS(H("Content-Length", "5")), .want = BAD,
      .length = 5 },
    { "get with length 0", GET, HEADERS(H("Content-Length", "0")), .want = ERR_OK },
    { "head with a body", LINE("HEAD", "/a"), HEADERS(H("Content-Length", "5")),
      .want = BAD, .length = 5 },
    { "two equal lengths", POST,
      HEADERS(H("Content-Length", "5"), H("Content-Length", "5")), .want = BAD },
    { "two lengths", POST, HEADERS(H("Content-Length", "0"), H("content-length", "38")),
      .want = BAD },
    { "length list", POST, HEADERS(H("Content-Length", "5, 5")), .want = BAD },
    { "length with a sign", POST, HEADERS(H("Content-Length", "+5")), .want = BAD },
    { "negative length", POST, HEADERS(H("Content-Length", "-1")), .want = BAD },
    { "hexadecimal length", POST, HEADERS(H("Content-Length", "0x5")), .want = BAD },
    { "empty length", POST, HEADERS(H("Content-Length", "")), .want = BAD },
    { "length beyond 64 bits", POST, HEADERS(H("Content-Length", "18446744073709551617")),
      .want = BAD },
    { "length glued to its name", POST, HEADERS(H("Content-Length31", "")), .want = BAD },

    { "two credentials", GET, HEADERS(H("Authorization", "a"), H("AUTHORIZATION", "b")),
      .want = BAD },
    { "two content types", POST, HEADERS(H("Content-Type", "a"), H("Content-Type", "a")),
      .want = BAD },
    { "two keys", POST, HEADERS(H("Idempotency-Key", "a"), H("Idempotency-Key", "b")),
      .want = BAD },
    { "two of a list", GET, HEADERS(H("Accept", "a/b"), H("Accept", "c/d")),
      .want = ERR_OK },

    { "chunked", POST, HEADERS(H("Transfer-Encoding", "chunked")),
      .want = ERR_LENGTH_REQUIRED },
    { "chunked, other case", POST, HEADERS(H("TRANSFER-encoding", "Chunked")),
      .want = ERR_LENGTH_REQUIRED },
    { "length and chunked", POST,
      HEADERS(H("Content-Length", "5"), H("Transfer-Encoding", "chunked")), .want = BAD },
    { "chunked and length", POST,
      HEADERS(H("Transfer-Encoding", "chunked"), H("Content-Length", "5")), .want = BAD },
    { "unknown encoding", POST, HEADERS(H("Transfer-Encoding", "xchunked")),
      .want = BAD },
    { "two codings", POST, HEADERS(H("Transfer-Encoding", "gzip, chunked")),
      .want = BAD },
    { "chunked twice", POST,
      HEADERS(H("Transfer-Encoding", "chunked"), H("Transfer-Encoding", "chunked")),
      .want = BAD },
    { "identity", POST, HEADERS(H("Transfer-Encoding", "identity")), .want = BAD },
    { "get with an encoding", GET, HEADERS(H("Transfer-Encoding", "chunked")),
      .want = ERR_LENGTH_REQUIRED },
    { "folded encoding", POST, HEADERS(H("Transfer-Encodingchunked", "")), .want = BAD },
};

static struct http_guard_verdict judge(const struct guard_case *c)
{
    static const struct http_pair HOST = H("Host", "a");
    struct http_pair pairs[PAIRS_MAX + 1];
    unsigned n = 0;
    if (!c->no_host)
        pairs[n++] = HOST;
    for (unsigned i = 0; i < PAIRS_MAX && c->h[i].name.p; i++)
        pairs[n++] = c->h[i];
    return http_guard(&(struct http_guard_input){
        .method = str_of(c->method),
        .target = str_of(c->target),
        .version = str_of(c->version ? c->version : "HTTP/1.1"),
        .headers = pairs,
        .nheaders = n,
        .body_max = BODY_MAX });
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const struct guard_case *c = &CASES[i];
        struct http_guard_verdict v = judge(c);
        enum err want = c->want;
        if (v.e != want || v.content_length != c->length || !v.detail != (want == ERR_OK))
            fail_msg("%s: error %d (%s), length %llu", c->name, (int)v.e,
                     v.detail ? v.detail : "", (unsigned long long)v.content_length);
    }
}

static void test_refused_body_can_be_skipped(void **state)
{
    (void)state;
    struct guard_case large = { "", POST, HEADERS(H("Content-Length", "5000")) };
    struct guard_case both = {
        "", POST, HEADERS(H("Content-Length", "5"), H("Content-Length", "6"))
    };
    assert_true(judge(&large).framed);
    assert_false(judge(&both).framed);
}

static void test_long_target(void **state)
{
    (void)state;
    static char target[HTTP_TARGET_MAX + 2];
    memset(target, 'a', sizeof target - 1);
    target[0] = '/';
    struct guard_case c = { "", LINE("GET", target) };
    assert_int_equal(judge(&c).e, ERR_URI_TOO_LONG);
    target[HTTP_TARGET_MAX] = '\0';
    assert_int_equal(judge(&c).e, ERR_OK);
}

static void test_many_headers(void **state)
{
    (void)state;
    static struct http_pair pairs[HTTP_HEADERS_MAX];
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        pairs[i] = (struct http_pair)H("X", "1");
    pairs[7] = (struct http_pair)H("Host", "a");
    struct http_guard_input in = { .method = STR("GET"),
                                   .target = STR("/"),
                                   .version = STR("HTTP/1.1"),
                                   .headers = pairs,
                                   .nheaders = HTTP_HEADERS_MAX };
    assert_int_equal(http_guard(&in).e, ERR_OK);
    in.nheaders++;
    assert_int_equal(http_guard(&in).e, ERR_HEADERS_TOO_LARGE);
}

static void test_target_parts(void **state)
{
    (void)state;
    assert_true(str_eq(http_guard_path(STR("/a?b?c")), STR("/a")));
    assert_true(str_eq(http_guard_query(STR("/a?b?c")), STR("b?c")));
    assert_int_equal(http_guard_query(STR("/a")).n, 0);
    assert_non_null(http_guard_query(STR("/a")).p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_refused_body_can_be_skipped),
        cmocka_unit_test(test_long_target),
        cmocka_unit_test(test_many_headers),
        cmocka_unit_test(test_target_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
