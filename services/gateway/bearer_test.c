#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gateway/bearer.h"

static const struct {
    const char *header;
    enum gateway_bearer want;
    const char *token;
} CASES[] = {
    { "", BEARER_NONE, NULL },
    { "Token x", BEARER_NONE, NULL },
    { "Basic x", BEARER_NONE, NULL },
    { "Bearerx y", BEARER_NONE, NULL },
    { "Bearer", BEARER_MALFORMED, NULL },
    { "Bearer ", BEARER_MALFORMED, NULL },
    { "Bearer a b", BEARER_MALFORMED, NULL },
    { "Bearer a", BEARER_TOKEN, "a" },
    { "bearer a.b.c", BEARER_TOKEN, "a.b.c" },
    { "  BEARER \t a.b.c  ", BEARER_TOKEN, "a.b.c" },
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct str token = STR("");
        enum gateway_bearer got = gateway_bearer_parse(str_of(CASES[i].header), &token);
        if (got != CASES[i].want || !str_eq(token, str_of(CASES[i].token)))
            fail_msg("'%s': %d, '%.*s'", CASES[i].header, (int)got, STR_ARG(token));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
