/* The set of revocations: what it refuses, for how long, and how full it may get. */
#include "gateway/revocation_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static const uint8_t SID[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static const uint8_t OTHER[16] = { 1, 2, 3 };
enum { NOW = 1000, UNTIL = 2000 };

static enum revocation_cause check(const struct revocation_set *s, const uint8_t *sid,
                                   int64_t user, int64_t uv)
{
    return revocation_set_check(s, sid, user, uv, NOW);
}

static void test_a_session(void **state)
{
    (void)state;
    struct revocation_set *s = revocation_set_new(10);
    assert_int_equal(check(s, SID, 7, 1), REVOKED_NOT);
    assert_true(revocation_set_add_session(s, SID, UNTIL));
    assert_int_equal(check(s, SID, 7, 1), REVOKED_ENDED);
    assert_int_equal(check(s, SID, 8, 99), REVOKED_ENDED);
    assert_int_equal(check(s, OTHER, 7, 1), REVOKED_NOT);
    revocation_set_free(&s);
}

static void test_a_user(void **state)
{
    (void)state;
    struct revocation_set *s = revocation_set_new(10);
    assert_true(revocation_set_add_user(s, 7, 3, REVOKED_ENDED, UNTIL));
    assert_int_equal(check(s, SID, 7, 2), REVOKED_ENDED);
    assert_int_equal(check(s, SID, 7, 3), REVOKED_NOT);
    assert_int_equal(check(s, SID, 7, 4), REVOKED_NOT);
    assert_int_equal(check(s, SID, 8, 1), REVOKED_NOT);
    revocation_set_free(&s);
}

/* A user's number must not be taken for the session of the same bytes. */
static void test_kinds_are_apart(void **state)
{
    (void)state;
    struct revocation_set *s = revocation_set_new(10);
    uint8_t sid[16] = { 0 };
    int64_t user = 7;
    memcpy(sid, &user, sizeof user);
    assert_true(revocation_set_add_user(s, user, 9, REVOKED_ENDED, UNTIL));
    assert_int_equal(check(s, sid, 8, 1), REVOKED_NOT);
    assert_true(revocation_set_add_session(s, sid, UNTIL));
    assert_int_equal(check(s, sid, 8, 1), REVOKED_ENDED);
    assert_int_equal(check(s, OTHER, user, 9), REVOKED_NOT);
    revocation_set_free(&s);
}

/* One member a step: what is added, and what a token of version 2 is told then. */
static void test_the_higher_version_counts(void **state)
{
    (void)state;
    static const struct {
        int64_t min_uv;
        enum revocation_cause cause, expected;
    } STEPS[] = {
        { 3, REVOKED_INACTIVE, REVOKED_INACTIVE },
        { 3, REVOKED_ENDED, REVOKED_ENDED },   /* activated again */
        { 2, REVOKED_DELETED, REVOKED_ENDED }, /* old news */
        { 4, REVOKED_DELETED, REVOKED_DELETED },
        { 3, REVOKED_ENDED, REVOKED_DELETED },
    };
    struct revocation_set *s = revocation_set_new(10);
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++) {
        assert_true(
            revocation_set_add_user(s, 7, STEPS[i].min_uv, STEPS[i].cause, UNTIL));
        assert_int_equal(check(s, SID, 7, 2), STEPS[i].expected);
    }
    assert_int_equal(revocation_set_count(s), 1);
    revocation_set_free(&s);
}

static void test_an_entry_ends(void **state)
{
    (void)state;
    struct revocation_set *s = revocation_set_new(10);
    revocation_set_add_session(s, SID, NOW);
    revocation_set_add_user(s, 7, 3, REVOKED_ENDED, NOW + 1);
    assert_int_equal(check(s, SID, 8, 1), REVOKED_NOT);
    assert_int_equal(check(s, SID, 7, 2), REVOKED_ENDED);
    assert_int_equal(revocation_set_check(s, SID, 7, 2, NOW + 1), REVOKED_NOT);
    assert_int_equal(revocation_set_living(s, NOW), 1);
    assert_int_equal(revocation_set_count(s), 2);
    /* the longer of two times, whichever came first */
    revocation_set_add_user(s, 7, 3, REVOKED_ENDED, NOW - 5);
    assert_int_equal(check(s, SID, 7, 2), REVOKED_ENDED);
    revocation_set_free(&s);
}

static void fill(struct revocation_set *s, int64_t from, int64_t n, int64_t until)
{
    for (int64_t i = from; i < from + n; i++) {
        uint8_t sid[16] = { 0 };
        memcpy(sid + 4, &i, sizeof i);
        assert_true(revocation_set_add_session(s, sid, until));
        assert_true(revocation_set_add_user(s, i, 5, REVOKED_INACTIVE, until));
    }
}

static void test_many(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct revocation_set *s = revocation_set_new(2 * N);
    fill(s, 1, N, UNTIL);
    assert_int_equal(revocation_set_count(s), 2 * N);
    for (int64_t i = 1; i <= 2 * N; i++) {
        uint8_t sid[16] = { 0 };
        memcpy(sid + 4, &i, sizeof i);
        bool in = i <= N;
        assert_int_equal(check(s, OTHER, i, 4), in ? REVOKED_INACTIVE : REVOKED_NOT);
        assert_int_equal(check(s, sid, 0, 9), in ? REVOKED_ENDED : REVOKED_NOT);
    }
    revocation_set_free(&s);
}

static void test_room_and_copy(void **state)
{
    (void)state;
    struct revocation_set *s = revocation_set_new(1);
    size_t room = revocation_set_room(s);
    fill(s, 1, (int64_t)room / 2, UNTIL);
    assert_int_equal(revocation_set_count(s), room);
    assert_false(revocation_set_add_session(s, SID, UNTIL));
    assert_int_equal(check(s, SID, 0, 9), REVOKED_NOT);
    assert_true(revocation_set_add_user(s, 1, 6, REVOKED_DELETED, UNTIL)); /* is in it */

    struct revocation_set *bigger = revocation_set_copy(s, NOW, 10);
    assert_true(revocation_set_room(bigger) >= 2 * room + 10);
    assert_int_equal(revocation_set_count(bigger), room);
    assert_int_equal(check(bigger, OTHER, 1, 5), REVOKED_DELETED);
    assert_int_equal(check(bigger, OTHER, 2, 4), REVOKED_INACTIVE);
    assert_true(revocation_set_add_session(bigger, SID, UNTIL));

    struct revocation_set *later = revocation_set_copy(bigger, UNTIL, 0);
    assert_int_equal(revocation_set_count(later), 0);
    assert_int_equal(check(later, SID, 1, 1), REVOKED_NOT);
    revocation_set_free(&s);
    revocation_set_free(&bigger);
    revocation_set_free(&later);
    assert_null(s);
    revocation_set_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_session),
        cmocka_unit_test(test_a_user),
        cmocka_unit_test(test_kinds_are_apart),
        cmocka_unit_test(test_the_higher_version_counts),
        cmocka_unit_test(test_an_entry_ends),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_room_and_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
