#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "catalog/anchors.h"

static void learn(struct catalog_anchors *a, const char *changes, int64_t count,
                  int64_t offset)
{
    const struct catalog_place place = { .offset = offset,
                                         .id = 1000000 - offset,
                                         .created_at = STR("2026-01-01 00:00:00+00") };
    catalog_anchors_learn(a, str_of(changes), count, &place);
}

static void nothing_known_is_from_the_top(void **state)
{
    (void)state;
    struct catalog_anchors *a = catalog_anchors_new();
    for (int64_t page = 0; page < 4; page++)
        assert_int_equal(catalog_anchors_route(a, page, 10).way, CATALOG_FROM_TOP);
    catalog_anchors_free(&a);
    assert_null(a);
}

/* 1,005 rows; the rows at 300 and 600 are known. */
static const struct {
    int64_t page, size;
    enum catalog_way way;
    int64_t id, rows, skip;
} CASES[] = {
    { 1, 10, CATALOG_FROM_TOP, 0, 0, 0 },
    { 2, 10, CATALOG_FROM_TOP, 0, 0, 0 },
    { 31, 10, CATALOG_ONWARDS, 1000000 - 300, 10, 0 },
    { 32, 10, CATALOG_ONWARDS, 1000000 - 300, 10, 10 },
    { 30, 10, CATALOG_BACKWARDS, 1000000 - 300, 10, 0 },
    { 20, 10, CATALOG_BACKWARDS, 1000000 - 300, 10, 100 },
    { 10, 10, CATALOG_FROM_TOP, 0, 0, 0 },
    { 50, 10, CATALOG_BACKWARDS, 1000000 - 600, 10, 100 },
    { 61, 10, CATALOG_ONWARDS, 1000000 - 600, 10, 0 },
    { 101, 10, CATALOG_BACKWARDS, 0, 5, 0 },
    { 0, 10, CATALOG_BACKWARDS, 0, 5, 0 },
    { 100, 10, CATALOG_BACKWARDS, 0, 10, 5 },
    { 102, 10, CATALOG_FROM_TOP, 0, 0, 0 },
    { 4, 100, CATALOG_ONWARDS, 1000000 - 300, 100, 0 },
    { 0, 100, CATALOG_BACKWARDS, 0, 5, 0 },
    { INT64_MAX / 200, 100, CATALOG_FROM_TOP, 0, 0, 0 },
};

static void the_nearest_known_row_is_taken(void **state)
{
    (void)state;
    struct catalog_anchors *a = catalog_anchors_new();
    learn(a, "7", 1005, 600);
    learn(a, "7", 1005, 300);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct catalog_route r = catalog_anchors_route(a, CASES[i].page, CASES[i].size);
        print_message("page %lld\n", (long long)CASES[i].page);
        assert_int_equal(r.way, CASES[i].way);
        if (r.way == CATALOG_FROM_TOP)
            continue;
        assert_int_equal(r.id, CASES[i].id);
        assert_int_equal(r.rows, CASES[i].rows);
        assert_int_equal(r.skip, CASES[i].skip);
        assert_true(str_eq(r.changes, STR("7")));
    }
    catalog_anchors_free(&a);
}

static void another_state_forgets_all(void **state)
{
    (void)state;
    struct catalog_anchors *a = catalog_anchors_new();
    learn(a, "7", 1005, 300);
    learn(a, "8", 1006, 600);
    struct catalog_route r = catalog_anchors_route(a, 31, 10);
    assert_true(r.way != CATALOG_ONWARDS || r.id != 1000000 - 300);
    r = catalog_anchors_route(a, 61, 10);
    assert_int_equal(r.skip, 0);
    assert_true(str_eq(r.changes, STR("8")));
    catalog_anchors_free(&a);
}

static void there_are_never_too_many(void **state)
{
    (void)state;
    struct catalog_anchors *a = catalog_anchors_new();
    srand(7);
    for (int i = 0; i < 20000; i++) {
        int64_t offset = rand() % 100000;
        learn(a, "7", 1000000, offset);
        struct catalog_route r = catalog_anchors_route(a, offset + 1, 1);
        if (offset > 0) {
            assert_int_equal(r.way, CATALOG_ONWARDS);
            assert_int_equal(r.id, 1000000 - offset);
            assert_int_equal(r.skip, 0);
        }
    }
    learn(a, "a state whose text is much longer than any sum of sixteen numbers is", 1,
          0);
    assert_int_equal(catalog_anchors_route(a, 0, 10).way, CATALOG_BACKWARDS);
    catalog_anchors_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_known_is_from_the_top),
        cmocka_unit_test(the_nearest_known_row_is_taken),
        cmocka_unit_test(another_state_forgets_all),
        cmocka_unit_test(there_are_never_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
