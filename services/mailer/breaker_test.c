#include "mailer/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/mem.h"

static const struct mail_result AWAY = { .phase = PHASE_CONNECT };

static void test_strikes_open_it(void **state)
{
    struct breaker b = { 0 };
    (void)state;
    assert_int_equal(breaker_strike(&b, &AWAY, 1000), 0);
    assert_int_equal(breaker_strike(&b, &AWAY, 1000), 0);
    assert_false(breaker_open(&b));
    assert_int_equal(breaker_strike(&b, &AWAY, 1000), 1000);
    assert_true(breaker_open(&b));
    assert_int_equal(b.until_ms, 2000);
    assert_int_equal(breaker_strike(&b, &AWAY, 2000), 2000);
    for (int i = 0; i < 20; i++)
        breaker_strike(&b, &AWAY, 3000);
    assert_int_equal(breaker_strike(&b, &AWAY, 3000), 60000);
}

static void test_a_fault_opens_it_at_once(void **state)
{
    struct breaker b = { 0 };
    (void)state;
    assert_int_equal(breaker_fault(&b, &AWAY, 0), 5000);
    assert_true(breaker_open(&b));
    assert_int_equal(breaker_fault(&b, &AWAY, 0), 10000);
    for (int i = 0; i < 20; i++)
        breaker_fault(&b, &AWAY, 0);
    assert_int_equal(breaker_fault(&b, &AWAY, 7), 300000);
    assert_int_equal(b.until_ms, 300007);
}

static void test_contact_closes_it(void **state)
{
    struct breaker b = { 0 };
    (void)state;
    breaker_fault(&b, &AWAY, 0);
    breaker_contact(&b);
    assert_false(breaker_open(&b));
    assert_int_equal(b.until_ms, 0);
    assert_int_equal(breaker_strike(&b, &AWAY, 0), 0);
}

static void test_pace_is_slow_until_shown(void **state)
{
    struct pace p = { 0 };
    int n = 0;
    (void)state;
    while (pace_ahead(&p, 1) == 0) {
        pace_note(&p, 2000);
        n++;
    }
    assert_in_range(n, 16, 32);
}

static void test_slow_answers_end_the_haste(void **state)
{
    struct pace p = { 0 };
    (void)state;
    for (int i = 0; i < 100; i++)
        pace_note(&p, 2000);
    pace_note(&p, 300 * 1000);
    assert_true(pace_ahead(&p, 1) > 0); /* once in a while is nothing */
    pace_note(&p, 300 * 1000);
    assert_int_equal(pace_ahead(&p, 1), 0);
}

static void test_a_steady_server_is_what_it_is(void **state)
{
    static const struct {
        int64_t us;
        unsigned ahead; /* of four connections */
    } CASES[] = {
        { 0, 200000 }, { 500, 400 }, { 10000, 20 },
        { 45000, 4 },  { 55000, 0 }, { 2000000, 0 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct pace p = { 0 };
        for (int n = 0; n < 200; n++)
            pace_note(&p, CASES[i].us);
        assert_in_range(pace_ahead(&p, 4), CASES[i].ahead - CASES[i].ahead / 20,
                        CASES[i].ahead + CASES[i].ahead / 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strikes_open_it),
        cmocka_unit_test(test_a_fault_opens_it_at_once),
        cmocka_unit_test(test_contact_closes_it),
        cmocka_unit_test(test_pace_is_slow_until_shown),
        cmocka_unit_test(test_slow_answers_end_the_haste),
        cmocka_unit_test(test_a_steady_server_is_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
