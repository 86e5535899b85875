#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <time.h>

#include "base/clock.h"
#include "base/mem.h"

static void test_text(void **state)
{
    static const struct {
        int64_t us;
        const char *text, *mail;
    } cases[] = {
        { 0, "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 +0000" },
        { 1, "1970-01-01T00:00:00.000001Z", "Thu, 01 Jan 1970 00:00:00 +0000" },
        { 1795342377161784, "2026-11-22T10:12:57.161784Z",
          "Sun, 22 Nov 2026 10:12:57 +0000" },
        { 1795342377000000, "2026-11-22T10:12:57Z", "Sun, 22 Nov 2026 10:12:57 +0000" },
        { 1709164800500000, "2024-02-29T00:00:00.500000Z",
          "Thu, 29 Feb 2024 00:00:00 +0000" },
        { 4102444799999999, "2099-12-31T23:59:59.999999Z",
          "Thu, 31 Dec 2099 23:59:59 +0000" },
    };
    char text[CLOCK_TEXT_SIZE], mail[40];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(clock_text(cases[i].us, text), cases[i].text);
        assert_string_equal(clock_mail_date(cases[i].us, mail), cases[i].mail);
    }
}

static void test_clocks(void **state)
{
    (void)state;
    int64_t before = clock_mono_us();
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_mono_us();
        assert_true(now >= before);
        before = now;
    }
    int64_t ms = clock_mono_ms();
    assert_true(ms >= before / 1000);
    int64_t wall = (int64_t)time(NULL);
    assert_true(clock_wall_s() - wall <= 1);
    assert_true(clock_wall_us() / 1000000 - wall <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
