#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "catalog/page.h"

static void pages_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *page, *size;
        bool is_page;
        int64_t number, rows;
    } cases[] = {
        { "", "", true, 1, 10 },
        { "1", "", true, 1, 10 },
        { "7", "25", true, 7, 25 },
        { "last", "", true, 0, 10 },
        { "2", "0", true, 2, 10 },
        { "2", "-5", true, 2, 10 },
        { "2", "x", true, 2, 10 },
        { "2", "1000", true, 2, 100 },
        { "2", "99999999999999999999", true, 2, 100 },
        { "02", "05", true, 2, 5 },
        { "0", "", false, 0, 0 },
        { "-1", "", false, 0, 0 },
        { "abc", "", false, 0, 0 },
        { "1.0", "", false, 0, 0 },
        { "LAST", "", false, 0, 0 },
        { "+1", "", false, 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct catalog_page p;
        print_message("page '%s' of '%s'\n", cases[i].page, cases[i].size);
        assert_int_equal(
            catalog_page_parse(str_of(cases[i].page), str_of(cases[i].size), &p),
            cases[i].is_page);
        if (!cases[i].is_page)
            continue;
        assert_true(p.number == cases[i].number);
        assert_true(p.size == cases[i].rows);
    }
}

static void the_first_page_always_exists(void **state)
{
    (void)state;
    static const struct {
        int64_t number, size, count, shown;
    } cases[] = {
        { 1, 10, 0, 1 },  { 0, 10, 0, 1 },  { 2, 10, 0, 0 },  { 1, 10, 10, 1 },
        { 2, 10, 10, 0 }, { 2, 10, 11, 2 }, { 0, 10, 11, 2 }, { 0, 10, 10, 1 },
        { 3, 4, 9, 3 },   { 4, 4, 9, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct catalog_page p = { cases[i].number, cases[i].size };
        assert_true(catalog_page_shown(&p, cases[i].count) == cases[i].shown);
    }
}

static void links_keep_what_the_client_sent(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        int64_t page;
        const char *expected;
    } cases[] = {
        { "", 1, "http://h/p/" },
        { "", 2, "http://h/p/?page=2" },
        { "page=2", 1, "http://h/p/" },
        { "page=2&page=3", 4, "http://h/p/?page=4" },
        { "z=1&a=2", 3, "http://h/p/?a=2&page=3&z=1" },
        { "a=2&a=1&A=0", 1, "http://h/p/?A=0&a=2&a=1" },
        { "s=%22x+y%22%26", 2, "http://h/p/?page=2&s=%22x%20y%22%26" },
        { "pag=1&pages=2", 2, "http://h/p/?pag=1&page=2&pages=2" },
        { "flag&=x&&e=", 1, "http://h/p/?e=&flag=" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct buf out;
        arena_init(&a);
        buf_init(&out, 1024);
        struct catalog_link l = { STR("http://h"), "/p/", str_of(cases[i].query) };
        catalog_page_link(&l, cases[i].page, &a, &out);
        assert_string_equal(out.p, cases[i].expected);
        buf_deinit(&out);
        arena_deinit(&a);
    }
}

static void a_flood_of_parameters_is_cut(void **state)
{
    (void)state;
    char query[2 * 500 + 1];
    for (int i = 0; i < 500; i++) {
        query[2 * i] = 'a';
        query[2 * i + 1] = '&';
    }
    query[1000] = '\0';
    struct arena a;
    struct buf out;
    arena_init(&a);
    buf_init(&out, 4096);
    struct catalog_link l = { STR(""), "/", str_of(query) };
    catalog_page_link(&l, 2, &a, &out);
    assert_non_null(strstr(out.p, "page=2"));
    assert_true(out.n < 64 * 8);
    buf_deinit(&out);
    arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_found),
        cmocka_unit_test(the_first_page_always_exists),
        cmocka_unit_test(links_keep_what_the_client_sent),
        cmocka_unit_test(a_flood_of_parameters_is_cut),
    };
    return cmocka_run_group_tests_name("catalog page", tests, NULL, NULL);
}
