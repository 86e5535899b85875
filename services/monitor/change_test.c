#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "monitor/change.h"

static const int64_t WALL = 1790000000000000;

static const struct change *newest(const struct changes *c, unsigned back)
{
    return &c->ring[(c->next + CHANGES_MAX - 1 - back) % CHANGES_MAX];
}

static struct change earlier(int64_t id)
{
    return (struct change){ .id = id, .wall_us = id, .kind = "up", .subject = "auth-1" };
}

static void what_an_earlier_run_wrote_goes_behind_what_is_new(void **state)
{
    (void)state;
    struct changes c = { 0 };
    changes_note(&c, WALL, "frozen", "auth-1", "", "auth-1 froze");
    for (int64_t id = WALL; id > WALL - 3; id--) {
        struct change old = earlier(id);
        /* the first is the one that is there */
        assert_int_equal(changes_put_older(&c, &old), id < WALL);
    }
    changes_note(&c, WALL + 9, "up", "auth-1", "", "auth-1 is up");
    assert_int_equal(c.n, 4);
    for (unsigned i = 1; i < c.n; i++)
        assert_true(newest(&c, i)->id < newest(&c, i - 1)->id);
    assert_int_equal(newest(&c, 3)->id, WALL - 2);
}

static void an_empty_ring_takes_them_and_goes_on_counting(void **state)
{
    (void)state;
    struct changes c = { 0 };
    struct change a = earlier(WALL + 5), b = earlier(WALL);
    assert_true(changes_put_older(&c, &a) && changes_put_older(&c, &b));
    changes_note(&c, WALL, "up", "auth-1", "", "the clock was set back");
    assert_int_equal(newest(&c, 0)->id, WALL + 6);
    assert_int_equal(newest(&c, 1)->id, WALL + 5);
    assert_int_equal(newest(&c, 2)->id, WALL);
}

static void full_is_full(void **state)
{
    (void)state;
    static struct changes c;
    for (int64_t i = 0; i < CHANGES_MAX + 5; i++) {
        struct change old = earlier(WALL - i);
        assert_int_equal(changes_put_older(&c, &old), i < CHANGES_MAX);
    }
    assert_int_equal(newest(&c, 0)->id, WALL);
    changes_note(&c, WALL + 1, "up", "auth-1", "", "the oldest makes room");
    assert_int_equal(c.n, CHANGES_MAX);
    assert_int_equal(newest(&c, CHANGES_MAX - 1)->id, WALL - CHANGES_MAX + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_earlier_run_wrote_goes_behind_what_is_new),
        cmocka_unit_test(an_empty_ring_takes_them_and_goes_on_counting),
        cmocka_unit_test(full_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
