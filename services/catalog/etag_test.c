#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "catalog/etag.h"

static void tags_are_of_the_bytes(void **state)
{
    (void)state;
    char a[CATALOG_ETAG_SIZE], b[CATALOG_ETAG_SIZE], w[CATALOG_ETAG_SIZE];
    struct str one = catalog_etag(STR("{}"), false, a);
    assert_int_equal(one.n, 34);
    assert_true(one.p[0] == '"' && one.p[33] == '"');
    assert_true(str_eq(one, catalog_etag(STR("{}"), false, b)));
    assert_false(str_eq(one, catalog_etag(STR("{ }"), false, b)));
    struct str weak = catalog_etag(STR("{}"), true, w);
    assert_memory_equal(weak.p, "W/", 2);
    assert_true(str_eq(one, (struct str){ weak.p + 2, weak.n - 2 }));
    assert_true(catalog_etag(STR(""), false, b).n == 34);
}

static const struct {
    const char *header, *etag;
    bool seen, matches;
} CASES[] = {
    { "", "\"a\"", false, false },
    { "\"a\"", "\"a\"", true, true },
    { "\"b\"", "\"a\"", false, false },
    { "*", "\"a\"", true, true },
    { " * ", "\"a\"", true, true },
    { "W/\"a\"", "\"a\"", true, false },
    { "\"a\"", "W/\"a\"", true, false },
    { "W/\"a\"", "W/\"a\"", true, false },
    { "\"b\", \"a\"", "\"a\"", true, true },
    { "\"b\",W/\"a\" ,\"c\"", "\"a\"", true, false },
    { "a", "\"a\"", false, false },
    { "\"*\"", "\"a\"", false, false },
    { ",,", "\"a\"", false, false },
    { "\"x,\"a\"", "\"a\"", true, true },
    { "w/\"a\"", "\"a\"", false, false },
};

static void conditions_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct str header = str_of(CASES[i].header), etag = str_of(CASES[i].etag);
        print_message("%s against %s\n", CASES[i].header, CASES[i].etag);
        assert_int_equal(catalog_etag_seen(header, etag), CASES[i].seen);
        assert_int_equal(catalog_etag_matches(header, etag), CASES[i].matches);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_of_the_bytes),
        cmocka_unit_test(conditions_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
