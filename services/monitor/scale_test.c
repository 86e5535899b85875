#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "monitor/scale.h"

static const int64_t WALL = 1790000000000000;

struct world {
    struct scales scales;
    struct changes changes;
    int64_t now_ms;
};

/* Seconds go by with these counts. */
static void pass(struct world *w, int seconds, int live, int broken)
{
    for (int i = 0; i < seconds; i++, w->now_ms += 1000)
        scale_note(&w->scales, &w->changes, "catalog", live, broken, w->now_ms, WALL);
}

static void assert_told(const struct world *w, unsigned times, const char *text)
{
    assert_int_equal(w->changes.n, times);
    if (times == 0)
        return;
    const struct change *c = &w->changes.ring[w->changes.next - 1];
    assert_string_equal(c->text, text);
    assert_string_equal(c->kind, "scaled");
    assert_string_equal(c->subject, "catalog");
}

static void two_of_them(struct world *w)
{
    *w = (struct world){ .now_ms = 1000 };
    pass(w, 15, 2, 0);
    assert_told(w, 0, NULL);
}

static void one_more_and_one_less_are_told_once(void **state)
{
    (void)state;
    struct world w;
    two_of_them(&w);
    pass(&w, 10, 3, 0);
    assert_told(&w, 0, NULL);
    pass(&w, 20, 3, 0);
    assert_told(&w, 1, "catalog scaled 2 \u2192 3");
    pass(&w, 20, 1, 0);
    assert_told(&w, 2, "catalog scaled 3 \u2192 1");
    pass(&w, 20, 0, 0);
    assert_told(&w, 3, "catalog scaled 1 \u2192 0");
}

static void the_first_number_is_news_to_nobody(void **state)
{
    (void)state;
    struct world w = { .now_ms = 1000 };
    pass(&w, 5, 1, 0);
    pass(&w, 30, 3, 0);
    assert_told(&w, 0, NULL);
}

static void a_restart_is_no_scaling(void **state)
{
    (void)state;
    struct world w;
    two_of_them(&w);
    pass(&w, 9, 1, 0); /* a farewell, and back within the time */
    pass(&w, 9, 3, 0); /* the successor before the predecessor goes */
    pass(&w, 30, 2, 0);
    assert_told(&w, 0, NULL);
}

static void a_crash_is_no_scaling(void **state)
{
    (void)state;
    struct world w;
    two_of_them(&w);
    pass(&w, 30, 1, 1);
    assert_told(&w, 0, NULL);
    pass(&w, 30, 2, 1); /* another one in its place */
    assert_told(&w, 0, NULL);
    scale_lost(&w.scales, "catalog"); /* the crashed one is no longer shown */
    pass(&w, 30, 2, 0);
    assert_told(&w, 0, NULL);
}

static void a_crash_without_a_successor_is_none_either(void **state)
{
    (void)state;
    struct world w;
    two_of_them(&w);
    pass(&w, 30, 1, 1);
    scale_lost(&w.scales, "catalog");
    pass(&w, 30, 1, 0);
    assert_told(&w, 0, NULL);
    pass(&w, 30, 2, 0); /* and this is one more than there was left */
    assert_told(&w, 1, "catalog scaled 1 \u2192 2");
}

static void a_farewell_beside_a_crash_is_told(void **state)
{
    (void)state;
    struct world w;
    two_of_them(&w);
    pass(&w, 30, 0, 1);
    assert_told(&w, 1, "catalog scaled 2 \u2192 1");
}

static void services_are_apart_and_bounded(void **state)
{
    (void)state;
    struct world w;
    two_of_them(&w);
    char name[16];
    for (int i = 0; i < SCALE_SERVICES + 5; i++) {
        snprintf(name, sizeof name, "s%d", i);
        scale_note(&w.scales, &w.changes, name, 7, 0, w.now_ms, WALL);
        scale_lost(&w.scales, name);
    }
    pass(&w, 15, 2, 0);
    assert_told(&w, 0, NULL);
    assert_int_equal(w.scales.n, SCALE_SERVICES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_more_and_one_less_are_told_once),
        cmocka_unit_test(the_first_number_is_news_to_nobody),
        cmocka_unit_test(a_restart_is_no_scaling),
        cmocka_unit_test(a_crash_is_no_scaling),
        cmocka_unit_test(a_crash_without_a_successor_is_none_either),
        cmocka_unit_test(a_farewell_beside_a_crash_is_told),
        cmocka_unit_test(services_are_apart_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
