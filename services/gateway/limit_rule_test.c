#include "gateway/limit_rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"

enum { SECOND = 1000000 };

static struct limit parsed(const char *text)
{
    struct limit l;
    if (!limit_parse(str_of(text), &l))
        fail_msg("not parsed: %s", text);
    return l;
}

static void test_text(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned n;
        int64_t count, seconds;
    } CASES[] = {
        { "20/m", 1, 20, 60 },
        { "1/s", 1, 1, 1 },
        { "20/m,200/h", 2, 200, 3600 },
        { "150/5m", 1, 150, 300 },
        { " 20 / m , 3/d ", 2, 3, 86400 },
        { "1000000/1d", 1, 1000000, 86400 },
        { "5/86400s", 1, 5, 86400 },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct limit l = parsed(CASES[i].text);
        assert_int_equal(l.n, CASES[i].n);
        assert_int_equal(l.rule[l.n - 1].count, CASES[i].count);
        assert_int_equal(l.rule[l.n - 1].period_us, CASES[i].seconds * SECOND);
    }
    assert_int_equal(parsed("off").n, 0);
    assert_int_equal(parsed(" OFF ").n, 0);
}

static void test_what_is_no_limit(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",          "20",      "20/",   "/m",     "0/m",
        "-1/m",      "20/x",    "20/m,", ",20/m",  "20/0m",
        "20/25h",    "20/m/m",  "none",  "20/-5m", "1/s,2/m,3/h",
        "1000001/s", "20/ 5 m", "1e3/m", "20/mm",
    };
    struct limit l;
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        if (limit_parse(str_of(BAD[i]), &l))
            fail_msg("taken: %s", BAD[i]);
}

/* How many of the attempts, one each step_us, pass. */
static unsigned passed(const struct limit *l, int64_t *full, int64_t *now,
                       unsigned attempts, int64_t step_us)
{
    unsigned n = 0;
    for (unsigned i = 0; i < attempts; i++, *now += step_us)
        n += limit_take(l, full, *now).allowed;
    return n;
}

static void test_a_burst_then_the_rate(void **state)
{
    (void)state;
    struct limit l = parsed("20/m");
    int64_t full[LIMIT_RULES_MAX] = { 0 }, now = 7 * SECOND;
    assert_int_equal(passed(&l, full, &now, 100, 0), 20);
    /* One more every 3 s, however often it is tried. */
    assert_int_equal(passed(&l, full, &now, 600, SECOND / 10), 19);
    /* After a minute of rest it is full again, and not fuller. */
    now += 3600LL * SECOND;
    assert_int_equal(passed(&l, full, &now, 100, 0), 20);
}

static void test_what_a_refusal_says(void **state)
{
    (void)state;
    struct limit l = parsed("2/m");
    int64_t full[LIMIT_RULES_MAX] = { 0 }, now = 5;
    assert_int_equal(passed(&l, full, &now, 2, 0), 2);
    struct limit_verdict v = limit_take(&l, full, now);
    assert_false(v.allowed);
    assert_int_equal(v.wait_us, 30 * SECOND);
    assert_false(limit_look(&l, full, now + v.wait_us - 1).allowed);
    assert_true(limit_look(&l, full, now + v.wait_us).allowed);
    assert_int_equal(limit_look(&l, full, now + v.wait_us).wait_us, 0);
}

static void test_a_refusal_takes_nothing(void **state)
{
    (void)state;
    struct limit l = parsed("2/s,3/m");
    int64_t full[LIMIT_RULES_MAX] = { 0 }, now = SECOND;
    assert_int_equal(passed(&l, full, &now, 50, 0), 2);
    now += SECOND; /* the 48 refused ones have not used up the longer bucket */
    assert_int_equal(passed(&l, full, &now, 50, 0), 1);
    struct limit_verdict v = limit_look(&l, full, now);
    assert_int_equal(v.rule, 1);
    assert_true(v.wait_us > 10 * (int64_t)SECOND);
}

static void test_looking_changes_nothing(void **state)
{
    (void)state;
    struct limit l = parsed("1/s");
    const int64_t full[LIMIT_RULES_MAX] = { 0 };
    for (int i = 0; i < 10; i++)
        assert_true(limit_look(&l, full, SECOND).allowed);
}

static void test_no_limit_allows_all(void **state)
{
    (void)state;
    struct limit l = parsed("off");
    int64_t full[LIMIT_RULES_MAX] = { 0 }, now = 0;
    assert_int_equal(passed(&l, full, &now, 1000, 0), 1000);
}

static void test_a_very_fast_rate_is_still_one(void **state)
{
    (void)state;
    struct limit l = parsed("1000000/s");
    assert_int_equal(limit_interval_us(&l.rule[0]), 1);
    int64_t full[LIMIT_RULES_MAX] = { 0 }, now = 0;
    assert_int_equal(passed(&l, full, &now, 1500000, 0), 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_what_is_no_limit),
        cmocka_unit_test(test_a_burst_then_the_rate),
        cmocka_unit_test(test_what_a_refusal_says),
        cmocka_unit_test(test_a_refusal_takes_nothing),
        cmocka_unit_test(test_looking_changes_nothing),
        cmocka_unit_test(test_no_limit_allows_all),
        cmocka_unit_test(test_a_very_fast_rate_is_still_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
