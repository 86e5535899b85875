#include "mailer/job_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct {
    const char *in, *out; /* out NULL: refused */
} FILTERS[] = {
    { "{}", "{}" },
    { "{\"states\":[\"dead\",\"expired\"]}", "{\"states\":\"{dead,expired}\"}" },
    { "{\"states\":[]}", "{\"states\":\"{}\"}" },
    { "{\"states\":null,\"unknown\":1}", "{}" },
    { "{\"recipient\":\"a\\\"b%\",\"worker\":\"w\"}",
      "{\"recipient\":\"a\\\"b%\",\"worker\":\"w\"}" },
    { "{\"user_id\":7,\"code\":550,\"attempt_min\":0}",
      "{\"user_id\":7,\"attempt_min\":0,\"code\":550}" },
    { "{\"event_id\":\" 5F19C2E07B415D7E8F00000000000001 \"}",
      "{\"event_id\":\"5f19c2e0-7b41-5d7e-8f00-000000000001\"}" },
    { "{\"request_id\":\"5f19c2e0-7b41-5d7e-8f00-000000000001\"}",
      "{\"request_id\":\"5f19c2e07b415d7e8f00000000000001\"}" },
    { "{\"request_id\":\"5f19c2e0\"}", NULL },
    { "{\"event_id\":\"x\"}", NULL },
};

static void filters_become_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof FILTERS / sizeof *FILTERS; i++) {
        struct arena a;
        struct str got;
        const char *why;
        json_t *in = json_loads(FILTERS[i].in, 0, NULL);
        arena_init(&a);
        bool ok = job_filter_text(in, &a, &got, &why);
        assert_int_equal(ok, FILTERS[i].out != NULL);
        if (ok)
            assert_string_equal(arena_str(&a, got), FILTERS[i].out);
        else
            assert_non_null(why);
        arena_deinit(&a);
        json_decref(in);
    }
}

static void no_filter_is_an_empty_one(void **state)
{
    struct arena a;
    struct str got;
    const char *why;
    (void)state;
    arena_init(&a);
    assert_true(job_filter_text(NULL, &a, &got, &why));
    assert_true(str_eq(got, STR("{}")));
    arena_deinit(&a);
}

#define ID "5f19c2e0-7b41-5d7e-8f00-000000000001"

static void places_go_round(void **state)
{
    static const char *const GOOD[] = { "n.0." ID, "p.1799996400000000." ID, "n.-1." ID,
                                        "n.144115188075855871." ID };
    static const char *const BAD[] = { "",
                                       "n",
                                       "n.1",
                                       "x.1." ID,
                                       "n.-2." ID,
                                       "n.144115188075855872." ID,
                                       "n.99999999999999999999." ID,
                                       "n.1.5f19",
                                       "n.01." ID,
                                       "n.1." ID "0",
                                       "nn.1." ID };
    struct job_place p;
    char text[JOB_PLACE_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
        assert_true(job_place_parse(str_of(GOOD[i]), &p));
        assert_string_equal(job_place_text(&p, text), GOOD[i]);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_false(job_place_parse(str_of(BAD[i]), &p));
}

static void orders_have_names(void **state)
{
    enum job_sort sort;
    (void)state;
    assert_true(job_sort_parse(STR("finished"), &sort));
    assert_int_equal(sort, JOB_SORT_FINISHED);
    assert_string_equal(job_sort_name(sort), "finished");
    assert_false(job_sort_parse(STR("recipient"), &sort));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_become_text),
        cmocka_unit_test(no_filter_is_an_empty_one),
        cmocka_unit_test(places_go_round),
        cmocka_unit_test(orders_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
