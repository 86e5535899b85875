#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gateway/negotiate.h"

static const char HTML[] = "text/html", JSON[] = "application/json";

struct test_case {
    const char *accept, *produces, *media_type; /* NULL: 406 */
    bool problem;
};

static const struct test_case CASES[] = {
    { "", NULL, JSON, false },
    { "*/*", NULL, JSON, false },
    { "application/json", NULL, JSON, false },
    { "APPLICATION/JSON", NULL, JSON, false },
    { "application/*", NULL, JSON, false },
    { "application/json; indent=4", NULL, JSON, false },
    { " text/plain , application/json;q=0.1", NULL, JSON, false },
    { "text/html", NULL, JSON, false },
    { "text/html,application/xhtml+xml,*/*;q=0.8", NULL, JSON, false },
    { "application/problem+json", NULL, JSON, true },
    { "application/json, application/problem+json", NULL, JSON, true },
    { "application/problem+json;q=0, */*", NULL, JSON, false },
    { "application/xml", NULL, NULL, false },
    { "image/png, text/plain", NULL, NULL, false },
    { "application/json;q=0", NULL, NULL, false },
    { "application/json;q=0.000, */*", NULL, NULL, false },
    { ",", NULL, NULL, false },
    { "", HTML, HTML, false },
    { "*/*", HTML, HTML, false },
    { "text/*", HTML, HTML, false },
    { "text/html,application/xhtml+xml,*/*;q=0.8", HTML, HTML, false },
    { "application/json", HTML, JSON, false },
    { "text/html, application/json", HTML, JSON, false },
    { "text/html;q=0, */*", HTML, JSON, false },
    { "application/xml", HTML, NULL, false },
};

/* Of what has no JSON. */
static const struct test_case ONLY[] = {
    { "*/*", HTML, HTML, false },
    { "text/html, application/json", HTML, HTML, false },
    { "application/json", HTML, NULL, false },
    { "application/problem+json", HTML, NULL, true },
    { "application/json", NULL, JSON, false },
};

static void check(const struct test_case *cases, size_t n, bool only)
{
    for (const struct test_case *c = cases; c < cases + n; c++) {
        struct gateway_format f = gateway_negotiate(str_of(c->accept), c->produces, only);
        bool right =
            f.acceptable == (c->media_type != NULL) && f.problem == c->problem &&
            (!f.acceptable || str_eq(str_of(f.media_type), str_of(c->media_type)));
        if (!right)
            fail_msg("'%s' for %s: %s", c->accept, c->produces ? c->produces : JSON,
                     f.acceptable ? f.media_type : "refused");
    }
}

static void test_cases(void **state)
{
    (void)state;
    check(CASES, ARRAY_LEN(CASES), false);
    check(ONLY, ARRAY_LEN(ONLY), true);
}

static void test_query_format(void **state)
{
    (void)state;
    assert_true(gateway_query_format_known(STR("")));
    assert_true(gateway_query_format_known(STR("page=2&format=json")));
    assert_true(gateway_query_format_known(STR("reformat=xml&q=format=xml")));
    assert_false(gateway_query_format_known(STR("page=2&format=xml")));
    assert_true(gateway_query_format_known(STR("format=")));
    assert_true(gateway_query_format_known(STR("format")));
    assert_false(gateway_query_format_known(STR("format=&format=xml")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_query_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
