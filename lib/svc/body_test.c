#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <malloc.h>

#include "base/mem.h"
#include "svc/body.h"

#define JSON_TYPE "application/json"
#define FORM_TYPE "application/x-www-form-urlencoded"
#define PARTS     "multipart/form-data; boundary=xx"

static const char SCHEMA[] =
    "{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{"
    "\"name\":{\"type\":\"string\",\"maxLength\":100},"
    "\"note\":{\"type\":\"string\",\"x-blank\":true},"
    "\"count\":{\"type\":\"integer\"},"
    "\"price\":{\"type\":\"string\",\"format\":\"decimal\",\"x-digits\":10,"
    "\"x-places\":2}}}";

struct fixture {
    struct schema *schema;
    struct arena arena;
    struct values values;
    json_t *tree;
    struct buf details;
};

static int set_up(void **state)
{
    char *why = NULL;
    struct fixture *f = xcalloc(1, sizeof *f);
    json_t *def = json_loads(SCHEMA, 0, NULL);
    f->schema = schema_compile(def, def, &why);
    json_decref(def);
    arena_init(&f->arena);
    buf_init(&f->details, 65536);
    *state = f;
    return f->schema ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    schema_free(&f->schema);
    arena_deinit(&f->arena);
    buf_deinit(&f->details);
    json_decref(f->tree);
    free(f);
    return 0;
}

static enum err decode(struct fixture *f, const char *type, struct str body)
{
    json_decref(f->tree);
    buf_clear(&f->details);
    return body_decode(f->schema, str_of(type), body, SCHEMA_FULL, &f->arena, &f->values,
                       &f->tree, &f->details);
}

static const char *text_of(struct fixture *f, const char *name)
{
    const struct value *v = values_get(&f->values, name);
    return v->kind == VALUE_STR ? arena_str(&f->arena, v->s) : "(none)";
}

/* --- JSON
 * --------------------------------------------------------------------------------- */

static void test_json_that_cannot_be_read(void **state)
{
    static const struct {
        const char *name;
        struct str body;
        const char *tail; /* of the message; part of it */
    } cases[] = {
        { "syntax", { "{bad", 4 }, "line 1 column 4 (char 3)" },
        { "trailing data", { "{\"name\":\"x\"} x", 14 }, "Extra data" },
        { "second line", { "{\n \"name\" 5}", 12 }, "line 2" },
        { "cut off", { "{\"name\":", 8 }, "Expecting" },
        { "open string", { "{\"name\":\"", 9 }, "Expecting" },
        { "open escape", { "{\"name\":\"\\", 10 }, "Expecting" },
        { "cut escape", { "{\"name\":\"\\ud8", 13 }, "Expecting" },
        { "invalid UTF-8", { "\xff{}", 3 }, "can't decode byte 0xff in position 0" },
        { "overlong UTF-8", { "{\"name\":\"\xc0\x80\"}", 13 }, "can't decode byte 0xc0" },
        { "byte order mark", { "\xef\xbb\xbf{}", 5 }, "BOM" },
        { "NaN", { "{\"name\":NaN}", 12 }, "Expecting" },
        { "Infinity", { "{\"name\":Infinity}", 17 }, "Expecting" },
        { "twice the same name", { "{\"name\":1,\"name\":2}", 19 }, "Duplicate" },
        { "beyond 64 bits", { "{\"name\":100000000000000000000}", 30 }, "out of range" },
        { "beyond a double", { "{\"name\":1e999}", 14 }, "out of range" },
        { "17 levels", { "[[[[[[[[[[[[[[[[[", 17 }, "too deeply" },
        { "NUL byte", { "{\"name\":\"\0\"}", 12 }, "Expecting" },
        { "NUL in a name", { "{\"a\\u0000\":1}", 13 }, "Null character" },
        { "lone surrogate in a name", { "{\"\\ud800\":1}", 12 }, "Null character" },
        { "only blanks", { "  ", 2 }, "Expecting" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(decode(f, JSON_TYPE, cases[i].body), ERR_PARSE);
        print_message("%s: %s\n", cases[i].name, f->details.p);
        assert_true(
            str_starts(buf_get(&f->details), STR("{\"detail\":\"JSON parse error - ")));
        assert_non_null(strstr(f->details.p, cases[i].tail));
        json_t *parsed = json_loads(f->details.p, 0, NULL);
        assert_non_null(parsed);
        json_decref(parsed);
    }
}

static void test_json_of_the_wrong_kind(void **state)
{
    static const struct {
        const char *body, *message;
    } cases[] = {
        { "null", "No data provided" },
        { "[1]", "Invalid data. Expected a dictionary, but got list." },
        { "\"s\"", "Invalid data. Expected a dictionary, but got str." },
        { "5", "Invalid data. Expected a dictionary, but got int." },
        { "5.5", "Invalid data. Expected a dictionary, but got float." },
        { "true", "Invalid data. Expected a dictionary, but got bool." },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *wanted =
            xasprintf("{\"non_field_errors\":[\"%s\"]}", cases[i].message);
        assert_int_equal(decode(f, JSON_TYPE, str_of(cases[i].body)), ERR_VALIDATION);
        assert_string_equal(f->details.p, wanted);
    }
}

static void test_good_json(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(decode(f, "APPLICATION/JSON; charset=utf-8",
                            STR("{\"name\":\" x \",\"price\":1.5,\"other\":[{}]}")),
                     ERR_OK);
    assert_string_equal(text_of(f, "name"), "x");
    assert_string_equal(text_of(f, "price"), "1.50");
    assert_false(values_has(&f->values, "note"));
    assert_int_equal(decode(f, JSON_TYPE, STR("{\"name\":\"\\ud83d\\ude00\"}")), ERR_OK);
    assert_string_equal(text_of(f, "name"), "\xf0\x9f\x98\x80");
    assert_int_equal(
        decode(f, JSON_TYPE,
               STR("{\"name\":\"x\",\"o\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}")),
        ERR_OK);
}

/* A lone half in a member that nobody reads spoils nothing. */
static void test_lone_surrogate_elsewhere(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(decode(f, JSON_TYPE, STR("{\"name\":\"x\",\"o\":\"\\udead\"}")),
                     ERR_OK);
    assert_string_equal(text_of(f, "name"), "x");
}

static void test_empty_body_is_an_empty_object(void **state)
{
    static const char *const types[] = { JSON_TYPE, "", FORM_TYPE, "text/plain" };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        assert_int_equal(decode(f, types[i], STR("")), ERR_VALIDATION);
        assert_string_equal(f->details.p, "{\"name\":[\"This field is required.\"]}");
    }
}

static void test_too_many_members(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf body = { .max = 65536 };
    buf_cstr(&body, "{\"name\":[");
    for (int i = 0; i < 999; i++)
        buf_cstr(&body, "1,");
    buf_cstr(&body, "1]}");
    assert_int_equal(decode(f, JSON_TYPE, buf_get(&body)), ERR_VALIDATION);
    body.n -= 2;
    buf_cstr(&body, ",1]}");
    assert_int_equal(decode(f, JSON_TYPE, buf_get(&body)), ERR_PARSE);
    assert_non_null(strstr(f->details.p, "too many members"));
}

/* --- media types
 * ---------------------------------------------------------------------------- */

static void test_unsupported_media_types(void **state)
{
    static const struct {
        const char *type, *shown;
    } cases[] = {
        { "", "" },
        { "text/plain", "text/plain" },
        { "application/jsonx", "application/jsonx" },
        { "text/\"x\"", "text/\\\"x\\\"" },
        { "text/\xff", "text/" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *wanted =
            xasprintf("{\"detail\":\"Unsupported media type \\\"%s\\\" in request.\"}",
                      cases[i].shown);
        assert_int_equal(decode(f, cases[i].type, STR("x")), ERR_UNSUPPORTED_MEDIA_TYPE);
        assert_string_equal(f->details.p, wanted);
    }
}

static void test_forms(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(decode(f, FORM_TYPE, STR("name=first&name=a+b%2bc&price=5&note=")),
                     ERR_OK);
    assert_string_equal(text_of(f, "name"), "a b+c");
    assert_string_equal(text_of(f, "price"), "5.00");
    assert_string_equal(text_of(f, "note"), "");
    assert_true(values_has(&f->values, "note"));
    /* blank and not needed: as if it were not there */
    assert_int_equal(decode(f, FORM_TYPE, STR("name=x&count=&price=")), ERR_OK);
    assert_false(values_has(&f->values, "count") || values_has(&f->values, "price"));
    assert_int_equal(decode(f, FORM_TYPE, STR("name=")), ERR_VALIDATION);
    assert_string_equal(f->details.p, "{\"name\":[\"This field may not be blank.\"]}");
    assert_int_equal(decode(f, FORM_TYPE, STR("name=a%00b")), ERR_VALIDATION);
    assert_string_equal(f->details.p,
                        "{\"name\":[\"Null characters are not allowed.\"]}");
    assert_int_equal(decode(f, FORM_TYPE, STR("name=%zz%f%")), ERR_OK);
    assert_string_equal(text_of(f, "name"), "%zz%f%");
    assert_int_equal(decode(f, FORM_TYPE, STR("name=%ff%c3%a9")), ERR_OK);
    assert_string_equal(text_of(f, "name"), "\xef\xbf\xbd\xc3\xa9");
    assert_int_equal(decode(f, FORM_TYPE, STR("%00=1&=2&&name=x&%ff=1&lone")), ERR_OK);
}

static void test_too_many_fields(void **state)
{
    struct fixture *f = *state;
    AUTO_BUF struct buf body = { .max = 65536 };
    for (int i = 0; i < 1001; i++)
        buf_cstr(&body, "a=1&");
    assert_int_equal(decode(f, FORM_TYPE, buf_get(&body)), ERR_PARSE);
    assert_non_null(strstr(f->details.p, "Form parse error - too many fields"));
}

#define PART(name, value)                                                                \
    "--xx\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"

static void test_multipart(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(decode(f, PARTS,
                            STR(PART("name", " a=b&c ") PART("price", "7")
                                    PART("other", "x") "--xx--\r\n")),
                     ERR_OK);
    assert_string_equal(text_of(f, "name"), "a=b&c");
    assert_string_equal(text_of(f, "price"), "7.00");
    assert_int_equal(decode(f, "Multipart/Form-Data; charset=utf-8; BOUNDARY=\"xx\"",
                            STR("preamble\r\n" PART("name", "--x\r\n-") "--xx--")),
                     ERR_OK);
    assert_string_equal(text_of(f, "name"), "--x\r\n-");
    assert_int_equal(decode(f, PARTS, STR("--xx--\r\n")), ERR_VALIDATION);
}

/* In use and mapped; 0 with an allocator that does not tell. */
static size_t memory_in_use(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* A header of very many quoted values costs its length, not the square of it. */
static void test_multipart_header_of_many_parameters(void **state)
{
    enum { MANY = 20000, MEMORY_MAX = 4 * 1024 * 1024 };
    struct fixture *f = *state;
    AUTO_BUF struct buf body = { .max = 10 * MANY };
    buf_cstr(&body, "--xx\r\nContent-Disposition: form-data; name=\"name\"");
    for (unsigned i = 0; i < MANY; i++)
        buf_cstr(&body, ";a=\"\"");
    buf_cstr(&body, ";b=\"c\\\"d\"\r\n\r\nAnn\r\n--xx--\r\n");
    assert_false(body.overflow);
    size_t before = memory_in_use();
    assert_int_equal(decode(f, PARTS, buf_get(&body)), ERR_OK);
    assert_true(memory_in_use() < before + MEMORY_MAX);
    assert_true(str_eq(values_get(&f->values, "name")->s, STR("Ann")));
}

static void test_multipart_that_cannot_be_read(void **state)
{
    static const struct {
        const char *type, *body, *why;
    } cases[] = {
        { "multipart/form-data", PART("name", "x") "--xx--", "Invalid boundary" },
        { "multipart/form-data; boundary=", PART("name", "x") "--xx--",
          "Invalid boundary" },
        { "multipart/form-data; boundary=\"xx", "--", "boundary is not in the body" },
        { PARTS, "nothing", "boundary is not in the body" },
        { PARTS, PART("name", "x"), "last boundary is missing" },
        { PARTS, "--xx\r\nContent-Disposition: form-data\r\n\r\nv\r\n--xx--", "no name" },
        { PARTS, "--xx\r\nno head\r\n--xx--", "no end of its headers" },
        { PARTS,
          "--xx\r\nContent-Disposition: form-data; name=\"f\"; "
          "filename=\"a.txt\"\r\n\r\nv"
          "\r\n--xx--",
          "files are not accepted" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(decode(f, cases[i].type, str_of(cases[i].body)), ERR_PARSE);
        print_message("%s\n", f->details.p);
        assert_true(str_starts(buf_get(&f->details),
                               STR("{\"detail\":\"Multipart form parse error - ")));
        assert_non_null(strstr(f->details.p, cases[i].why));
    }
}

/* Every prefix of a good body is read within its bounds (the sanitizers look on). */
static void test_every_prefix(void **state)
{
    static const struct {
        const char *type, *body;
    } cases[] = {
        { JSON_TYPE, "{\"name\":\"\\ud800\\ud83d\\ude00\\n\",\"a\":[1e5,-0.5,null]}" },
        { FORM_TYPE, "name=a%20b%ff&note=%00+&price=5" },
        { PARTS, PART("name", "x") PART("note", "y") "--xx--\r\n" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t n = 0; n <= strlen(cases[i].body); n++) {
            char *exact = xmalloc(n);
            memcpy(exact, cases[i].body, n);
            enum err e = decode(f, cases[i].type, (struct str){ exact, n });
            assert_true(e == ERR_OK || e == ERR_PARSE || e == ERR_VALIDATION);
            free(exact);
        }
    }
}

/* --- queries
 * ---------------------------------------------------------------------------------- */

static enum err query(struct fixture *f, const char *def, const char *text)
{
    char *why = NULL;
    json_t *json = json_loads(def, 0, NULL);
    json_decref(f->tree);
    buf_clear(&f->details);
    schema_free(&f->schema);
    f->schema = schema_compile(json, json, &why);
    json_decref(json);
    assert_non_null(f->schema);
    return query_decode(f->schema, str_of(text), &f->arena, &f->values, &f->tree,
                        &f->details);
}

static void test_queries(void **state)
{
    static const char def[] = "{\"type\":\"object\",\"properties\":{"
                              "\"page\":{\"type\":\"string\",\"maxLength\":5},"
                              "\"cascade\":{\"type\":\"boolean\"},"
                              "\"n\":{\"type\":\"integer\",\"default\":7}}}";
    struct fixture *f = *state;
    assert_int_equal(query(f, def, ""), ERR_OK);
    assert_false(values_has(&f->values, "page"));
    assert_int_equal(values_get(&f->values, "n")->i, 7);
    assert_int_equal(query(f, def, "page=1&cascade=TRUE&n=5&x=y&page=%202"), ERR_OK);
    assert_string_equal(text_of(f, "page"), " 2");
    assert_int_equal(values_get(&f->values, "cascade")->i, 1);
    assert_int_equal(values_get(&f->values, "n")->i, 5);
    assert_int_equal(query(f, def, "page=&cascade=&n="), ERR_OK);
    assert_true(values_has(&f->values, "page"));
    assert_false(values_has(&f->values, "cascade"));
    assert_int_equal(values_get(&f->values, "n")->i, 7);
    assert_int_equal(query(f, def, "cascade=maybe&page=123456"), ERR_VALIDATION);
    assert_string_equal(
        f->details.p, "{\"page\":[\"Ensure this field has no more than 5 characters.\"],"
                      "\"cascade\":[\"Must be a valid boolean.\"]}");
    assert_int_equal(query(f, def, "page=%00"), ERR_VALIDATION);
    assert_string_equal(f->details.p, "[\"Null characters are not allowed.\"]");
    assert_int_equal(query(f, def, "other=%00"), ERR_OK);
}

static void test_url_coding(void **state)
{
    static const struct {
        const char *in;
        bool form;
        const char *out; /* NULL: refused */
    } cases[] = {
        { "a%20b", false, "a b" },       { "a+b", false, "a+b" }, { "a+b", true, "a b" },
        { "%C3%a9", false, "\xc3\xa9" }, { "%", false, NULL },    { "%4", false, NULL },
        { "%zz", false, NULL },          { "%00", false, NULL },  { "", false, "" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str out = STR("untouched");
        bool good = url_decode(str_of(cases[i].in), cases[i].form, &f->arena, &out);
        assert_int_equal(good, cases[i].out != NULL);
        assert_true(str_eq(out, good ? str_of(cases[i].out) : STR("untouched")));
    }
    AUTO_BUF struct buf out = { .max = 100 };
    url_encode(&out, STR("aZ09-._~ /?&=+%\xc3\xa9\0"));
    assert_string_equal(out.p, "aZ09-._~%20%2F%3F%26%3D%2B%25%C3%A9%00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
        TEST(test_json_that_cannot_be_read),
        TEST(test_json_of_the_wrong_kind),
        TEST(test_good_json),
        TEST(test_lone_surrogate_elsewhere),
        TEST(test_empty_body_is_an_empty_object),
        TEST(test_too_many_members),
        TEST(test_unsupported_media_types),
        TEST(test_forms),
        TEST(test_too_many_fields),
        TEST(test_multipart),
        TEST(test_multipart_header_of_many_parameters),
        TEST(test_multipart_that_cannot_be_read),
        TEST(test_every_prefix),
        TEST(test_queries),
        TEST(test_url_coding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
