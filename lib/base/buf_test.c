#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"

static void test_adding(void **state)
{
    AUTO_BUF struct buf b;
    (void)state;
    buf_init(&b, 1000);
    assert_int_equal(buf_get(&b).n, 0);
    assert_string_equal(buf_get(&b).p, "");
    buf_cstr(&b, "ab");
    buf_char(&b, 'c');
    buf_str(&b, STR("de"));
    buf_add(&b, "", 0);
    buf_printf(&b, "%03d", 7);
    assert_string_equal(b.p, "abcde007");
    assert_int_equal(b.n, 8);
    assert_false(b.overflow);
    buf_clear(&b);
    assert_string_equal(b.p, "");
    assert_int_equal(b.n, 0);
}

static void test_maximum(void **state)
{
    AUTO_BUF struct buf b;
    (void)state;
    buf_init(&b, 5);
    buf_cstr(&b, "abcde");
    assert_false(b.overflow);
    assert_string_equal(b.p, "abcde");
    buf_char(&b, 'f');
    assert_true(b.overflow);
    assert_int_equal(b.n, 5);
    buf_clear(&b);
    assert_false(b.overflow);
    buf_cstr(&b, "abcdef"); /* all of it or nothing */
    assert_true(b.overflow);
    assert_int_equal(b.n, 0);
    buf_cstr(&b, "a"); /* what follows an overflow is not stored either */
    assert_int_equal(b.n, 0);
    buf_clear(&b);
    buf_printf(&b, "%d", 1234567);
    assert_true(b.overflow);
}

static void test_growth_keeps_the_content(void **state)
{
    AUTO_BUF struct buf b;
    (void)state;
    buf_init(&b, 100000);
    for (int i = 0; i < 50000; i++)
        buf_char(&b, (char)('a' + i % 26));
    for (int i = 0; i < 50000; i++)
        assert_int_equal(b.p[i], 'a' + i % 26);
    assert_int_equal(b.p[50000], 0);
}

static void test_taking(void **state)
{
    struct buf b;
    size_t n = 7;
    (void)state;
    buf_init(&b, 100);
    char *empty = buf_take(&b, &n);
    assert_string_equal(empty, "");
    assert_int_equal(n, 0);
    free(empty);
    buf_cstr(&b, "abc");
    char *text = buf_take(&b, NULL);
    assert_string_equal(text, "abc");
    free(text);
    assert_null(b.p);
    buf_cstr(&b, "still usable");
    assert_int_equal(b.n, 12);
    buf_deinit(&b);
    buf_deinit(&b);
}

static void test_what_is_expected_does_not_move(void **state)
{
    (void)state;
    AUTO_BUF struct buf b;
    buf_init(&b, 1000);
    buf_cstr(&b, "x");
    buf_expect(&b, 900);
    assert_string_equal(b.p, "x");
    const char *p = b.p;
    while (b.n < 900)
        buf_char(&b, 'y');
    assert_ptr_equal(p, b.p);
    buf_expect(&b, 5000); /* as much as it may hold */
    assert_false(b.overflow);
    while (b.n < 1000)
        buf_char(&b, 'z');
    assert_false(b.overflow);
    buf_char(&b, 'z');
    assert_true(b.overflow);
    char memory[4];
    struct buf small;
    buf_init_on(&small, memory, sizeof memory);
    buf_expect(&small, 100); /* never leaves the caller's memory */
    assert_ptr_equal(small.p, memory);
}

static void test_memory_of_the_callers(void **state)
{
    (void)state;
    char memory[8];
    struct buf b;
    buf_init_on(&b, memory, sizeof memory);
    assert_string_equal(memory, "");
    buf_cstr(&b, "1234567");
    assert_false(b.overflow);
    assert_string_equal(memory, "1234567");
    char *copy = buf_take(&b, NULL);
    assert_ptr_not_equal(copy, memory);
    assert_string_equal(copy, "1234567");
    free(copy);
    buf_init_on(&b, memory, sizeof memory);
    buf_cstr(&b, "12345678");
    assert_true(b.overflow);
    buf_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adding),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_growth_keeps_the_content),
        cmocka_unit_test(test_taking),
        cmocka_unit_test(test_memory_of_the_callers),
        cmocka_unit_test(test_what_is_expected_does_not_move),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
