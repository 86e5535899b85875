#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/utf8.h"

static void test_code_points(void **state)
{
    static const struct {
        struct str in;
        int32_t cp; /* -1: malformed */
        size_t n;
    } cases[] = {
        { { "\0", 1 }, 0, 1 },
        { { "a", 1 }, 'a', 1 },
        { { "\x7f", 1 }, 0x7f, 1 },
        { { "\xc2\x80", 2 }, 0x80, 2 },
        { { "\xdf\xbf", 2 }, 0x7ff, 2 },
        { { "\xe0\xa0\x80", 3 }, 0x800, 3 },
        { { "\xed\x9f\xbf", 3 }, 0xd7ff, 3 },
        { { "\xee\x80\x80", 3 }, 0xe000, 3 },
        { { "\xef\xbf\xbf", 3 }, 0xffff, 3 },
        { { "\xf0\x90\x80\x80", 4 }, 0x10000, 4 },
        { { "\xf4\x8f\xbf\xbf", 4 }, 0x10ffff, 4 },
        { { "a\xff", 2 }, 'a', 1 },
        { { "", 0 }, -1, 0 },
        { { "\x80", 1 }, -1, 0 },
        { { "\xc0\x80", 2 }, -1, 0 },     /* overlong */
        { { "\xc1\xbf", 2 }, -1, 0 },     /* overlong */
        { { "\xe0\x9f\xbf", 3 }, -1, 0 }, /* overlong */
        { { "\xf0\x8f\xbf\xbf", 4 }, -1, 0 },
        { { "\xed\xa0\x80", 3 }, -1, 0 }, /* surrogates */
        { { "\xed\xbf\xbf", 3 }, -1, 0 },
        { { "\xf4\x90\x80\x80", 4 }, -1, 0 }, /* beyond the last */
        { { "\xf5\x80\x80\x80", 4 }, -1, 0 },
        { { "\xff", 1 }, -1, 0 },
        { { "\xc2", 1 }, -1, 0 }, /* cut off */
        { { "\xe0\xa0", 2 }, -1, 0 },
        { { "\xf0\x90\x80", 3 }, -1, 0 },
        { { "\xc2"
            "a",
            2 },
          -1,
          0 },
        { { "\xe0\xa0"
            "a",
            3 },
          -1,
          0 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = 0;
        print_message("case %zu\n", i);
        assert_int_equal(utf8_next(cases[i].in, &n), cases[i].cp);
        assert_int_equal(n, cases[i].n);
    }
}

static void test_whole_texts(void **state)
{
    (void)state;
    assert_int_equal(utf8_check(STR("")), 0);
    assert_int_equal(utf8_check(STR("a\xc3\xa9\xf0\x9f\x98\x80")), 7);
    assert_int_equal(utf8_check(STR("a\xc3\xa9\xff"
                                    "b")),
                     3);
    assert_int_equal(utf8_check(STR("ab\xe2\x82")), 2);
    assert_int_equal(utf8_len(STR("")), 0);
    assert_int_equal(utf8_len(STR("a\xc3\xa9\xf0\x9f\x98\x80")), 3);
}

/* All of Unicode, written and read back. */
static void test_round_trip(void **state)
{
    (void)state;
    for (int32_t cp = 0; cp <= 0x10ffff; cp++) {
        char b[4];
        size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4, got = 0;
        static const int lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
        for (size_t i = n; i-- > 1;)
            b[i] = (char)(0x80 | ((cp >> (6 * (n - 1 - i))) & 0x3f));
        b[0] = (char)(lead[n] | cp >> (6 * (n - 1)));
        bool surrogate = cp >= 0xd800 && cp <= 0xdfff;
        int32_t back = utf8_next((struct str){ b, n }, &got);
        if (back != (surrogate ? -1 : cp))
            fail_msg("U+%X", (unsigned)cp);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code_points),
        cmocka_unit_test(test_whole_texts),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
