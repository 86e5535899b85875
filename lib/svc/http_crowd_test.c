#include "svc/http_crowd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"

enum { LIMIT = 32, PLACES = 30 };

/* A seed under which the addresses of these tests have numbers of their own. */
static void init(struct http_crowd *c)
{
    http_crowd_init(c, LIMIT);
    c->seed = 1;
}

static void enter(struct http_crowd *c, struct http_crowd_member *m, const char *client,
                  int64_t waits_ms)
{
    *m = (struct http_crowd_member){ 0 };
    m->waits_ms = waits_ms;
    http_crowd_enter(c, m, client);
}

/* The place in m of who must leave, -1: nobody. */
static int chosen(const struct http_crowd *c, const struct http_crowd_member *m, int n)
{
    int found = -1;
    for (int i = 0; i < n; i++)
        if (http_crowd_before(c, &m[i], found < 0 ? NULL : &m[found]))
            found = i;
    return found;
}

static void test_places(void **state)
{
    (void)state;
    static const struct {
        unsigned limit, places;
    } CASES[] = { { 1, 1 }, { 8, 7 }, { LIMIT, PLACES }, { 512, 480 } };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct http_crowd c;
        struct http_crowd_member m = { 0 };
        http_crowd_init(&c, CASES[i].limit);
        for (unsigned n = 0; n < CASES[i].places; n++)
            assert_false(http_crowd_enter(&c, &m, "192.0.2.1"));
        assert_true(http_crowd_enter(&c, &m, "192.0.2.1"));
    }
}

static void test_most_of_one_client_then_longest(void **state)
{
    (void)state;
    struct http_crowd c;
    struct http_crowd_member m[4];
    init(&c);
    enter(&c, &m[0], "192.0.2.1", 10); /* waits longest, but is alone */
    enter(&c, &m[1], "192.0.2.2", 30);
    enter(&c, &m[2], "192.0.2.2", 20);
    enter(&c, &m[3], "192.0.2.2", 40);
    assert_int_equal(chosen(&c, m, 4), 2);
    http_crowd_told(&c, &m[2]); /* never chosen twice */
    assert_int_equal(chosen(&c, m, 4), 1);
    http_crowd_leave(&c, &m[1]);
    http_crowd_leave(&c, &m[2]); /* counted once: both were told or left */
    assert_int_equal(c.n, 2);
    assert_int_equal(c.count[m[3].group], 1);
    assert_int_equal(chosen(&c, (struct http_crowd_member[]){ m[0], m[3] }, 2), 0);
}

static void test_who_waits_for_us_stays(void **state)
{
    (void)state;
    struct http_crowd c;
    struct http_crowd_member m[3];
    init(&c);
    for (int i = 0; i < 3; i++)
        enter(&c, &m[i], "192.0.2.2", i);
    m[0].ours = m[2].ours = true;
    assert_int_equal(chosen(&c, m, 3), 1);
    m[1].ours = true;
    assert_int_equal(chosen(&c, m, 3), -1);
}

/* Who owns a network of IPv6 has more addresses than there are places. */
static void test_one_client_of_ipv6_is_a_network(void **state)
{
    (void)state;
    struct http_crowd c;
    struct http_crowd_member m[3];
    init(&c);
    enter(&c, &m[0], "2001:db8::1", 0);
    enter(&c, &m[1], "2001:db8::2", 0);
    enter(&c, &m[2], "2001:db8:0:1::1", 0);
    assert_int_equal(m[0].group, m[1].group);
    assert_int_not_equal(m[0].group, m[2].group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_most_of_one_client_then_longest),
        cmocka_unit_test(test_who_waits_for_us_stays),
        cmocka_unit_test(test_one_client_of_ipv6_is_a_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
