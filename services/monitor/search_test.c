#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "monitor/search.h"

static const int64_t NOW = 1790000000LL * 1000000; /* 2026-09-21T14:13:20Z */

static const char JOB[] =
    "{\"job_id\":\"5f19c2e0-7b41-5d7e-8f00-000000000001\",\"event_id\":"
    "\"5f19c2e0-7b41-5d7e-8f00-000000000002\",\"template\":\"verification\","
    "\"recipient\":\"Kim@Example.org\",\"state\":\"dead\",\"attempt\":3,"
    "\"created_at\":\"2026-09-21T13:13:20Z\",\"finished_at\":\"2026-09-21T13:13:22."
    "500000Z\","
    "\"last_code\":550,\"last_error\":\"550 5.1.1 mailbox unavailable\",\"worker\":"
    "\"mailer-1\",\"request_id\":\"a91c07f2a91c07f2a91c07f2a91c07f2\",\"user_id\":4117}";

static void rows_fit_or_not(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool fits;
    } cases[] = {
        { "", true },
        { "   ", true },
        { "kim", true },
        { "KIM", true },
        { "joe", false },
        { "unavailable", true },
        { "kim verif", true },
        { "kim AND joe", false },
        { "kim OR joe", true },
        { "joe OR kim verification", true },
        { "joe OR kim welcome", false },
        { "(joe OR kim) welcome", false },
        { "(joe OR kim) -welcome", true },
        { "NOT joe", true },
        { "-kim", false },
        { "--kim", true },
        { "NOT NOT kim", true },
        { "-(joe OR kim)", false },
        { "\"mailbox unavailable\"", true },
        { "\"unavailable mailbox\"", false },
        { "error:\"mailbox unavailable\"", true },
        { "state:dead", true },
        { "state:DEAD", true },
        { "state:sent", false },
        { "state:failure", true },
        { "-state:sent", true },
        { "state:retry", false },
        { "name:verif", true },
        { "template:welcome", false },
        { "to:@example.org", true },
        { "to:example.com", false },
        { "worker:mailer", true },
        { "id:5F19C2E0-7b41-5d7e-8f00-000000000001", true },
        { "id:5f19c2e0-7b41-5d7e-8f00-000000000002", false },
        { "event:5f19c2e0-7b41-5d7e-8f00-000000000002", true },
        { "request:a91c07f2a91c07f2a91c07f2a91c07f2", true },
        { "user:4117", true },
        { "user:>4117", false },
        { "attempts:3", true },
        { "attempts:>2", true },
        { "attempts:>3", false },
        { "attempts:>=3", true },
        { "attempts:<3", false },
        { "attempts:<=3", true },
        { "attempts:2..5", true },
        { "attempts:4..5", false },
        { "code:550", true },
        { "code:500..599", true },
        { "code:451", false },
        { "created:2026-09-21", true },
        { "created:2026-09-20", false },
        { "created:>2026-09-21", true },
        { "created:<2026-09-21", false },
        { "created:2026-09-20..2026-09-22", true },
        { "created:>2026-09-21T13:00:00Z", true },
        { "created:<2h", true },
        { "created:<30m", false },
        { "created:>30m", true },
        { "finished:<90m", true },
        { "took:>2", true },
        { "took:>2.6", false },
        { "took:<=2.5", true },
        { "took:1..3", true },
        { "took:<1m", true },
        { "-state:sent attempts:>1 to:@example.org", true },
    };
    json_t *job = json_loads(JOB, 0, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct search_error e;
        arena_init(&a);
        const struct search *s = search_parse(str_of(cases[i].text), NOW, &a, &e);
        if (!s)
            fail_msg("%s: %s at %zu", cases[i].text, e.message, e.position);
        if (search_fits(s, job) != cases[i].fits)
            fail_msg("%s", cases[i].text);
        arena_deinit(&a);
    }
    json_decref(job);
}

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
        { "-(state:sent OR state:dead) state:dead", "{}", false },
        { "state:retry", "{\"states\":[\"ready\"],\"attempt_min\":1}", true },
        { "-state:retry", "{}", false },
        { "state:dead OR kim", "{}", false },
        { "to:@example.org state:dead",
          "{\"states\":[\"dead\"],\"recipient\":\"@example.org\"}", true },
        { "to:a to:b", "{\"recipient\":\"a\"}", false },
        { "kim@example.org", "{\"recipient\":\"kim@example.org\"}", false },
        { "kim", "{}", false },
        { "user:7 code:550", "{\"user_id\":7,\"code\":550}", true },
        { "code:500..599", "{}", false },
        { "attempts:2..5", "{\"attempt_min\":2,\"attempt_max\":5}", true },
        { "created:2026-09-21",
          "{\"created_from\":\"2026-09-21T00:00:00Z\",\"created_to\":"
          "\"2026-09-22T00:00:00Z\"}",
          true },
        { "created:<2h", "{\"created_from\":\"2026-09-21T12:13:20Z\"}", true },
        { "request:A91c07f2a91c07f2a91c07f2a91c07f2",
          "{\"request_id\":\"a91c07f2a91c07f2a91c07f2a91c07f2\"}", true },
        { "took:>1", "{}", false },
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
        cmocka_unit_test(rows_fit_or_not),
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(the_mailer_filters_what_it_can),
        cmocka_unit_test(a_job_id_is_known_as_one),
        cmocka_unit_test(any_bytes_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
