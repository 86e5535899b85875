#include "gateway/cors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"

static void test_which_origins(void **state)
{
    (void)state;
    static const char LIST[] = "https://shop.example, http://localhost:3000,"
                               "HTTPS://Mixed.Example,http://[::1]:8080,";
    static const struct {
        const char *origin;
        bool allowed;
    } CASES[] = {
        { "https://shop.example", true },
        { "http://localhost:3000", true },
        { "https://mixed.example", true },
        { "http://[::1]:8080", true },
        { "http://shop.example", false }, /* another scheme */
        { "https://shop.example:444", false },
        { "https://shop.example.evil.example", false },
        { "https://evil-shop.example", false },
        { "https://shop.example/", false },
        { "https://shop.exampl", false },
        { "https://sub.shop.example", false },
        { "http://localhost", false },
        { "null", false },
        { "*", false },
        { "", false },
    };
    struct str bad;
    struct gateway_cors *c = gateway_cors_new(LIST, &bad);
    assert_non_null(c);
    assert_true(gateway_cors_used(c));
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const char *said = gateway_cors_allow(c, str_of(CASES[i].origin));
        if (!said != !CASES[i].allowed)
            fail_msg("%s", CASES[i].origin);
        if (said)
            assert_string_equal(said, CASES[i].origin);
    }
    gateway_cors_free(&c);
}

static void test_none_and_all(void **state)
{
    (void)state;
    struct str bad;
    struct gateway_cors *none = gateway_cors_new("", &bad);
    assert_false(gateway_cors_used(none));
    assert_null(gateway_cors_allow(none, STR("https://shop.example")));
    struct gateway_cors *all = gateway_cors_new("*", &bad);
    assert_true(gateway_cors_used(all));
    assert_string_equal(gateway_cors_allow(all, STR("https://shop.example")), "*");
    assert_null(gateway_cors_allow(all, STR("")));
    gateway_cors_free(&none);
    gateway_cors_free(&all);
}

static void test_what_is_no_origin(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "shop.example",       "https://",          "https://shop.example/", "https://a/b",
        "ftp://shop.example", "https://*.example", "https://a b",           "null",
        "https://u@h"
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct str bad;
        assert_null(gateway_cors_new(BAD[i], &bad));
        assert_true(str_eq(bad, str_of(BAD[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_origins),
        cmocka_unit_test(test_none_and_all),
        cmocka_unit_test(test_what_is_no_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
