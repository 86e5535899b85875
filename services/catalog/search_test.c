#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "catalog/search.h"

static void texts_become_patterns(void **state)
{
    (void)state;
    static const struct {
        const char *text, *first, *rest;
    } cases[] = {
        { "", "%", "{}" },
        { " ,, ", "%", "{}" },
        { "laptop", "%laptop%", "{}" },
        { "a laptop,b", "%laptop%", "{\"%a%\",\"%b%\"}" },
        { "\"red green\"", "%red green%", "{}" },
        { "'red green' x", "%red green%", "{\"%x%\"}" },
        { "\"open", "%\"open%", "{}" },
        { "\"\" x", "%x%", "{}" },
        { "50%_\\", "%50\\%\\_\\\\%", "{}" },
        { "longest 5% a\\b \"", "%longest%",
          "{\"%5\\\\%%\",\"%a\\\\\\\\b%\",\"%\\\"%\"}" },
        { "\xc3\xa9 \xe4\xb8\xad\xe6\x96\x87", "%\xe4\xb8\xad\xe6\x96\x87%",
          "{\"%\xc3\xa9%\"}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf first, rest;
        buf_init(&first, 256);
        buf_init(&rest, 256);
        print_message("%s\n", cases[i].text);
        catalog_search_parse(str_of(cases[i].text), &first, &rest);
        assert_string_equal(first.p, cases[i].first);
        assert_string_equal(rest.p, cases[i].rest);
        buf_deinit(&first);
        buf_deinit(&rest);
    }
}

static void orders_are_allowed_ones(void **state)
{
    (void)state;
    static const struct {
        const char *text, *first, *second;
    } cases[] = {
        { "", "-created_at", NULL },
        { "price", "price", NULL },
        { "-price", "-price", NULL },
        { "--price", "-created_at", NULL },
        { "name,id", "-created_at", NULL },
        { "nonsense, price ", "price", NULL },
        { "price,-price", "price", NULL },
        { "-price,price,created_at", "-price", "created_at" },
        { "created_at,-price,price", "created_at", "-price" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *keys[2];
        print_message("%s\n", cases[i].text);
        catalog_order_parse(str_of(cases[i].text), keys);
        assert_string_equal(keys[0], cases[i].first);
        assert_int_equal(!keys[1], !cases[i].second);
        if (keys[1])
            assert_string_equal(keys[1], cases[i].second);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_patterns),
        cmocka_unit_test(orders_are_allowed_ones),
    };
    return cmocka_run_group_tests_name("catalog search", tests, NULL, NULL);
}
