#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"

static void test_uuid7_counts_upwards(void **state)
{
    uint8_t last[16], next[16];
    (void)state;
    id_uuid7(last);
    for (int i = 0; i < 100000; i++) {
        id_uuid7(next);
        assert_true(memcmp(last, next, 16) < 0);
        assert_int_equal(next[6] >> 4, 7);
        assert_int_equal(next[8] >> 6, 2);
        memcpy(last, next, 16);
    }
}

static void test_uuid7_holds_the_time(void **state)
{
    uint8_t id[16];
    int64_t ms = 0, before = clock_wall_us() / 1000;
    (void)state;
    id_uuid7(id);
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id[i];
    assert_true(ms >= before && ms <= clock_wall_us() / 1000);
}

static void test_uuid5(void **state)
{
    /* RFC 9562, appendix A.4: www.example.com in the DNS name space. */
    uint8_t dns[16], id[16];
    char text[ID_UUID_TEXT];
    (void)state;
    assert_true(id_uuid_parse(STR("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), dns));
    id_uuid5(dns, STR("www.example.com"), id);
    assert_string_equal(id_uuid_text(id, text), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

static void test_uuid_text(void **state)
{
    static const char *const bad[] = {
        "",
        "2ed6657d-e927-568b-95e1-2665a8aea6a",
        "2ed6657d-e927-568b-95e1-2665a8aea6a22",
        "2ed6657de927-568b-95e1-2665a8aea6a22",
        "2ed6657d-e927-568b-95e1-2665a8aea6ag",
        "{ed6657d-e927-568b-95e1-2665a8aea6a2",
        "2ed6657d-e927-568b-95e12-665a8aea6a2",
    };
    uint8_t id[16], other[16] = { 0 }, untouched[16] = { 0 };
    char text[ID_UUID_TEXT];
    (void)state;
    assert_true(id_uuid_parse(STR("2ED6657D-e927-568b-95e1-2665a8aea6a2"), id));
    assert_string_equal(id_uuid_text(id, text), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(id_uuid_parse(str_of(bad[i]), other));
        assert_memory_equal(other, untouched, 16);
    }
}

static void test_hex(void **state)
{
    char text[9];
    uint8_t bytes[4] = { 0 };
    (void)state;
    assert_string_equal(hex_encode("\x00\x7f\xab\xff", 4, text), "007fabff");
    assert_true(hex_decode(STR("007FabFf"), bytes, 4));
    assert_memory_equal(bytes, "\x00\x7f\xab\xff", 4);
    assert_false(hex_decode(STR("007fabf"), bytes, 4));
    assert_false(hex_decode(STR("007fabff0"), bytes, 4));
    assert_false(hex_decode(STR("007fabfx"), bytes, 4));
    assert_false(hex_decode(STR("007fab f"), bytes, 4));
}

static void test_base64(void **state)
{
    /* RFC 4648 section 10, and two that tell the alphabets apart. */
    static const struct {
        const char *bytes, *url, *mime;
    } cases[] = {
        { "", "", "" },
        { "f", "Zg", "Zg==" },
        { "fo", "Zm8", "Zm8=" },
        { "foo", "Zm9v", "Zm9v" },
        { "foob", "Zm9vYg", "Zm9vYg==" },
        { "fooba", "Zm9vYmE", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy", "Zm9vYmFy" },
        { "\xfb\xff", "-_8", "+/8=" },
    };
    char text[16], back[16];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = strlen(cases[i].bytes);
        assert_int_equal(b64url_encode(cases[i].bytes, n, text), strlen(cases[i].url));
        assert_string_equal(text, cases[i].url);
        assert_true(strlen(text) < B64URL_SIZE(n));
        assert_int_equal(b64url_decode(str_of(text), back), (int)n);
        assert_memory_equal(back, cases[i].bytes, n);
        assert_int_equal(b64_encode(cases[i].bytes, n, text), strlen(cases[i].mime));
        assert_string_equal(text, cases[i].mime);
    }
}

static void test_base64_is_strict(void **state)
{
    static const char *const bad[] = {
        "Z", "Zg==", "Zg=", "Zm9vY", "Zm 9", "Zm9+", "Zm9/", "Zh", "Zm9vYmF", "Zm\n8",
    };
    char out[16];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        print_message("%s\n", bad[i]);
        assert_int_equal(b64url_decode(str_of(bad[i]), out), -1);
    }
}

static void test_random(void **state)
{
    uint8_t a[32] = { 0 }, b[32] = { 0 };
    (void)state;
    id_random(a, sizeof a);
    id_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uuid7_counts_upwards),
        cmocka_unit_test(test_uuid7_holds_the_time),
        cmocka_unit_test(test_uuid5),
        cmocka_unit_test(test_uuid_text),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64_is_strict),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
