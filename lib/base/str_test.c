#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"

static void test_integers_as_text(void **state)
{
    static const int64_t CASES[] = {
        0,   1,        -1,        9,         10,        -10,       99,
        100, 12345678, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, -9007199254740993
    };
    char text[STR_INT_TEXT], want[32];
    int64_t back;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct str s = str_int(CASES[i], text);
        snprintf(want, sizeof want, "%lld", (long long)CASES[i]);
        assert_string_equal(s.p, want);
        assert_int_equal(s.n, strlen(want));
        assert_true(str_to_i64(s, &back) && back == CASES[i]);
    }
}

static void test_equality(void **state)
{
    (void)state;
    assert_true(str_eq(STR("a"), STR("a")));
    assert_false(str_eq(STR("a"), STR("A")));
    assert_false(str_eq(STR("a"), STR("ab")));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_true(str_eq((struct str){ NULL, 0 }, STR("")));
    assert_true(str_eq(str_of(NULL), STR("")));
    assert_true(str_eq_ci(STR("aBc"), STR("AbC")));
    assert_false(str_eq_ci(STR("abc"), STR("abd")));
    assert_true(str_starts(STR("abc"), STR("ab")));
    assert_true(str_starts(STR("abc"), STR("")));
    assert_false(str_starts(STR("ab"), STR("abc")));
    assert_true(str_eq_secret(STR("abc"), STR("abc")));
    assert_false(str_eq_secret(STR("abc"), STR("abd")));
    assert_false(str_eq_secret(STR("abc"), STR("ab")));
}

static void test_trim(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "", "" },    { " ", "" }, { "a", "a" }, { " \t\n\v\f\ra b \r\n", "a b" },
        { "a ", "a" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(str_eq(str_trim(str_of(cases[i].in)), str_of(cases[i].out)));
    assert_int_equal(str_trim((struct str){ NULL, 0 }).n, 0);
}

static void test_cut(void **state)
{
    struct str rest = STR("a,,b");
    (void)state;
    assert_true(str_eq(str_cut(&rest, ','), STR("a")));
    assert_true(str_eq(str_cut(&rest, ','), STR("")));
    assert_non_null(rest.p);
    assert_true(str_eq(str_cut(&rest, ','), STR("b")));
    assert_null(rest.p);
    assert_int_equal(str_cut(&rest, ',').n, 0);
    rest = STR("a,");
    str_cut(&rest, ',');
    assert_non_null(rest.p); /* something empty follows, unlike nothing */
    assert_int_equal(rest.n, 0);
}

static void test_integers(void **state)
{
    static const struct {
        const char *in;
        int64_t value;
    } good[] = {
        { "0", 0 },
        { "7", 7 },
        { "-7", -7 },
        { "1234567890123456789", 1234567890123456789 },
        { "9223372036854775807", INT64_MAX },
        { "-9223372036854775808", INT64_MIN },
    };
    static const char *const bad[] = {
        "",
        "-",
        "+7",
        " 7",
        "7 ",
        "07",
        "-07",
        "00",
        "0x7",
        "7.0",
        "1e3",
        "7a",
        "a7",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "100000000000000000000",
        "--7",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        int64_t v = 42;
        assert_true(str_to_i64(str_of(good[i].in), &v));
        assert_true(v == good[i].value);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t v = 42;
        print_message("%s\n", bad[i]);
        assert_false(str_to_i64(str_of(bad[i]), &v));
        assert_true(v == 42);
    }
    int64_t v = 0;
    assert_false(str_to_i64((struct str){ "7\0", 2 }, &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_as_text),
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
