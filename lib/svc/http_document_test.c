#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <stdlib.h>
#define ZLIB_CONST /* its pointers to input are const */
#include <zlib.h>

#include "base/mem.h"
#include "svc/http_document.h"

static void test_etags(void **state)
{
    static const struct {
        const char *name, *header;
        bool matches;
    } cases[] = {
        { "absent", "", false },
        { "the same", "\"ab\"", true },
        { "weak", "W/\"ab\"", true },
        { "among others", "\"x\", W/\"y\" ,\"ab\"", true },
        { "any", " * ", true },
        { "another", "\"abc\"", false },
        { "without quotes", "ab", false },
        { "only a prefix", "W/", false },
        { "commas", ",,,", false },
        { "a star among others", "\"x\", *", false },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].name);
        assert_int_equal(http_etag_matches(str_of(cases[i].header), "\"ab\""),
                         cases[i].matches);
    }
}

static void test_gzip_is_asked_for(void **state)
{
    static const struct {
        const char *header;
        bool yes;
    } cases[] = {
        { "", false },
        { "gzip", true },
        { "GZip", true },
        { "x-gzip", true },
        { "gzip, deflate, br, zstd", true },
        { "br;q=1.0, gzip;q=0.8, *;q=0.1", true },
        { " deflate , gzip ; q=0.001", true },
        { "gzip;q=0", false },
        { "gzip;q=0.000, *", false },
        { "*;q=0, gzip", true },
        { "*", true },
        { "*;q=0", false },
        { "identity, *; q = 0.0", false },
        { "identity", false },
        { "br", false },
        { "gzipped", false },
        { ",,;q=0,", false },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].header);
        assert_int_equal(http_accepts_gzip(str_of(cases[i].header)), cases[i].yes);
    }
}

static char *unpacked(struct str body, size_t *ret_n)
{
    enum { ROOM = 1 << 20, GZIP_ONLY = 15 + 16 };
    char *out = xmalloc(ROOM);
    z_stream z = { .next_in = (const Bytef *)body.p,
                   .avail_in = (uInt)body.n,
                   .next_out = (Bytef *)out,
                   .avail_out = ROOM };
    assert_int_equal(inflateInit2(&z, GZIP_ONLY), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    *ret_n = z.total_out;
    inflateEnd(&z);
    return out;
}

static char *long_text(void)
{
    enum { LINES = 2000, LINE = 32 };
    char *text = xmalloc(LINES * LINE);
    char *at = text;
    for (int i = 0; i < LINES; i++)
        at += snprintf(at, LINE, "line %d of a page\n", i);
    return text;
}

static void test_each_representation_has_its_etag(void **state)
{
    struct http_document d;
    AUTO_FREE char *text = long_text();
    (void)state;
    http_document_init(&d, "text/plain", str_of(text));
    struct http_representation plain = http_document_choose(&d, STR(""), STR(""));
    struct http_representation packed = http_document_choose(&d, STR("gzip"), STR(""));
    assert_null(plain.encoding);
    assert_ptr_equal(plain.body.p, text);
    assert_string_equal(packed.encoding, "gzip");
    assert_true(packed.body.n < plain.body.n / 3);
    assert_string_not_equal(plain.etag, packed.etag);
    size_t n;
    AUTO_FREE char *again = unpacked(packed.body, &n);
    assert_int_equal(n, plain.body.n);
    assert_memory_equal(again, text, n);
    http_document_deinit(&d);
}

static void test_what_is_known_is_not_sent_again(void **state)
{
    struct http_document d;
    AUTO_FREE char *text = long_text();
    (void)state;
    http_document_init(&d, "text/plain", str_of(text));
    assert_true(http_document_choose(&d, STR(""), str_of(d.etag)).known);
    assert_true(http_document_choose(&d, STR("gzip"), str_of(d.packed_etag)).known);
    /* The other representation is not this one. */
    assert_false(http_document_choose(&d, STR("gzip"), str_of(d.etag)).known);
    assert_false(http_document_choose(&d, STR(""), str_of(d.packed_etag)).known);
    http_document_deinit(&d);
}

static void test_equal_documents_are_equal_everywhere(void **state)
{
    struct http_document a, b;
    AUTO_FREE char *text = long_text();
    (void)state;
    http_document_init(&a, "text/plain", str_of(text));
    http_document_init(&b, "text/plain", str_of(text));
    assert_string_equal(a.etag, b.etag);
    assert_string_equal(a.packed_etag, b.packed_etag);
    http_document_deinit(&a);
    http_document_deinit(&b);
}

static void test_what_packing_makes_longer_stays_as_it_is(void **state)
{
    static const char *const bodies[] = { "", "a", "short" };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct http_document d;
        http_document_init(&d, "text/plain", str_of(bodies[i]));
        struct http_representation r = http_document_choose(&d, STR("gzip"), STR(""));
        assert_null(r.encoding);
        assert_int_equal(r.body.n, strlen(bodies[i]));
        http_document_deinit(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_etags),
        cmocka_unit_test(test_gzip_is_asked_for),
        cmocka_unit_test(test_each_representation_has_its_etag),
        cmocka_unit_test(test_what_is_known_is_not_sent_again),
        cmocka_unit_test(test_equal_documents_are_equal_everywhere),
        cmocka_unit_test(test_what_packing_makes_longer_stays_as_it_is),
    };
    return cmocka_run_group_tests_name("http_document", tests, NULL, NULL);
}
