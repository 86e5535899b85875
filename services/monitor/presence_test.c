#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "monitor/presence.h"

static const int64_t WALL = 1790000000000000;

/* For `ms` it stands so, looked at twice a second; the time afterwards. */
static int64_t stands(struct presences *t, int64_t wanted, struct presence_count count,
                      int64_t from_ms, int64_t ms)
{
    for (int64_t at = from_ms; at < from_ms + ms; at += 500)
        presence_note(t, STR("auth"), wanted, &count, at, WALL + at * 1000);
    return from_ms + ms;
}

static const struct presence_count NOBODY,
    ONE = { .serving = 1 }, DRAINS = { .draining = 1 }, STOPPED = { .stopped = 1 };

static void who_is_gone_or_drains_is_missed_and_a_restart_is_not(void **state)
{
    (void)state;
    static const struct {
        struct presence_count is;
        int64_t wanted, ms;
        bool missed;
    } cases[] = {
        { { .stopped = 1 }, 1, 3000, false },
        { { .stopped = 1 }, 1, 7000, true },
        { { .draining = 1 }, 1, 3000, false },
        { { .draining = 1 }, 1, 7000, true },
        { { .serving = 1, .stopped = 1 },
          1,
          60000,
          false }, /* one left, another serves */
        { { .serving = 1, .draining = 1 }, 1, 60000, false },
        { { .serving = 1, .stopped = 1 }, 2, 60000, true },
        { { 0 }, 0, 60000, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct presences t = { 0 };
        int64_t now = stands(&t, 0, ONE, 1000, 1000);
        now = stands(&t, cases[i].wanted, cases[i].is, now, cases[i].ms);
        assert_int_equal(presence_is_missed(&t.p[0], now), cases[i].missed);
    }
}

static void our_own_start_is_not_their_absence(void **state)
{
    (void)state;
    struct presences t = { 0 };
    int64_t now = stands(&t, 1, NOBODY, 1000, 9000);
    assert_false(presence_is_missed(&t.p[0], now));
    now = stands(&t, 1, NOBODY, now, 2000);
    assert_true(presence_is_missed(&t.p[0], now));
    assert_false(t.p[0].heard);
    assert_int_equal(t.p[0].since_us, WALL + 1000 * 1000);
}

static void short_gaps_do_not_add_up(void **state)
{
    (void)state;
    struct presences t = { 0 };
    int64_t now = 1000;
    for (int i = 0; i < 10; i++) {
        now = stands(&t, 1, i % 2 ? DRAINS : STOPPED, now, 3000);
        assert_false(presence_is_missed(&t.p[0], now));
        now = stands(&t, 1, ONE, now, 1000);
    }
}

static void who_was_heard_stays_so(void **state)
{
    (void)state;
    struct presences t = { 0 };
    int64_t now = stands(&t, 1, ONE, 1000, 1000);
    now = stands(&t, 1, NOBODY, now, 600000);
    assert_true(presence_is_missed(&t.p[0], now) && t.p[0].heard);
}

static void more_services_than_places_are_left_out(void **state)
{
    (void)state;
    struct presences t = { 0 };
    char name[64];
    for (int i = 0; i < PRESENCE_SERVICES + 3; i++) {
        snprintf(name, sizeof name, "s%d", i);
        presence_note(&t, str_of(name), 1, &NOBODY, 1000, WALL);
    }
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    presence_note(&t, str_of(name), 1, &NOBODY, 1000, WALL);
    assert_int_equal(t.n, PRESENCE_SERVICES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_gone_or_drains_is_missed_and_a_restart_is_not),
        cmocka_unit_test(our_own_start_is_not_their_absence),
        cmocka_unit_test(short_gaps_do_not_add_up),
        cmocka_unit_test(who_was_heard_stays_so),
        cmocka_unit_test(more_services_than_places_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
