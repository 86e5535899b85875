#include "svc/schema_fixture.h"

#define NAME_RULE                                                                        \
    "Enter a valid username. This value may contain only letters, numbers, and "         \
    "@/./+/-/_ characters."
#define EMAIL_RULE  "Enter a valid email address."
#define NUMBER_RULE "A valid number is required."
#define DIGITS      "Ensure that there are no more than 10 digits in total."
#define PLACES      "Ensure that there are no more than 2 decimal places."

#define WHOLE "Ensure that there are no more than 8 digits before the decimal point."

#define BOOL_RULE "Must be a valid boolean."
#define DATE_RULE                                                                        \
    "Datetime has wrong format. Use one of these formats instead: "                      \
    "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."

static void test_strings(void **state)
{
    static const struct field_case cases[] = {
        { "missing", NULL, NULL, "[\"" REQUIRED "\"]" },
        { NULL, "null", NULL, "[\"" NULL_NOT "\"]" },
        { NULL, "\"\"", NULL, "[\"" BLANK "\"]" },
        { NULL, "\" \\t\\u00a0\\u3000\"", NULL, "[\"" BLANK "\"]" },
        { NULL, "\"  abc\\n\"", "abc", NULL },
        { NULL, "\"\\u2003abc\\u0085\"", "abc", NULL },
        { NULL, "12345", "12345", NULL },
        { NULL, "1.50", "1.5", NULL },
        { NULL, "100.0", "100.0", NULL },
        { NULL, "true", NULL, "[\"Not a valid string.\"]" },
        { NULL, "[\"abc\"]", NULL, "[\"Not a valid string.\"]" },
        { NULL, "{}", NULL, "[\"Not a valid string.\"]" },
        { NULL, "\"ab\"", NULL, "[\"Ensure this field has at least 3 characters.\"]" },
        { NULL, "\"abcdef\"", NULL,
          "[\"Ensure this field has no more than 5 characters.\"]" },
        { "code points, not bytes", "\"\\u00e9\\u00e9\\u00e9\\u00e9\\ud83d\\ude00\"",
          "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xf0\x9f\x98\x80", NULL },
        { NULL, "\"ab\\u0000c\"", NULL, "[\"Null characters are not allowed.\"]" },
        { NULL, "\"ab\\ud800c\"", NULL,
          "[\"Surrogate characters are not allowed: U+D800.\"]" },
        { NULL, "\"ab\\udfffc\"", NULL,
          "[\"Surrogate characters are not allowed: U+DFFF.\"]" },
        { "an escaped backslash is no escape", "\"\\\\ud800\"", NULL,
          "[\"Ensure this field has no more than 5 characters.\"]" },
        { "several together", "\"abcd\\u0000\\uDC00f\"", NULL,
          "[\"Ensure this field has no more than 5 characters.\","
          "\"Null characters are not allowed.\","
          "\"Surrogate characters are not allowed: U+DC00.\"]" },
    };
    (void)state;
    run_cases("{\"type\":\"string\",\"minLength\":3,\"maxLength\":5}", cases,
              ARRAY_LEN(cases));
}

static void test_string_options(void **state)
{
    static const struct field_case blank[] = { { NULL, "\"  \"", "", NULL } };
    static const struct field_case kept[] = { { NULL, "\" a \"", " a ", NULL } };
    static const struct field_case null[] = { { NULL, "null", "null", NULL } };
    static const struct field_case own[] = {
        { NULL, "\"\"", NULL, "[\"Say it.\"]" },
        { NULL, "null", NULL, "[\"" NULL_NOT "\"]" },
    };
    (void)state;
    run_cases("{\"type\":\"string\",\"x-blank\":true}", blank, 1);
    run_cases("{\"type\":\"string\",\"x-trim\":false}", kept, 1);
    run_cases("{\"type\":[\"string\",\"null\"]}", null, 1);
    run_cases("{\"type\":\"string\",\"x-messages\":{\"blank\":\"Say it.\"}}", own, 2);
}

static void test_usernames(void **state)
{
    static const struct field_case cases[] = {
        { NULL, "\"testuser\"", "testuser", NULL },
        { NULL, "\"  spaced  \"", "spaced", NULL },
        { NULL, "\"a.b+c-d_@f\"", "a.b+c-d_@f", NULL },
        { NULL, "\"-\"", "-", NULL },
        { NULL, "\"@@\"", "@@", NULL },
        { NULL, "\"\xc3\xa9\"", "\xc3\xa9", NULL },
        { NULL, "\"\xe4\xb8\xad\"", "\xe4\xb8\xad", NULL },
        { NULL, "\"\xd9\xa3\"", "\xd9\xa3", NULL },
        { "ligature", "\"\xef\xac\x81\"", "fi", NULL },
        { "full width", "\"\xef\xbc\xa1\"", "A", NULL },
        { "circled digit", "\"\xe2\x91\xa0\"", "1", NULL },
        { NULL, "7", "7", NULL },
        { NULL, "\"a b\"", NULL, "[\"" NAME_RULE "\"]" },
        { NULL, "\"a/b\"", NULL, "[\"" NAME_RULE "\"]" },
        { "combining mark", "\"e\\u0301\"", NULL, "[\"" NAME_RULE "\"]" },
        { "zero width", "\"a\\u200bb\"", NULL, "[\"" NAME_RULE "\"]" },
        { "emoji", "\"\\ud83d\\ude00\"", NULL, "[\"" NAME_RULE "\"]" },
        { "line end", "\"a\\nb\"", NULL, "[\"" NAME_RULE "\"]" },
        { "rule before length", "\"123456789 1\"", NULL,
          "[\"" NAME_RULE "\",\"Ensure this field has no more than 10 characters.\"]" },
        { "grows too long when normalised", "\"\\ufdfa\\ufdfa\"", NULL,
          "[\"Ensure this field has no more than 10 characters.\"]" },
        { NULL, "false", NULL, "[\"Not a valid string.\"]" },
        { NULL, "\"a\\u0000\"", NULL,
          "[\"" NAME_RULE "\",\"Null characters are not allowed.\"]" },
    };
    (void)state;
    run_cases("{\"type\":\"string\",\"format\":\"username\",\"minLength\":1,"
              "\"maxLength\":10}",
              cases, ARRAY_LEN(cases));
}

static void test_emails(void **state)
{
    static const struct {
        const char *in, *value; /* NULL: refused */
    } cases[] = {
        { "a@localhost", "a@localhost" },
        { "a@b.co", "a@b.co" },
        { " sp@ex.com ", "sp@ex.com" },
        { "TEST@Example.COM", "TEST@example.com" },
        { "a+b@b.co", "a+b@b.co" },
        { "a@[127.0.0.1]", "a@[127.0.0.1]" },
        { "a@[::1]", "a@[::1]" },
        { "a@xn--bcher-kva.example", "a@xn--bcher-kva.example" },
        { "a@B\xc3\x9c"
          "cher.example",
          "a@b\xc3\xbc"
          "cher.example" },
        { "o'x@b.co", "o'x@b.co" },
        { "a@b.c1", "a@b.c1" },
        { "a@b-c.co", "a@b-c.co" },
        { "\\\"quoted\\\"@b.co", "\"quoted\"@b.co" },
        { "\\\"a\\\\ \\\\\\\"@b\\\"@b.co", "\"a\\ \\\"@b\"@b.co" },
        { "!#$%&'*+/=?^_`{}|~-@b.co", "!#$%&'*+/=?^_`{}|~-@b.co" },
        { "a@b", NULL },
        { "a@b.c", NULL },
        { "a@b.c-", NULL },
        { "a@b.-co", NULL },
        { "a.@b.co", NULL },
        { ".a@b.co", NULL },
        { "a..b@b.co", NULL },
        { "\\\"q q\\\"@b.co", NULL },
        { "\\\"q@b.co", NULL },
        { "\\\"\\u0001\\\"@b.co", NULL },
        { "\\\"\\\\\\t\\\"@b.co", NULL },
        { "\\\"\\u007f\\\"@b.co", NULL },
        { "a@b_c.co", NULL },
        { "a@-b.co", NULL },
        { "a@b-.co", NULL },
        { "a@b.co.", NULL },
        { "a@.b.co", NULL },
        { "a@b@c.co", NULL },
        { "a b@c.co", NULL },
        { "a@b c.co", NULL },
        { "a@1.2.3.4", NULL },
        { "a@[127.0.0.256]", NULL },
        { "a@[]", NULL },
        { "@b.co", NULL },
        { "a@", NULL },
        { "a", NULL },
        { "\xc3\xa9@b.co", NULL },
        { "a\\r\\nb@b.co", NULL },
        { "\\\"a\\nb\\\"@b.co", NULL },
        { "a@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.co", NULL },
    };
    static const struct field_case others[] = {
        { NULL, "\"\"", "", NULL },
        { NULL, "5", NULL, "[\"" EMAIL_RULE "\"]" },
        { NULL, "true", NULL, "[\"" EMAIL_RULE "\"]" },
        { NULL, "[]", NULL, "[\"" EMAIL_RULE "\"]" },
        { NULL, "null", NULL, "[\"" NULL_NOT "\"]" },
        { NULL, "\"a@\\u0000.co\"", NULL,
          "[\"Null characters are not allowed.\",\"" EMAIL_RULE "\"]" },
    };
    static const char def[] = "{\"type\":\"string\",\"format\":\"email\","
                              "\"maxLength\":254,\"x-blank\":true}";
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *in = xasprintf("\"%s\"", cases[i].in);
        const char *errors = cases[i].value ? NULL : "[\"" EMAIL_RULE "\"]";
        run_cases(def, &(struct field_case){ NULL, in, cases[i].value, errors }, 1);
    }
    run_cases(def, others, ARRAY_LEN(others));
    AUTO_FREE char *too_long = xasprintf("\"%0256d@b.co\"", 1);
    run_cases(def,
              &(struct field_case){ "too long", too_long, NULL,
                                    "[\"Ensure this field has no more than 254 "
                                    "characters.\"]" },
              1);
}

static void test_decimals(void **state)
{
    static const struct field_case cases[] = {
        { NULL, "5", "5.00", NULL },
        { NULL, "\" 7.5 \"", "7.50", NULL },
        { NULL, "\"1e3\"", "1000.00", NULL },
        { NULL, "\"1E+2\"", "100.00", NULL },
        { NULL, "\"00012.50\"", "12.50", NULL },
        { NULL, "0.1", "0.10", NULL },
        { NULL, "\"99999999.99\"", "99999999.99", NULL },
        { NULL, "99999999.99", "99999999.99", NULL },
        { NULL, "\"-1\"", "-1.00", NULL },
        { NULL, "-0.00", "0.00", NULL },
        { NULL, "\"-0\"", "0.00", NULL },
        { NULL, "1.230", "1.23", NULL },
        { NULL, "1e2", "100.00", NULL },
        { NULL, "\".5\"", "0.50", NULL },
        { NULL, "\"5.\"", "5.00", NULL },
        { NULL, "\"+5\"", "5.00", NULL },
        { NULL, "\"12e-1\"", "1.20", NULL },
        { NULL, "\"0.00\"", "0.00", NULL },
        { NULL, "999.99", "999.99", NULL },
        { NULL, "\"1.234\"", NULL, "[\"" PLACES "\"]" },
        { NULL, "\"0.001\"", NULL, "[\"" PLACES "\"]" },
        { NULL, "\"1.230\"", NULL, "[\"" PLACES "\"]" },
        { NULL, "0.001", NULL, "[\"" PLACES "\"]" },
        { NULL, "1e-7", NULL, "[\"" PLACES "\"]" },
        { NULL, "\"99999999.990\"", NULL, "[\"" DIGITS "\"]" },
        { NULL, "\"123456789.00\"", NULL, "[\"" DIGITS "\"]" },
        { NULL, "12345678901", NULL, "[\"" DIGITS "\"]" },
        { NULL, "1e10", NULL, "[\"" DIGITS "\"]" },
        { NULL, "1e300", NULL, "[\"" DIGITS "\"]" },
        { NULL, "\"1e999999999999999999\"", NULL, "[\"" DIGITS "\"]" },
        { NULL, "\"1e-999999999999999999\"", NULL, "[\"" DIGITS "\"]" },
        { NULL, "\"1e1000000000000000000\"", NULL, "[\"" NUMBER_RULE "\"]" },
        { NULL, "\"1e-999999999999999999999\"", NULL, "[\"" NUMBER_RULE "\"]" },
        { NULL, "\"1_0\"", "10.00", NULL },
        { NULL, "\"\u0661\u0662\"", "12.00", NULL },
        { NULL, "100000000", NULL, "[\"" WHOLE "\"]" },
        { NULL, "999999999.0", NULL, "[\"" WHOLE "\"]" },
        { NULL, "\"\"", NULL, "[\"" NUMBER_RULE "\"]" },
        { NULL, "\"1,5\"", NULL, "[\"" NUMBER_RULE "\"]" },
        { NULL, "\"NaN\"", NULL, "[\"" NUMBER_RULE "\"]" },
        { NULL, "\"Infinity\"", NULL, "[\"" NUMBER_RULE "\"]" },
        { NULL, "\"1e\"", NULL, "[\"" NUMBER_RULE "\"]" },
        { NULL, "\"0x10\"", NULL, "[\"" NUMBER_RULE "\"]" },
        { NULL, "\".\"", NULL, "[\"" NUMBER_RULE "\"]" },
        { NULL, "\"1 2\"", NULL, "[\"" NUMBER_RULE "\"]" },
        { NULL, "\"5\\u0000\"", NULL, "[\"" NUMBER_RULE "\"]" },
        { NULL, "true", NULL, "[\"" NUMBER_RULE "\"]" },
        { NULL, "[5]", NULL, "[\"" NUMBER_RULE "\"]" },
        { NULL, "{}", NULL, "[\"" NUMBER_RULE "\"]" },
        { NULL, "null", NULL, "[\"" NULL_NOT "\"]" },
    };
    static const struct field_case bounded[] = {
        { NULL, "0", "0.00", NULL },
        { NULL, "\"-0.00\"", "0.00", NULL },
        { NULL, "\"-0.01\"", NULL,
          "[\"Ensure this value is greater than or equal to 0.\"]" },
        { NULL, "\"100.01\"", NULL,
          "[\"Ensure this value is less than or equal to 100.\"]" },
        { NULL, "100", "100.00", NULL },
    };
    AUTO_FREE char *large = xasprintf("\"%01001d\"", 1);
    AUTO_FREE char *just = xasprintf("\"%01000d\"", 1);
    const struct field_case sizes[] = {
        { "1001 characters", large, NULL, "[\"String value too large.\"]" },
        { "1000 characters", just, "1.00", NULL },
    };
    static const char def[] =
        "{\"type\":\"string\",\"format\":\"decimal\",\"x-digits\":10,\"x-places\":2}";
    (void)state;
    run_cases(def, cases, ARRAY_LEN(cases));
    run_cases(def, sizes, ARRAY_LEN(sizes));
    run_cases(
        "{\"type\":\"string\",\"format\":\"decimal\",\"x-digits\":10,\"x-places\":2,"
        "\"minimum\":0,\"maximum\":100}",
        bounded, ARRAY_LEN(bounded));
}

static void test_keys(void **state)
{
    static const struct field_case cases[] = {
        { NULL, "1", "1", NULL },
        { NULL, "\"1\"", "1", NULL },
        { NULL, "\" 1 \"", "1", NULL },
        { NULL, "-1", "-1", NULL },
        { NULL, "\"100000000000000000000\"", NULL,
          "[\"Invalid pk \\\"100000000000000000000\\\" - object does not exist.\"]" },
        { NULL, "\"abc\"", NULL,
          "[\"Incorrect type. Expected pk value, received str.\"]" },
        { NULL, "true", NULL, "[\"Incorrect type. Expected pk value, received bool.\"]" },
        { NULL, "[1]", NULL, "[\"Incorrect type. Expected pk value, received list.\"]" },
        { NULL, "{}", NULL, "[\"Incorrect type. Expected pk value, received dict.\"]" },
        { NULL, "1.5", NULL, "[\"Incorrect type. Expected pk value, received float.\"]" },
        { NULL, "1.0", NULL, "[\"Incorrect type. Expected pk value, received float.\"]" },
        { NULL, "null", NULL, "[\"" NULL_NOT "\"]" },
        { NULL, "\"\"", NULL, "[\"" NULL_NOT "\"]" },
    };
    (void)state;
    run_cases("{\"type\":\"integer\",\"format\":\"pk\"}", cases, ARRAY_LEN(cases));
}

static void test_integers(void **state)
{
    static const struct field_case cases[] = {
        { NULL, "5", "5", NULL },
        { NULL, "5.0", "5", NULL },
        { NULL, "\"5\"", "5", NULL },
        { NULL, "\"5.0\"", "5", NULL },
        { NULL, "\" 5 \"", "5", NULL },
        { NULL, "\"+5\"", "5", NULL },
        { NULL, "\"005\"", "5", NULL },
        { NULL, "1e1", "10", NULL },
        { NULL, "true", NULL, "[\"" INT_RULE "\"]" },
        { NULL, "5.5", NULL, "[\"" INT_RULE "\"]" },
        { NULL, "\"x\"", NULL, "[\"" INT_RULE "\"]" },
        { NULL, "\"\"", NULL, "[\"" INT_RULE "\"]" },
        { NULL, "[5]", NULL, "[\"" INT_RULE "\"]" },
        { NULL, "{}", NULL, "[\"" INT_RULE "\"]" },
        { NULL, "0", NULL, "[\"Ensure this value is greater than or equal to 1.\"]" },
        { NULL, "11", NULL, "[\"Ensure this value is less than or equal to 10.\"]" },
        { NULL, "\"99999999999999999999\"", NULL,
          "[\"Ensure this value is less than or equal to 10.\"]" },
        { NULL, "\"-99999999999999999999\"", NULL,
          "[\"Ensure this value is greater than or equal to 1.\"]" },
        { NULL, "null", NULL, "[\"" NULL_NOT "\"]" },
    };
    static const struct field_case unbounded[] = {
        { NULL, "9223372036854775807", "9223372036854775807", NULL },
        { NULL, "\"-9223372036854775808\"", "-9223372036854775808", NULL },
        { NULL, "\"9223372036854775808\"", NULL, "[\"" INT_RULE "\"]" },
    };
    (void)state;
    run_cases("{\"type\":\"integer\",\"minimum\":1,\"maximum\":10}", cases,
              ARRAY_LEN(cases));
    run_cases("{\"type\":\"integer\"}", unbounded, ARRAY_LEN(unbounded));
}

static void test_booleans_and_choices(void **state)
{
    static const struct field_case booleans[] = {
        { NULL, "true", "true", NULL },
        { NULL, "false", "false", NULL },
        { NULL, "1", "true", NULL },
        { NULL, "0", "false", NULL },
        { NULL, "1.0", "true", NULL },
        { NULL, "\"True\"", "true", NULL },
        { NULL, "\"t\"", "true", NULL },
        { NULL, "\"YES\"", "true", NULL },
        { NULL, "\"y\"", "true", NULL },
        { NULL, "\"on\"", "true", NULL },
        { NULL, "\"1\"", "true", NULL },
        { NULL, "\"off\"", "false", NULL },
        { NULL, "\"n\"", "false", NULL },
        { NULL, "2", NULL, "[\"" BOOL_RULE "\"]" },
        { NULL, "\"maybe\"", NULL, "[\"" BOOL_RULE "\"]" },
        { NULL, "[]", NULL, "[\"" BOOL_RULE "\"]" },
        { NULL, "null", NULL, "[\"" NULL_NOT "\"]" },
    };
    static const struct field_case choices[] = {
        { NULL, "\"USER\"", "USER", NULL },
        { NULL, "\"BOSS\"", NULL, "[\"\\\"BOSS\\\" is not a valid choice.\"]" },
        { NULL, "\"user\"", NULL, "[\"\\\"user\\\" is not a valid choice.\"]" },
        { NULL, "\"\"", NULL, "[\"\\\"\\\" is not a valid choice.\"]" },
        { NULL, "5", NULL, "[\"\\\"5\\\" is not a valid choice.\"]" },
        { NULL, "true", NULL, "[\"\\\"True\\\" is not a valid choice.\"]" },
        { NULL, "null", NULL, "[\"" NULL_NOT "\"]" },
    };
    static const struct field_case numbers[] = {
        { NULL, "2", "2", NULL },
        { NULL, "\"2\"", "2", NULL },
        { NULL, "3", NULL, "[\"\\\"3\\\" is not a valid choice.\"]" },
    };
    (void)state;
    run_cases("{\"type\":\"boolean\"}", booleans, ARRAY_LEN(booleans));
    run_cases("{\"type\":\"string\",\"enum\":[\"ADMIN\",\"USER\"]}", choices,
              ARRAY_LEN(choices));
    run_cases("{\"type\":\"string\",\"const\":\"USER\"}", choices, 2);
    run_cases("{\"type\":\"integer\",\"enum\":[1,2]}", numbers, ARRAY_LEN(numbers));
}

static void test_uuids_and_times(void **state)
{
    static const struct field_case uuids[] = {
        { NULL, "\"5F19C2E0-7b41-5d7e-8f00-000000000001\"",
          "5f19c2e0-7b41-5d7e-8f00-000000000001", NULL },
        { NULL, "\"5f19c2e07b415d7e8f00000000000001\"",
          "5f19c2e0-7b41-5d7e-8f00-000000000001", NULL },
        { NULL, "\"5f19\"", NULL, "[\"Must be a valid UUID.\"]" },
        { NULL, "5", NULL, "[\"Must be a valid UUID.\"]" },
    };
    static const struct field_case times[] = {
        { NULL, "\"2026-11-22T10:12:57.161784Z\"", "2026-11-22T10:12:57.161784Z", NULL },
        { NULL, "\"2026-11-22T10:12\"", "2026-11-22T10:12", NULL },
        { NULL, "\"2026-11-22T10:12:57+02:00\"", "2026-11-22T10:12:57+02:00", NULL },
        { NULL, "\"2024-02-29T00:00Z\"", "2024-02-29T00:00Z", NULL },
        { NULL, "\"2026-02-29T00:00Z\"", NULL, "[\"" DATE_RULE "\"]" },
        { NULL, "\"2026-13-01T00:00Z\"", NULL, "[\"" DATE_RULE "\"]" },
        { NULL, "\"2026-11-22\"", NULL, "[\"" DATE_RULE "\"]" },
        { NULL, "\"2026-11-22T24:00Z\"", NULL, "[\"" DATE_RULE "\"]" },
        { NULL, "\"2026-11-22T10:12:57.Z\"", NULL, "[\"" DATE_RULE "\"]" },
        { NULL, "\"2026-11-22T10:12:57Zx\"", NULL, "[\"" DATE_RULE "\"]" },
        { NULL, "\"\"", NULL, "[\"" DATE_RULE "\"]" },
        { NULL, "5", NULL, "[\"" DATE_RULE "\"]" },
    };
    (void)state;
    run_cases("{\"type\":\"string\",\"format\":\"uuid\"}", uuids, ARRAY_LEN(uuids));
    run_cases("{\"type\":\"string\",\"format\":\"date-time\"}", times, ARRAY_LEN(times));
}

static void test_number_text(void **state)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        { 0.0, "0.0" },
        { -0.0, "-0.0" },
        { 5.0, "5.0" },
        { 1.5, "1.5" },
        { 0.1, "0.1" },
        { 100.25, "100.25" },
        { 0.0001, "0.0001" },
        { 0.00012, "0.00012" },
        { 1e-5, "1e-05" },
        { 1e15, "1000000000000000.0" },
        { 1e16, "1e+16" },
        { 1.25e-7, "1.25e-07" },
        { -123456.789, "-123456.789" },
        { 0.30000000000000004, "0.30000000000000004" },
        { 1e300, "1e+300" },
        { 9007199254740993.0, "9007199254740992.0" },
        { 5e-324, "5e-324" },
        { 1.7976931348623157e308, "1.7976931348623157e+308" },
    };
    char text[NUMBER_TEXT];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(number_text(cases[i].v, text), cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_string_options),
        cmocka_unit_test(test_usernames),
        cmocka_unit_test(test_emails),
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_booleans_and_choices),
        cmocka_unit_test(test_uuids_and_times),
        cmocka_unit_test(test_number_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
