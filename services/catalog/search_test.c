#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "catalog/search.h"

/* The patterns of a search text as the text of an array. */
static void patterns_of(const char *text, struct arena *a, struct buf *out)
{
    struct catalog_term *terms;
    unsigned n = catalog_search_parse(str_of(text), a, &terms);
    buf_char(out, '{');
    for (unsigned i = 0; i < n; i++)
        catalog_search_add(out, terms[i].pattern);
    buf_char(out, '}');
}

static void texts_become_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *text, *patterns;
    } cases[] = {
        { "", "{}" },
        { " ,, ", "{}" },
        { "laptop", "{\"%laptop%\"}" },
        { "a laptop,b", "{\"%a%\",\"%laptop%\",\"%b%\"}" },
        { "\"red green\"", "{\"%red green%\"}" },
        { "'red green' x", "{\"%red green%\",\"%x%\"}" },
        { "\"open", "{\"%\\\"open%\"}" },
        { "\"\" x", "{\"%x%\"}" },
        { "50%_\\", "{\"%50\\\\%\\\\_\\\\\\\\%\"}" },
        { "longest 5% a\\b \"",
          "{\"%longest%\",\"%5\\\\%%\",\"%a\\\\\\\\b%\",\"%\\\"%\"}" },
        { "\xc3\xa9 \xe4\xb8\xad\xe6\x96\x87",
          "{\"%\xc3\xa9%\",\"%\xe4\xb8\xad\xe6\x96\x87%\"}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct buf out;
        arena_init(&a);
        buf_init(&out, 256);
        print_message("%s\n", cases[i].text);
        patterns_of(cases[i].text, &a, &out);
        assert_string_equal(out.p, cases[i].patterns);
        buf_deinit(&out);
        arena_deinit(&a);
    }
}

static void an_index_finds_three_letters_in_a_row(void **state)
{
    (void)state;
    static const struct {
        const char *term;
        bool indexed;
    } cases[] = {
        { "abc", true },
        { "ab", false },
        { "a1b", true },
        { "ab-c", false },
        { "x-y-abc", true },
        { "%_%", false },
        { "A\xc3\xa9z", true },                /* e with an accent */
        { "\xe4\xb8\xad\xe6\x96\x87", false }, /* two Chinese signs, six bytes */
        { "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97", true },
        { "\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80", false }, /* faces */
        { "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac", false },             /* euros */
        { "ab\xc3", false }, /* broken: read no further */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct catalog_term *terms;
        arena_init(&a);
        print_message("%s\n", cases[i].term);
        assert_int_equal(catalog_search_parse(str_of(cases[i].term), &a, &terms), 1);
        assert_int_equal(terms[0].indexed, cases[i].indexed);
        assert_int_equal(terms[0].length, strlen(cases[i].term));
        arena_deinit(&a);
    }
}

static void more_terms_than_enough_are_passed_over(void **state)
{
    (void)state;
    char text[1001];
    struct arena a;
    struct catalog_term *terms;
    for (size_t i = 0; i < 1000; i++)
        text[i] = i % 2 ? ' ' : 'x';
    text[1000] = '\0';
    arena_init(&a);
    assert_int_equal(catalog_search_parse(str_of(text), &a, &terms), 256);
    arena_deinit(&a);
}

static void orders_are_allowed_ones(void **state)
{
    (void)state;
    static const struct {
        const char *text, *first, *second, *last;
    } cases[] = {
        { "", "-created_at", NULL, "-id" },
        { "created_at", "created_at", NULL, "id" },
        { "price", "price", "created_at", "id" },
        { "-price", "-price", "-created_at", "-id" },
        { "--price", "-created_at", NULL, "-id" },
        { "name,id", "-created_at", NULL, "-id" },
        { "nonsense, price ", "price", "created_at", "id" },
        { "price,-price", "price", "created_at", "id" },
        { "price,-created_at", "price", "-created_at", "-id" },
        { "-price,price,created_at", "-price", "created_at", "id" },
        { "created_at,-price,price", "created_at", "-price", "-id" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].text);
        struct catalog_order o = catalog_order_parse(str_of(cases[i].text));
        assert_string_equal(o.keys[0], cases[i].first);
        assert_int_equal(!o.keys[1], !cases[i].second);
        if (o.keys[1])
            assert_string_equal(o.keys[1], cases[i].second);
        assert_string_equal(o.last, cases[i].last);
    }
}

static void equal_orders_are_known(void **state)
{
    (void)state;
    struct catalog_order o = catalog_order_parse(STR("price,created_at"));
    assert_true(catalog_order_is(&o, "price"));
    assert_false(catalog_order_is(&o, "-price"));
    assert_false(catalog_order_is(&o, "created_at"));
    o = catalog_order_parse(STR("price,-created_at"));
    assert_false(catalog_order_is(&o, "price"));
    o = catalog_order_parse(STR(""));
    assert_true(catalog_order_is(&o, "-created_at"));
    o = catalog_order_parse(STR("-created_at,price"));
    assert_false(catalog_order_is(&o, "-created_at"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_patterns),
        cmocka_unit_test(an_index_finds_three_letters_in_a_row),
        cmocka_unit_test(more_terms_than_enough_are_passed_over),
        cmocka_unit_test(orders_are_allowed_ones),
        cmocka_unit_test(equal_orders_are_known),
    };
    return cmocka_run_group_tests_name("catalog search", tests, NULL, NULL);
}
