#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gateway/envelope.h"

static const struct {
    const char *name;
    struct gateway_error error;
    const char *want;
} CASES[] = {
    { "the registry's text",
      { .e = ERR_NOT_FOUND, .request_id = "r1" },
      "{\"error\":true,\"status_code\":404,\"message\":\"Not "
      "Found\",\"details\":{\"detail\":"
      "\"The requested resource was not "
      "found.\"},\"code\":\"not_found\",\"request_id\":\"r1\"}" },
    { "a text of its own",
      { .e = ERR_METHOD_NOT_ALLOWED, .detail = "Method \"GET\" not allowed." },
      "{\"error\":true,\"status_code\":405,\"message\":\"Method Not "
      "Allowed\",\"details\":"
      "{\"detail\":\"Method \\\"GET\\\" not "
      "allowed.\"},\"code\":\"method_not_allowed\"}" },
    { "a service's details",
      { .e = ERR_VALIDATION, .details = { "{\"a\":[\"b\"]}", 11 } },
      "{\"error\":true,\"status_code\":400,\"message\":\"Bad Request\",\"details\":"
      "{\"a\":[\"b\"]},\"code\":\"invalid\"}" },
    { "a problem",
      { .e = ERR_NOT_FOUND, .request_id = "r1", .problem = true },
      "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":"
      "\"The requested resource was not found.\",\"code\":\"not_found\","
      "\"request_id\":\"r1\"}" },
    { "a problem with fields",
      { .e = ERR_VALIDATION, .details = { "{\"a\":[\"b\"]}", 11 }, .problem = true },
      "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"detail\":"
      "\"The request is not valid.\",\"code\":\"invalid\",\"errors\":{\"a\":[\"b\"]}}" },
    { "a problem with a service's text",
      { .e = ERR_PARSE, .details = { "{\"detail\":\"x\"}", 14 }, .problem = true },
      "{\"type\":\"about:blank\",\"title\":\"Bad "
      "Request\",\"status\":400,\"detail\":\"x\","
      "\"code\":\"parse_error\"}" },
    { "a bare list",
      { .e = ERR_VALIDATION, .details = { "[\"x\"]", 5 }, .problem = true },
      "{\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"detail\":"
      "\"The request is not valid.\",\"code\":\"invalid\",\"errors\":[\"x\"]}" },
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        AUTO_BUF struct buf b;
        buf_init(&b, 4096);
        gateway_envelope(&CASES[i].error, &b);
        if (!str_eq(buf_get(&b), str_of(CASES[i].want)))
            fail_msg("%s: %.*s", CASES[i].name, STR_ARG(buf_get(&b)));
    }
}

static void test_media_type(void **state)
{
    (void)state;
    assert_string_equal(gateway_envelope_type(&CASES[0].error), "application/json");
    assert_string_equal(gateway_envelope_type(&CASES[3].error),
                        "application/problem+json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_media_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
