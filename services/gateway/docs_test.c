#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/docs.h"
#include "gateway/docs_internal.h"
#include "gateway/openapi_internal.h"

static void test_html_is_escaped(void **state)
{
    AUTO_BUF struct buf out;
    (void)state;
    buf_init(&out, 200);
    html_add(&out, "<a title=\"%s\">%s</a> 5%%", "a\"b", "<&>'");
    assert_string_equal(out.p, "<a title=\"a&quot;b\">&lt;&amp;&gt;&#39;</a> 5%");
    buf_clear(&out);
    html_prose(&out, "One `a<b` two.\n\nThree");
    assert_string_equal(out.p, "<p>One <code>a&lt;b</code> two.</p>\n<p>Three</p>\n");
}

/* As 3.1 and as 3.0. */
static void test_schemas(void **state)
{
    static const struct {
        const char *name, *schema, *new, *old;
    } cases[] = {
        { "plain", "{\"type\":\"string\",\"maxLength\":3}",
          "{\"type\":\"string\",\"maxLength\":3}",
          "{\"type\":\"string\",\"maxLength\":3}" },
        { "nullable", "{\"type\":[\"string\",\"null\"]}",
          "{\"type\":[\"string\",\"null\"]}", "{\"type\":\"string\",\"nullable\":true}" },
        { "two types", "{\"type\":[\"string\",\"integer\"]}",
          "{\"type\":[\"string\",\"integer\"]}", "{}" },
        { "constant", "{\"const\":1}", "{\"const\":1}", "{\"enum\":[1]}" },
        { "examples", "{\"examples\":[1,2]}", "{\"examples\":[1,2]}", "{\"example\":1}" },
        { "reference", "{\"$ref\":\"#/types/t\"}",
          "{\"$ref\":\"#/components/schemas/s.t\"}",
          "{\"$ref\":\"#/components/schemas/s.t\"}" },
        { "inside", "{\"items\":{\"properties\":{\"a\":{\"const\":1}}}}",
          "{\"items\":{\"properties\":{\"a\":{\"const\":1}}}}",
          "{\"items\":{\"properties\":{\"a\":{\"enum\":[1]}}}}" },
        { "messages", "{\"x-messages\":{\"max\":\"m\"},\"x-trim\":false}", "{}", "{}" },
        { "decimal",
          "{\"format\":\"decimal\",\"x-digits\":4,\"x-places\":2,\"minimum\":0,"
          "\"description\":\"d\"}",
          "{\"format\":\"decimal\",\"x-digits\":4,\"x-places\":2,\"minimum\":0,"
          "\"description\":\"d\"}",
          "{\"format\":\"decimal\",\"x-digits\":4,\"x-places\":2,\"minimum\":0,"
          "\"description\":\"d\"}" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct openapi docs[] = { { .version = OPENAPI_3_1 },
                                        { .version = OPENAPI_3_0 } };
        json_t *schema = json_loads(cases[i].schema, 0, NULL);
        for (size_t k = 0; k < ARRAY_LEN(docs); k++) {
            json_t *got = openapi_schema(&docs[k], "s", schema);
            json_t *wanted = json_loads(k ? cases[i].old : cases[i].new, 0, NULL);
            print_message("%s, 3.%d\n", cases[i].name, k ? 0 : 1);
            assert_non_null(wanted);
            assert_true(json_equal(got, wanted));
            json_decref(got);
            json_decref(wanted);
        }
        json_decref(schema);
    }
}

static void test_curl_quotes(void **state)
{
    AUTO_BUF struct buf out;
    (void)state;
    buf_init(&out, 400);
    json_t *doc = json_loads("{\"servers\":[{\"url\":\"http://h\"}]}", 0, NULL);
    json_t *op = json_loads(
        "{\"security\":[{\"bearer\":[]}],\"parameters\":[{\"name\":\"id\",\"in\":"
        "\"path\","
        "\"example\":7},{\"name\":\"q\",\"in\":\"query\",\"example\":\"x\"}],"
        "\"requestBody\":{\"content\":{\"application/json\":{\"example\":\"it's\"}}}}",
        0, NULL);
    json_object_set_new(
        json_object_get(json_object_get(json_object_get(op, "requestBody"), "content"),
                        "application/json"),
        "example", json_pack("{s:s}", "a", "it's"));
    docs_curl(&out, &(struct docs_operation){ doc, "/a/{id}/b", "put", op });
    assert_string_equal(out.p, "curl -s -X PUT 'http://h/a/7/b?q=x' \\\n"
                               "  -H \"Authorization: Bearer $TOKEN\" \\\n"
                               "  -H 'Content-Type: application/json' \\\n"
                               "  -d '{\"a\": \"it'\\''s\"}'");
    json_decref(doc);
    json_decref(op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_html_is_escaped),
        cmocka_unit_test(test_schemas),
        cmocka_unit_test(test_curl_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
