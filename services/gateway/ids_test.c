#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "gateway/ids.h"

static const char HEX[] = "0123456789abcdef0123456789abcdef";
static const char PARENT[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

static struct gateway_ids fill(const char *request_id, const char *traceparent)
{
    struct gateway_ids ids;
    memset(&ids, 0xee, sizeof ids);
    gateway_ids_fill(&ids, str_of(request_id), str_of(traceparent));
    return ids;
}

static void test_hex_is_taken(void **state)
{
    (void)state;
    char text[33];
    struct gateway_ids ids = fill(HEX, "");
    assert_string_equal(hex_encode(ids.request_id, 16, text), HEX);
    assert_string_equal(ids.text, HEX);
}

static void test_uuid_is_taken(void **state)
{
    (void)state;
    char text[33];
    struct gateway_ids ids = fill("01234567-89AB-cdef-0123-456789abcdef", "");
    assert_string_equal(hex_encode(ids.request_id, 16, text), HEX);
    assert_string_equal(ids.text, "01234567-89AB-cdef-0123-456789abcdef");
}

static void test_other_texts_are_hashed(void **state)
{
    (void)state;
    struct gateway_ids a = fill("job-1", ""), b = fill("job-1", ""),
                       c = fill("job-2", "");
    assert_memory_equal(a.request_id, b.request_id, 16);
    assert_memory_not_equal(a.request_id, c.request_id, 16);
    assert_string_equal(a.text, "job-1");
}

static void test_unsafe_texts_are_replaced(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "a b",
        "a\"b",
        "<b>",
        "a\nb",
        "\xc3\xa9",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    char text[33];
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct gateway_ids ids = fill(BAD[i], "");
        assert_string_equal(ids.text, hex_encode(ids.request_id, 16, text));
    }
}

static void test_trace_goes_on(void **state)
{
    (void)state;
    char text[33];
    struct gateway_ids ids = fill("", PARENT);
    assert_string_equal(hex_encode(ids.trace_id, 16, text),
                        "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_string_not_equal(hex_encode(ids.span_id, 8, text), "00f067aa0ba902b7");
    assert_true(ids.sampled);
}

static void test_later_versions_are_read_as_the_first(void **state)
{
    (void)state;
    static const char *const LATER[] = {
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03",
        "fe-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-and-more",
    };
    char text[33];
    for (size_t i = 0; i < ARRAY_LEN(LATER); i++) {
        struct gateway_ids ids = fill("", LATER[i]);
        assert_string_equal(hex_encode(ids.trace_id, 16, text),
                            "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_true(ids.sampled);
    }
}

static void test_the_answer_names_the_trace(void **state)
{
    (void)state;
    char trace[33], span[17], want[64];
    const char *const given[] = { PARENT, "" };
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        struct gateway_ids ids = fill("", given[i]);
        snprintf(want, sizeof want, "00-%s-%s-%s", hex_encode(ids.trace_id, 16, trace),
                 hex_encode(ids.span_id, 8, span), i == 0 ? "01" : "00");
        assert_string_equal(ids.traceparent, want);
    }
}

static void test_bad_traces_start_anew(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "fe-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00x4bf92f3577b34da6a3ce929d0e0e4736x00f067aa0ba902b7x01",
    };
    char text[33];
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct gateway_ids ids = fill("", BAD[i]);
        assert_false(ids.sampled);
        assert_string_not_equal(hex_encode(ids.trace_id, 16, text),
                                "4bf92f3577b34da6a3ce929d0e0e4736");
    }
}

static void test_ids_differ(void **state)
{
    (void)state;
    struct gateway_ids a = fill("", ""), b = fill("", "");
    assert_memory_not_equal(a.request_id, b.request_id, 16);
    assert_memory_not_equal(a.span_id, b.span_id, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex_is_taken),
        cmocka_unit_test(test_uuid_is_taken),
        cmocka_unit_test(test_other_texts_are_hashed),
        cmocka_unit_test(test_unsafe_texts_are_replaced),
        cmocka_unit_test(test_trace_goes_on),
        cmocka_unit_test(test_later_versions_are_read_as_the_first),
        cmocka_unit_test(test_the_answer_names_the_trace),
        cmocka_unit_test(test_bad_traces_start_anew),
        cmocka_unit_test(test_ids_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
