#include "svc/schema_fixture.h"

static void test_lists_and_objects(void **state)
{
    static const struct field_case lists[] = {
        { NULL, "[1,2]", "json", NULL },
        { NULL, "[1,\"x\",3]", NULL, "{\"1\":[\"" INT_RULE "\"]}" },
        { NULL, "\"x\"", NULL,
          "[\"Expected a list of items but got type \\\"str\\\".\"]" },
        { NULL, "{}", NULL, "[\"Expected a list of items but got type \\\"dict\\\".\"]" },
        { NULL, "[]", NULL, "[\"Ensure this field has at least 1 elements.\"]" },
        { NULL, "[1,2,3,4]", NULL,
          "[\"Ensure this field has no more than 3 elements.\"]" },
    };
    static const struct field_case objects[] = {
        { NULL, "{\"a\":\"x\"}", "json", NULL },
        { NULL, "{}", NULL, "{\"a\":[\"" REQUIRED "\"]}" },
        { NULL, "[]", NULL,
          "{\"non_field_errors\":[\"Invalid data. Expected a dictionary, but got "
          "list.\"]}" },
    };
    static const struct field_case any[] = {
        { NULL, "{\"a\":{\"b\":1}}", "json", NULL },
        { NULL, "5", NULL,
          "[\"Expected a dictionary of items but got type \\\"int\\\".\"]" },
        { NULL, "{\"a\":[\"\\u0000\"]}", NULL, "[\"Null characters are not allowed.\"]" },
    };
    (void)state;
    run_cases("{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":1,"
              "\"maxItems\":3}",
              lists, ARRAY_LEN(lists));
    run_cases("{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":"
              "{\"type\":\"string\"}}}",
              objects, ARRAY_LEN(objects));
    run_cases("{\"type\":\"object\"}", any, ARRAY_LEN(any));
}

/* --- whole bodies ----------------------------------------------------------------------
 */

static const char PRODUCT[] =
    "{\"type\":\"object\",\"required\":[\"name\",\"price\",\"category\"],\"properties\":{"
    "\"id\":{\"type\":\"integer\",\"readOnly\":true},"
    "\"name\":{\"type\":\"string\",\"maxLength\":255},"
    "\"description\":{\"type\":\"string\",\"x-blank\":true,\"default\":\"none\"},"
    "\"price\":{\"type\":\"string\",\"format\":\"decimal\",\"x-digits\":10,"
    "\"x-places\":2},"
    "\"category\":{\"type\":\"integer\",\"format\":\"pk\"}}}";

struct whole {
    struct schema *schema;
    json_t *in;
    struct arena arena;
    struct values values;
    struct buf errors;
};

static int set_up(void **state)
{
    char *why = NULL;
    struct whole *w = xcalloc(1, sizeof *w);
    w->schema = compile_text(PRODUCT, &why);
    arena_init(&w->arena);
    buf_init(&w->errors, 4096);
    *state = w;
    return w->schema ? 0 : -1;
}

static int tear_down(void **state)
{
    struct whole *w = *state;
    schema_free(&w->schema);
    json_decref(w->in);
    arena_deinit(&w->arena);
    buf_deinit(&w->errors);
    free(w);
    return 0;
}

static bool check_text(struct whole *w, const char *text, enum schema_mode mode)
{
    json_decref(w->in);
    w->in = json_loads(text, 0, NULL);
    buf_clear(&w->errors);
    return schema_check(w->schema, w->in, mode, &w->arena, &w->values, &w->errors);
}

static void test_all_errors_at_once_in_schema_order(void **state)
{
    struct whole *w = *state;
    assert_false(check_text(w, "{}", SCHEMA_FULL));
    assert_string_equal(w->errors.p, "{\"name\":[\"" REQUIRED "\"],\"price\":[\"" REQUIRED
                                     "\"],\"category\":[\"" REQUIRED "\"]}");
    assert_false(
        check_text(w, "{\"category\":[],\"price\":null,\"name\":\"\"}", SCHEMA_FULL));
    assert_string_equal(w->errors.p,
                        "{\"name\":[\"" BLANK "\"],\"price\":[\"" NULL_NOT
                        "\"],\"category\":[\"Incorrect type. Expected pk value, received "
                        "list.\"]}");
}

static void test_presence_defaults_and_modes(void **state)
{
    struct whole *w = *state;
    const struct values *v = &w->values;
    assert_true(
        check_text(w, "{\"name\":\"x\",\"price\":5,\"category\":2,\"id\":9,\"extra\":1}",
                   SCHEMA_FULL));
    assert_string_equal(shown(values_get(v, "description"), &w->arena), "none");
    assert_string_equal(shown(values_get(v, "name"), &w->arena), "x");
    assert_false(values_has(v, "description"));
    assert_true(values_has(v, "price"));
    assert_int_equal(values_get(v, "category")->i, 2);
    assert_int_equal(values_get(v, "id")->kind, VALUE_ABSENT);
    assert_false(values_has(v, "id"));
    assert_true(check_text(w, "{\"price\":5}", SCHEMA_PARTIAL));
    assert_int_equal(values_get(v, "description")->kind, VALUE_ABSENT);
    assert_int_equal(values_get(v, "name")->kind, VALUE_ABSENT);
    assert_string_equal(shown(values_get(v, "price"), &w->arena), "5.00");
    assert_true(check_text(w, "{}", SCHEMA_PARTIAL));
}

static void test_wrong_schemas(void **state)
{
    static const struct {
        const char *field, *why;
    } cases[] = {
        { "5", "must be an object" },
        { "{}", "\"type\" is missing" },
        { "{\"type\":\"number\"}", "one of string" },
        { "{\"type\":[\"string\",\"integer\"]}", "one of string" },
        { "{\"type\":\"string\",\"pattern\":\"a\"}", "unknown keyword \"pattern\"" },
        { "{\"type\":\"string\",\"format\":\"colour\"}", "unknown format" },
        { "{\"type\":\"integer\",\"format\":\"email\"}", "does not fit" },
        { "{\"type\":\"string\",\"maxLength\":-1}", "wrong type" },
        { "{\"type\":\"string\",\"minLength\":5,\"maxLength\":4}", "least length" },
        { "{\"type\":\"string\",\"minimum\":1}", "minimum" },
        { "{\"type\":\"integer\",\"maxLength\":1}", "does not fit" },
        { "{\"type\":\"integer\",\"minimum\":2,\"maximum\":1}", "minimum is above" },
        { "{\"type\":\"object\",\"properties\":{},\"required\":[\"x\"]}", "no property" },
        { "{\"$ref\":\"#/types/none\"}", "leads nowhere" },
        { "{\"$ref\":\"#/properties/f\"}", "leads nowhere" },
        { "{\"type\":\"string\",\"format\":\"decimal\",\"x-digits\":2,\"x-places\":3}",
          "contradict" },
        { "{\"type\":\"string\",\"enum\":[]}", "wrong type" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *why = NULL;
        AUTO_FREE char *text =
            xasprintf("{\"type\":\"object\",\"properties\":{\"f\":%s}}", cases[i].field);
        assert_null(compile_text(text, &why));
        print_message("%s: %s\n", cases[i].field, why);
        assert_non_null(strstr(why, cases[i].why));
        assert_non_null(strstr(why, "property \"f\""));
    }
}

static void test_references(void **state)
{
    (void)state;
    AUTO_FREE char *why = NULL;
    struct schema *s =
        compile_text("{\"types\":{},\"type\":\"object\"}", &why); /* "types" unknown */
    assert_null(s);
    json_t *root = json_loads("{\"types\":{\"a\":{\"type\":\"object\",\"properties\":{"
                              "\"n\":{\"$ref\":\"#/types/b\"}}},\"b\":{\"type\":"
                              "\"string\"},\"loop\":{\"type\":\"object\",\"properties\":{"
                              "\"x\":{\"$ref\":\"#/types/loop\"}}}}}",
                              0, NULL);
    json_t *a = json_pack("{s:s}", "$ref", "#/types/a");
    json_t *loop = json_pack("{s:s}", "$ref", "#/types/loop");
    AUTO_FREE char *why2 = NULL;
    s = schema_compile(a, root, &why2);
    assert_non_null(s);
    assert_non_null(json_object_get(schema_json(s), "properties"));
    schema_free(&s);
    assert_null(schema_compile(loop, root, &why2));
    assert_non_null(strstr(why2, "contains itself"));
    json_decref(a);
    json_decref(loop);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_and_objects),
        cmocka_unit_test_setup_teardown(test_all_errors_at_once_in_schema_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_presence_defaults_and_modes, set_up,
                                        tear_down),
        cmocka_unit_test(test_wrong_schemas),
        cmocka_unit_test(test_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
