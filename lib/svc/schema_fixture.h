/* Tables of one field's input and outcome: shared by schema_test.c and format_test.c. */
#ifndef LIB_SVC_SCHEMA_FIXTURE_H
#define LIB_SVC_SCHEMA_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "svc/body.h"
#include "svc/schema_internal.h"

#define REQUIRED "This field is required."
#define NULL_NOT "This field may not be null."
#define BLANK    "This field may not be blank."
#define INT_RULE "A valid integer is required."

/* One field named f with this definition, one JSON value (a "..." member of the body),
 * and either the value's text or the messages' JSON. */
struct field_case {
    const char *name, *in, *value, *errors;
};

static inline struct schema *compile_text(const char *text, char **ret_why)
{
    json_error_t e;
    json_t *def = json_loads(text, 0, &e);
    if (!def)
        fail_msg("test schema: %s", e.text);
    struct schema *s = schema_compile(def, def, ret_why);
    json_decref(def);
    return s;
}

static inline const char *shown(const struct value *v, struct arena *a)
{
    switch (v->kind) {
    case VALUE_ABSENT:
        return "absent";
    case VALUE_NULL:
        return "null";
    case VALUE_STR:
        return arena_str(a, v->s);
    case VALUE_INT:
        return arena_printf(a, "%lld", (long long)v->i);
    case VALUE_BOOL:
        return v->i ? "true" : "false";
    case VALUE_JSON:
        return "json";
    }
    return "?";
}

static inline void run_case(const struct schema *s, const struct field_case *c)
{
    struct arena a;
    struct values values;
    json_t *tree = NULL;
    AUTO_BUF struct buf details = { .max = 65536 };
    AUTO_FREE char *body = c->in ? xasprintf("{\"f\":%s}", c->in) : xstrdup("{}");
    arena_init(&a);
    enum err e = body_decode(s, STR("application/json"), str_of(body), SCHEMA_FULL, &a,
                             &values, &tree, &details);
    print_message("%s\n", c->name ? c->name : c->in);
    if (c->errors) {
        AUTO_FREE char *wanted = xasprintf("{\"f\":%s}", c->errors);
        assert_int_equal(e, ERR_VALIDATION);
        assert_string_equal(details.p, wanted);
    } else {
        assert_string_equal(details.p ? details.p : "", "");
        assert_int_equal(e, ERR_OK);
        assert_string_equal(shown(values_get(&values, "f"), &a), c->value);
    }
    json_decref(tree);
    arena_deinit(&a);
}

static inline void run_cases(const char *def, const struct field_case *cases, size_t n)
{
    char *why = NULL;
    AUTO_FREE char *text = xasprintf(
        "{\"type\":\"object\",\"required\":[\"f\"],\"properties\":{\"f\":%s}}", def);
    struct schema *s = compile_text(text, &why);
    if (!s)
        fail_msg("%s", why);
    for (size_t i = 0; i < n; i++)
        run_case(s, &cases[i]);
    schema_free(&s);
}

#endif
