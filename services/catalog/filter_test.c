#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "catalog/counts.h"
#include "catalog/filter.h"

#define WRONG "{\"price__gte\":[\"Enter a number.\"]}"
#define NO_CHOICE                                                                        \
    "{\"category\":[\"Select a valid choice. That choice is not one of the available "   \
    "choices.\"]}"
#define NO_LIST "{\"category__in\":[\"Enter a number.\"]}"

static const struct filter_case {
    const char *name;
    struct catalog_filter_input in;
    const char *errors; /* NULL: accepted */
    const char *categories, *price_gte;
    int64_t category;
} CASES[] = {
    { .name = "nothing" },
    { .name = "blanks", .in.category = STR(" "), .in.price_gte = STR(" ") },
    { .name = "category", .in.category = STR(" 7 "), .category = 7 },
    { .name = "category and price",
      .in.category = STR("7"),
      .in.price_gte = STR("1"),
      .category = 7,
      .price_gte = "1" },
    { .name = "list", .in.category_in = STR("1, 2"), .categories = "{1,2}" },
    { .name = "both",
      .in.category_in = STR("1,2"),
      .in.category = STR("2"),
      .category = 2 },
    { .name = "neither",
      .in.category_in = STR("1"),
      .in.category = STR("2"),
      .categories = "{}" },
    { .name = "zero", .in.category = STR("0"), .errors = NO_CHOICE },
    { .name = "word", .in.category = STR("x"), .errors = NO_CHOICE },
    { .name = "hole in a list", .in.category_in = STR("1,,2"), .errors = NO_LIST },
    { .name = "list that goes on", .in.category_in = STR("1,"), .category = 1 },
    { .name = "decimal", .in.price_gte = STR(" -0012.50 "), .price_gte = "-0012.50" },
    { .name = "point first", .in.price_gte = STR(".5"), .price_gte = ".5" },
    { .name = "point last", .in.price_gte = STR("5."), .price_gte = "5." },
    { .name = "exponent", .in.price_gte = STR("+1E-3"), .price_gte = "+1E-3" },
    { .name = "point only", .in.price_gte = STR("."), .errors = WRONG },
    { .name = "sign only", .in.price_gte = STR("-"), .errors = WRONG },
    { .name = "two points", .in.price_gte = STR("1.2.3"), .errors = WRONG },
    { .name = "no exponent", .in.price_gte = STR("1e"), .errors = WRONG },
    { .name = "huge exponent", .in.price_gte = STR("1e1000"), .errors = WRONG },
    { .name = "hexadecimal", .in.price_gte = STR("0x10"), .errors = WRONG },
    { .name = "not finite", .in.price_gte = STR("Infinity"), .errors = WRONG },
    { .name = "tail", .in.price_gte = STR("1 or 1"), .errors = WRONG },
};

static void same(struct str got, const char *want)
{
    assert_int_equal(got.p != NULL, want != NULL);
    if (want)
        assert_true(str_eq(got, str_of(want)));
}

static void filters_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const struct filter_case *t = &CASES[i];
        struct catalog_filter f;
        struct arena a;
        struct buf errors;
        print_message("%s\n", t->name);
        arena_init(&a);
        buf_init(&errors, 4096);
        assert_int_equal(catalog_filter_parse(&t->in, &a, &f, &errors), !t->errors);
        if (t->errors) {
            assert_true(str_eq(buf_get(&errors), str_of(t->errors)));
        } else {
            same(f.categories, t->categories);
            same(f.price_gte, t->price_gte);
            assert_int_equal(f.category, t->category);
            assert_int_equal(f.others, t->price_gte != NULL);
            assert_int_equal(f.any, t->categories || t->category || t->price_gte);
        }
        buf_deinit(&errors);
        arena_deinit(&a);
    }
}

static void every_wrong_filter_is_told(void **state)
{
    (void)state;
    const struct catalog_filter_input in = { STR("x"), STR("y"), STR("z"), STR("w"),
                                             STR("any name") };
    struct catalog_filter f;
    struct arena a;
    struct buf errors;
    arena_init(&a);
    buf_init(&errors, 4096);
    assert_false(catalog_filter_parse(&in, &a, &f, &errors));
    for (const char *const *field =
             (const char *const[]){ "\"category\":", "\"category__in\":",
                                    "\"price__gte\":", "\"price__lte\":", NULL };
         *field; field++)
        assert_non_null(memmem(errors.p, errors.n, *field, strlen(*field)));
    buf_deinit(&errors);
    arena_deinit(&a);
}

static void totals_are_kept_for_a_while(void **state)
{
    (void)state;
    struct catalog_counts *c = catalog_counts_new();
    int64_t n = -1;
    assert_false(catalog_counts_find(c, STR("a"), 100, &n));
    const struct catalog_counted seven = { .count = 7, .age = catalog_counts_age(c) };
    catalog_counts_keep(c, STR("a"), 100, &seven);
    assert_true(catalog_counts_find(c, STR("a"), 100 + CATALOG_COUNTS_KEEP_MS - 1, &n));
    assert_int_equal(n, 7);
    assert_false(catalog_counts_find(c, STR("a"), 100 + CATALOG_COUNTS_KEEP_MS, &n));
    assert_false(catalog_counts_find(c, STR("b"), 100, &n));
    catalog_counts_clear(c);
    assert_true(catalog_counts_age(c) != seven.age);
    assert_false(catalog_counts_find(c, STR("a"), 100, &n));
    catalog_counts_keep(c, STR("a"), 100, &seven); /* counted before the clear */
    assert_false(catalog_counts_find(c, STR("a"), 100, &n));
    catalog_counts_free(&c);
    assert_null(c);
}

static void dear_totals_outlive_a_write(void **state)
{
    (void)state;
    struct catalog_counts *c = catalog_counts_new();
    int64_t n = -1;
    struct catalog_counted dear = { 9, CATALOG_COUNTS_DEAR_MS, catalog_counts_age(c) };
    catalog_counts_keep(c, STR("a"), 0, &dear);
    catalog_counts_clear(c);
    assert_true(catalog_counts_find(c, STR("a"), CATALOG_COUNTS_KEEP_MS - 1, &n));
    assert_int_equal(n, 9);
    assert_false(catalog_counts_find(c, STR("a"), CATALOG_COUNTS_KEEP_MS, &n));
    catalog_counts_keep(c, STR("b"), 0, &dear); /* a write came while it was counted */
    assert_true(catalog_counts_find(c, STR("b"), 0, &n));
    dear.took_ms--;
    catalog_counts_keep(c, STR("d"), 0, &dear);
    assert_false(catalog_counts_find(c, STR("d"), 0, &n));
    catalog_counts_free(&c);
}

static void totals_are_few_and_keys_short(void **state)
{
    (void)state;
    struct catalog_counts *c = catalog_counts_new();
    char key[CATALOG_COUNTS_KEY_MAX + 1] = { 0 };
    int64_t n = 0;
    memset(key, 'k', sizeof(key));
    struct catalog_counted counted = { .count = 1, .age = catalog_counts_age(c) };
    catalog_counts_keep(c, (struct str){ key, sizeof(key) }, 0, &counted);
    assert_false(catalog_counts_find(c, (struct str){ key, sizeof(key) }, 0, &n));
    unsigned held = 0;
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "key %d", i);
        counted.count = i;
        catalog_counts_keep(c, str_of(key), 0, &counted);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "key %d", i);
        if (catalog_counts_find(c, str_of(key), 0, &n)) {
            assert_int_equal(n, i); /* never another one's */
            held++;
        }
    }
    assert_in_range(held, 1, 64);
    catalog_counts_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_are_read),
        cmocka_unit_test(every_wrong_filter_is_told),
        cmocka_unit_test(totals_are_kept_for_a_while),
        cmocka_unit_test(dear_totals_outlive_a_write),
        cmocka_unit_test(totals_are_few_and_keys_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
