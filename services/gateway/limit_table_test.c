#include "gateway/limit_table.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"

enum { SECOND = 1000000 };

static const struct limit FIVE = { .rule = { { 5, 60 * (int64_t)SECOND } }, .n = 1 };

static unsigned taken(struct limit_table *t, uint64_t key, unsigned tries, int64_t now)
{
    unsigned n = 0;
    for (unsigned i = 0; i < tries; i++)
        n += limit_table_take(t, key, &FIVE, now).allowed;
    return n;
}

static void test_each_key_has_its_own_bucket(void **state)
{
    (void)state;
    struct limit_table *t = limit_table_new(1024);
    uint64_t a = limit_table_key(t, "a", 1), b = limit_table_key(t, "b", 1);
    assert_true(a != b);
    assert_int_equal(a, limit_table_key(t, "a", 1));
    assert_int_equal(taken(t, a, 50, SECOND), 5);
    assert_int_equal(taken(t, b, 50, SECOND), 5);
    assert_false(limit_table_look(t, a, &FIVE, SECOND).allowed);
    assert_true(limit_table_look(t, a, &FIVE, 13 * SECOND).allowed);
    limit_table_free(&t);
    assert_null(t);
}

static void test_looking_makes_no_bucket(void **state)
{
    (void)state;
    struct limit_table *t = limit_table_new(128);
    for (uint64_t key = 1; key < 10000; key++)
        assert_true(limit_table_look(t, key, &FIVE, SECOND).allowed);
    limit_table_free(&t);
}

static void test_a_used_up_bucket_outlives_a_flood(void **state)
{
    (void)state;
    struct limit_table *t = limit_table_new(128);
    uint64_t bad = limit_table_key(t, "bad", 3);
    assert_int_equal(taken(t, bad, 50, SECOND), 5);
    for (uint64_t key = 1; key <= 100000; key++)
        taken(t, key * 2654435761u, 1, SECOND);
    assert_int_equal(taken(t, bad, 50, SECOND), 0);
    limit_table_free(&t);
}

static void test_a_full_table_still_limits(void **state)
{
    (void)state;
    struct limit_table *t = limit_table_new(128);
    for (uint64_t key = 1; key <= 5000; key++)
        assert_int_equal(taken(t, key, 6, SECOND), 5);
    limit_table_free(&t);
}

struct taker {
    struct limit_table *table;
    uint64_t key;
    unsigned passed;
};

static void *take_many(void *arg)
{
    struct taker *taker = arg;
    taker->passed = taken(taker->table, taker->key, 20000, SECOND);
    return NULL;
}

static void test_threads_share_a_bucket(void **state)
{
    (void)state;
    struct limit_table *t = limit_table_new(128);
    struct taker taker[4];
    pthread_t thread[ARRAY_LEN(taker)];
    unsigned sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(taker); i++) {
        taker[i] = (struct taker){ t, limit_table_key(t, "x", 1), 0 };
        assert_int_equal(pthread_create(&thread[i], NULL, take_many, &taker[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(taker); i++) {
        pthread_join(thread[i], NULL);
        sum += taker[i].passed;
    }
    assert_int_equal(sum, 5);
    limit_table_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_key_has_its_own_bucket),
        cmocka_unit_test(test_looking_makes_no_bucket),
        cmocka_unit_test(test_a_used_up_bucket_outlives_a_flood),
        cmocka_unit_test(test_a_full_table_still_limits),
        cmocka_unit_test(test_threads_share_a_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
