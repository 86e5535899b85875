#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "monitor/search.h"

static const int64_t NOW = 1790000000LL * 1000000; /* 2026-09-21T14:13:20Z */

static void mistakes_are_told_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t position;
        const char *word;
    } cases[] = {
        { "kim \"open", 4, "not closed" },
        { "(kim", 0, "not closed" },
        { "kim)", 3, "not opened" },
        { "kim OR", 6, "missing" },
        { "OR kim", 0, "expected" },
        { "kim AND AND joe", 8, "expected" },
        { "()", 1, "expected" },
        { "-", 1, "missing" },
        { "\"\"", 0, "Nothing" },
        { "state:", 6, "value" },
        { "kwargs:recipient=", 7, "value" },
        { "state:gone", 6, "No such state" },
        { "x state:gone", 8, "No such state" },
        { "colour:red", 7, "No such field" },
        { "attempts:many", 9, "number" },
        { "attempts:>", 9, "number" },
        { "attempts:1..x", 9, "number" },
        { "created:soon", 8, "time" },
        { "created:2026-13-99", 8, "time" },
        { "created:5", 8, "time" },
        { "took:x", 5, "seconds" },
        { "id:5", 3, "whole id" },
        { "request:zz", 8, "request id" },
        { "((((((a))))))", 5, "5 deep" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct search_error e;
        arena_init(&a);
        if (search_parse(str_of(cases[i].text), NOW, &a, &e))
            fail_msg("%s parses", cases[i].text);
        assert_non_null(e.message);
        if (!strstr(e.message, cases[i].word) ||
            (e.position != cases[i].position && strcmp(cases[i].word, "No such field")))
            fail_msg("%s: %zu %s", cases[i].text, e.position, e.message);
        arena_deinit(&a);
    }
}

static void limits_hold(void **state)
{
    (void)state;
    char text[SEARCH_BYTES_MAX + 2];
    struct arena a;
    struct search_error e;
    arena_init(&a);
    memset(text, 'a', sizeof text);
    assert_null(search_parse((struct str){ text, sizeof text - 1 }, NOW, &a, &e));
    assert_non_null(search_parse((struct str){ text, SEARCH_BYTES_MAX }, NOW, &a, &e));
    for (size_t i = 0; i < 2 * SEARCH_TERMS_MAX + 2; i += 2)
        memcpy(text + i, "a ", 2);
    assert_non_null(
        search_parse((struct str){ text, 2 * SEARCH_TERMS_MAX }, NOW, &a, &e));
    assert_null(
        search_parse((struct str){ text, 2 * SEARCH_TERMS_MAX + 2 }, NOW, &a, &e));
    arena_deinit(&a);
}

static void the_mailer_filters_what_it_can(void **state)
{
    (void)state;
    static const struct {
        const char *text, *filter;
        bool exact;
    } cases[] = {
        { "", "{}", true },
        { "state:dead", "{\"states\":[\"dead\"]}", true },
        { "state:dead OR state:expired", "{\"states\":[\"dead\",\"expired\"]}", true },
        { "-state:sent",
          "{\"states\":[\"ready\",\"leased\",\"dead\",\"expired\",\"suppressed\","
          "\"revoked\"]}",
          true },
        { "-(state:sent OR state:dead) state:dead",
          "{\"where\":[{\"op\":\"and\"},{\"op\":\"not\"},{\"op\":\"or\"},{\"op\":\"is\","
          "\"field\":\"state\",\"text\":\"sent\"},{\"op\":\"is\",\"field\":\"state\","
          "\"text\":\"dead\"},{\"op\":\"is\",\"field\":\"state\",\"text\":\"dead\"}]}",
          false },
        { "state:retry", "{\"states\":[\"ready\"],\"attempt_min\":1}", true },
        { "-state:retry",
          "{\"where\":[{\"op\":\"not\"},{\"op\":\"and\"},{\"op\":\"within\",\"field\":"
          "\"attempt\",\"min\":1},{\"op\":\"is\",\"field\":\"state\",\"text\":\"ready\"}]"
          "}",
          false },
        { "state:dead OR kim",
          "{\"where\":[{\"op\":\"or\"},{\"op\":\"is\",\"field\":\"state\",\"text\":"
          "\"dead\"},{\"op\":\"word\",\"text\":\"kim\"}]}",
          false },
        { "to:@example.org state:dead",
          "{\"states\":[\"dead\"],\"recipient\":\"@example.org\"}", true },
        { "to:a to:b",
          "{\"recipient\":\"a\",\"where\":[{\"op\":\"and\"},{\"op\":\"has\",\"field\":"
          "\"recipient\",\"text\":\"a\"},{\"op\":\"has\",\"field\":\"recipient\","
          "\"text\":\"b\"}]}",
          false },
        { "kim@example.org",
          "{\"recipient\":\"kim@example.org\",\"where\":[{\"op\":\"word\",\"text\":\"kim@"
          "example.org\"}]}",
          false },
        { "kim", "{\"where\":[{\"op\":\"word\",\"text\":\"kim\"}]}", false },
        { "user:7 code:550", "{\"user_id\":7,\"code\":550}", true },
        { "code:500..599",
          "{\"where\":[{\"op\":\"within\",\"field\":\"code\",\"min\":500,\"max\":599}]}",
          false },
        { "attempts:2..5", "{\"attempt_min\":2,\"attempt_max\":5}", true },
        { "created:2026-09-21",
          "{\"created_from\":\"2026-09-21T00:00:00Z\",\"created_to\":"
          "\"2026-09-22T00:00:00Z\"}",
          true },
        { "created:<2h", "{\"created_from\":\"2026-09-21T12:13:20Z\"}", true },
        { "kwargs:recipient=Kim@example.org", "{\"recipient\":\"kim@example.org\"}",
          true },
        { "kwargs:kim", "{\"recipient\":\"kim\"}", true },
        { "args:kim", "{\"recipient\":\"kim\"}", true },
        { "request:A91c07f2a91c07f2a91c07f2a91c07f2",
          "{\"request_id\":\"a91c07f2a91c07f2a91c07f2a91c07f2\"}", true },
        { "worker:w OR -name:n",
          "{\"where\":[{\"op\":\"or\"},{\"op\":\"has\",\"field\":\"worker\",\"text\":"
          "\"w\"},{\"op\":\"not\"},{\"op\":\"has\",\"field\":\"template\",\"text\":\"n\"}"
          "]}",
          false },
        { "state:failure attempts:1 took:<2",
          "{\"states\":[\"dead\",\"expired\"],\"attempt_min\":1,\"attempt_max\":1,"
          "\"where\":[{\"op\":\"and\"},{\"op\":\"and\"},{\"op\":\"or\"},{\"op\":\"is\","
          "\"field\":\"state\",\"text\":\"dead\"},{\"op\":\"is\",\"field\":\"state\","
          "\"text\":\"expired\"},{\"op\":\"within\",\"field\":\"attempt\",\"min\":1,"
          "\"max\":1},{\"op\":\"within\",\"field\":\"took\",\"max\":1999999}]}",
          false },
        { "took:>1",
          "{\"where\":[{\"op\":\"within\",\"field\":\"took\",\"min\":1000001}]}", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct search_error e;
        struct buf b;
        struct jsonw w;
        arena_init(&a);
        buf_init(&b, 4096);
        const struct search *s = search_parse(str_of(cases[i].text), NOW, &a, &e);
        assert_non_null(s);
        jw_begin(&w, &b);
        jw_object(&w);
        bool exact = search_write_filter(s, &w);
        jw_object_end(&w);
        jw_end(&w);
        if (exact != cases[i].exact || strcmp(b.p, cases[i].filter) != 0)
            fail_msg("%s: %d %s", cases[i].text, exact, b.p);
        buf_deinit(&b);
        arena_deinit(&a);
    }
}

static void a_job_id_is_known_as_one(void **state)
{
    (void)state;
    static const char ID[] = "5f19c2e0-7b41-5d7e-8f00-000000000001";
    static const struct {
        const char *text;
        bool is;
    } cases[] = { { "5f19c2e0-7b41-5d7e-8f00-000000000001", true },
                  { "id:5f19c2e0-7b41-5d7e-8f00-000000000001", true },
                  { "-id:5f19c2e0-7b41-5d7e-8f00-000000000001", false },
                  { "event:5f19c2e0-7b41-5d7e-8f00-000000000001", false },
                  { "kim", false },
                  { "", false } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct search_error e;
        arena_init(&a);
        const struct search *s = search_parse(str_of(cases[i].text), NOW, &a, &e);
        struct str id = search_job_id(s);
        assert_int_equal(str_eq(id, str_of(ID)), cases[i].is);
        arena_deinit(&a);
    }
}

/* Whatever bytes come, the parser ends and says something. */
static void any_bytes_are_taken(void **state)
{
    (void)state;
    static const char PARTS[] = "()-\":<>.. aOR\xff\0";
    srand(7);
    for (int round = 0; round < 20000; round++) {
        char text[40];
        struct arena a;
        struct search_error e;
        size_t n = (size_t)rand() % sizeof text;
        arena_init(&a);
        for (size_t i = 0; i < n; i++)
            text[i] = PARTS[(size_t)rand() % sizeof PARTS];
        const struct search *s = search_parse((struct str){ text, n }, NOW, &a, &e);
        assert_true(s || (e.message && e.position <= n));
        arena_deinit(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(the_mailer_filters_what_it_can),
        cmocka_unit_test(a_job_id_is_known_as_one),
        cmocka_unit_test(any_bytes_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
