#include "svc/rpc_breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const int64_t START = 1000000;

static int64_t bad_times(struct rpc_breaker *b, int64_t now, unsigned n)
{
    int64_t opened = 0;
    for (unsigned i = 0; i < n; i++)
        opened = rpc_breaker_bad(b, now, 0);
    return opened;
}

static void test_new_one_is_closed(void **state)
{
    (void)state;
    struct rpc_breaker b = { 0 };
    assert_false(rpc_breaker_open(&b, START));
    assert_true(rpc_breaker_takes(&b, START, 400));
}

static void test_failures_in_a_row(void **state)
{
    (void)state;
    struct rpc_breaker b = { 0 };
    assert_int_equal(bad_times(&b, START, RPC_EJECT_AFTER - 1), 0);
    assert_true(rpc_breaker_takes(&b, START, 9));
    assert_int_equal(rpc_breaker_bad(&b, START, 0), RPC_EJECT_MS);
    assert_true(rpc_breaker_open(&b, START + RPC_EJECT_MS - 1));
    assert_false(rpc_breaker_takes(&b, START, 0));
}

static void test_success_breaks_the_row(void **state)
{
    (void)state;
    struct rpc_breaker b = { 0 };
    bad_times(&b, START, RPC_EJECT_AFTER - 1);
    rpc_breaker_good(&b, START);
    assert_int_equal(bad_times(&b, START, RPC_EJECT_AFTER - 1), 0);
}

/* Three of four bad, never five in a row. */
static void test_share(void **state)
{
    (void)state;
    struct rpc_breaker b = { 0 };
    unsigned outcomes = 0;
    while (!rpc_breaker_open(&b, START)) {
        outcomes++;
        if (outcomes % 4 == 0)
            rpc_breaker_good(&b, START);
        else
            rpc_breaker_bad(&b, START, 0);
        assert_true(outcomes <= RPC_RATE_LEAST + 1);
    }
    assert_true(outcomes >= RPC_RATE_LEAST);
}

static void test_share_forgets(void **state)
{
    (void)state;
    struct rpc_breaker b = { 0 };
    for (int i = 0; i < 8; i++) {
        rpc_breaker_bad(&b, START, 0);
        rpc_breaker_bad(&b, START, 0);
        if (i % 2)
            rpc_breaker_good(&b, START);
    }
    int64_t later = START + 2 * RPC_RATE_MS;
    for (int i = 0; i < 12; i++) {
        rpc_breaker_good(&b, later);
        assert_int_equal(rpc_breaker_bad(&b, later, 0), 0);
    }
}

static void test_trial(void **state)
{
    (void)state;
    struct rpc_breaker b = { 0 };
    bad_times(&b, START, RPC_EJECT_AFTER);
    int64_t now = START + RPC_EJECT_MS;
    assert_true(rpc_breaker_takes(&b, now, 0));
    assert_false(rpc_breaker_takes(&b, now, 1)); /* one at a time */
    assert_int_equal(rpc_breaker_bad(&b, now, 0), 2 * RPC_EJECT_MS);
    now += 2 * RPC_EJECT_MS;
    rpc_breaker_good(&b, now);
    assert_true(rpc_breaker_takes(&b, now, 400));
    assert_int_equal(bad_times(&b, now, RPC_EJECT_AFTER - 1), 0);
}

static void test_grows_to_a_limit(void **state)
{
    (void)state;
    struct rpc_breaker b = { 0 };
    int64_t now = START, last = bad_times(&b, now, RPC_EJECT_AFTER);
    for (int i = 0; i < 10; i++) {
        now += last;
        int64_t ms = rpc_breaker_bad(&b, now, 0);
        assert_true(ms >= last && ms <= RPC_EJECT_MAX_MS);
        last = ms;
    }
    assert_int_equal(last, RPC_EJECT_MAX_MS);
}

static void test_random_part(void **state)
{
    (void)state;
    for (uint64_t random = 0; random < 100000; random += 37) {
        struct rpc_breaker b = { 0 };
        bad_times(&b, START, RPC_EJECT_AFTER - 1);
        assert_in_range(rpc_breaker_bad(&b, START, random), RPC_EJECT_MS,
                        RPC_EJECT_MS * 5 / 4);
    }
}

/* What ends while it is open changes nothing, be it late answers of a dying replica. */
static void test_late_ones_do_not_count(void **state)
{
    (void)state;
    struct rpc_breaker b = { 0 };
    bad_times(&b, START, RPC_EJECT_AFTER);
    int64_t until = b.until_ms;
    assert_int_equal(bad_times(&b, START + 1, 100), 0);
    assert_int_equal(b.until_ms, until);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_one_is_closed),
        cmocka_unit_test(test_failures_in_a_row),
        cmocka_unit_test(test_success_breaks_the_row),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_share_forgets),
        cmocka_unit_test(test_trial),
        cmocka_unit_test(test_grows_to_a_limit),
        cmocka_unit_test(test_random_part),
        cmocka_unit_test(test_late_ones_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
