#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "catalog/flights.h"

static unsigned length(const struct catalog_waiter *w)
{
    unsigned n = 0;
    for (; w; w = w->next)
        n++;
    return n;
}

static void equal_questions_are_asked_once(void **state)
{
    (void)state;
    struct catalog_flights *f = catalog_flights_new();
    struct catalog_waiter w[5], *answered, *late;
    struct catalog_flight *one = catalog_flights_join(f, STR("one"), 7, &w[0]);
    struct catalog_flight *two = catalog_flights_join(f, STR("two"), 7, &w[1]);
    assert_non_null(one);
    assert_non_null(two);
    assert_null(catalog_flights_join(f, STR("one"), 7, &w[2]));
    assert_null(catalog_flights_join(f, STR("one"), 7, &w[3]));
    assert_true(str_eq(catalog_flight_key(one), STR("one")));
    assert_int_equal(catalog_flight_age(one), 7);
    catalog_flights_end(f, &one, &answered, &late);
    assert_null(one);
    assert_null(late);
    assert_ptr_equal(answered, &w[0]);
    assert_ptr_equal(answered->next, &w[2]);
    assert_ptr_equal(answered->next->next, &w[3]);
    assert_int_equal(length(answered), 3);
    one = catalog_flights_join(f, STR("one"), 7, &w[4]); /* the last one is over */
    assert_non_null(one);
    catalog_flights_end(f, &two, &answered, &late);
    assert_int_equal(length(answered), 1);
    catalog_flights_free(&f); /* with one under way */
    assert_null(f);
}

static void who_comes_after_a_write_asks_again(void **state)
{
    (void)state;
    struct catalog_flights *f = catalog_flights_new();
    struct catalog_waiter w[4], *answered, *late;
    struct catalog_flight *flight = catalog_flights_join(f, STR("k"), 1, &w[0]);
    assert_null(catalog_flights_join(f, STR("k"), 2, &w[1]));
    assert_null(catalog_flights_join(f, STR("k"), 3, &w[2]));
    assert_null(catalog_flights_join(f, STR("k"), 1, &w[3]));
    catalog_flights_end(f, &flight, &answered, &late);
    assert_int_equal(length(answered), 2);
    assert_ptr_equal(answered->next, &w[3]);
    assert_int_equal(length(late), 2);
    assert_ptr_equal(late, &w[1]);
    flight = catalog_flights_join(f, STR("k"), 3, &w[1]);
    assert_non_null(flight);
    assert_null(catalog_flights_join(f, STR("k"), 3, &w[2]));
    catalog_flights_end(f, &flight, &answered, &late);
    assert_int_equal(length(answered), 2);
    assert_null(late);
    catalog_flights_free(&f);
}

static void a_question_may_be_empty(void **state)
{
    (void)state;
    struct catalog_flights *f = catalog_flights_new();
    struct catalog_waiter w[2], *answered, *late;
    struct catalog_flight *flight = catalog_flights_join(f, STR(""), 1, &w[0]);
    assert_non_null(flight);
    assert_null(catalog_flights_join(f, STR(""), 1, &w[1]));
    catalog_flights_end(f, &flight, &answered, &late);
    assert_int_equal(length(answered), 2);
    catalog_flights_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_questions_are_asked_once),
        cmocka_unit_test(who_comes_after_a_write_asks_again),
        cmocka_unit_test(a_question_may_be_empty),
    };
    return cmocka_run_group_tests_name("catalog flights", tests, NULL, NULL);
}
