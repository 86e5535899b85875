#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <jansson.h>

#include "base/err.h"
#include "base/mem.h"
#include "svc/embed.h"

extern const struct embed_file embed_proto[];

/* Without a default, so that the compiler tells when a number is missing here. */
static const char *symbol(enum err e)
{
    switch (e) {
#define SYMBOL(x)                                                                        \
    case x:                                                                              \
        return #x;
        SYMBOL(ERR_OK)
        SYMBOL(ERR_PARSE)
        SYMBOL(ERR_VALIDATION)
        SYMBOL(ERR_BAD_REQUEST)
        SYMBOL(ERR_TOKEN_INVALID_LINK)
        SYMBOL(ERR_NOT_AUTHENTICATED)
        SYMBOL(ERR_TOKEN_NOT_VALID)
        SYMBOL(ERR_NO_ACTIVE_ACCOUNT)
        SYMBOL(ERR_USER_INACTIVE)
        SYMBOL(ERR_USER_NOT_FOUND)
        SYMBOL(ERR_BAD_AUTHORIZATION)
        SYMBOL(ERR_PERMISSION_DENIED)
        SYMBOL(ERR_LOGIN_LOCKED)
        SYMBOL(ERR_NOT_FOUND)
        SYMBOL(ERR_METHOD_NOT_ALLOWED)
        SYMBOL(ERR_NOT_ACCEPTABLE)
        SYMBOL(ERR_CONFLICT)
        SYMBOL(ERR_IN_PROGRESS)
        SYMBOL(ERR_PRECONDITION_FAILED)
        SYMBOL(ERR_TOO_LARGE)
        SYMBOL(ERR_UNSUPPORTED_MEDIA_TYPE)
        SYMBOL(ERR_IDEMPOTENCY_MISMATCH)
        SYMBOL(ERR_THROTTLED)
        SYMBOL(ERR_URI_TOO_LONG)
        SYMBOL(ERR_HEADERS_TOO_LARGE)
        SYMBOL(ERR_LENGTH_REQUIRED)
        SYMBOL(ERR_CSRF)
        SYMBOL(ERR_READ_ONLY)
        SYMBOL(ERR_HISTORY)
        SYMBOL(ERR_STREAMS)
        SYMBOL(ERR_INTERNAL)
        SYMBOL(ERR_UNAVAILABLE)
        SYMBOL(ERR_DEADLINE)
        SYMBOL(ERR_OVERLOADED)
        SYMBOL(ERR_OUTCOME_UNKNOWN)
        SYMBOL(ERR_DRAINING)
        SYMBOL(ERR_BAD_FRAME)
        SYMBOL(ERR_BAD_VERSION)
        SYMBOL(ERR_UNKNOWN_METHOD)
        SYMBOL(ERR_PEER_NOT_ALLOWED)
        SYMBOL(ERR_EXPIRED)
#undef SYMBOL
    }
    return "(none)";
}

static json_t *read_registry(void)
{
    json_error_t e;
    struct str text = embed_find(embed_proto, "errors.json");
    json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &e);
    if (!root)
        fail_msg("errors.json: line %d: %s", e.line, e.text);
    return root;
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    assert_non_null(text);
    return text;
}

static void test_table_is_the_registry(void **state)
{
    json_t *root = read_registry();
    const json_t *row;
    size_t i, n;
    (void)state;
    err_table(&n);
    assert_int_equal(n, json_array_size(json_object_get(root, "errors")));
    json_array_foreach(json_object_get(root, "errors"), i, row)
    {
        int number = (int)json_integer_value(json_object_get(row, "number"));
        const struct err_info *info = err_info((enum err)number);
        print_message("%d %s\n", number, text_of(row, "symbol"));
        assert_int_equal(info->number, number);
        assert_string_equal(symbol(info->number), text_of(row, "symbol"));
        assert_int_equal(info->status,
                         json_integer_value(json_object_get(row, "status")));
        assert_string_equal(info->code, text_of(row, "code"));
        assert_string_equal(info->message, text_of(row, "message"));
        assert_string_equal(info->detail, text_of(row, "detail"));
    }
    json_decref(root);
}

/* Every number that has a symbol has a row, so none is missing in the registry. */
static void test_every_symbol_has_a_row(void **state)
{
    (void)state;
    for (int number = 1; number < 2000; number++) {
        bool named = strcmp(symbol((enum err)number), "(none)") != 0;
        assert_int_equal(named, (int)err_info((enum err)number)->number == number);
    }
}

static void test_rows_are_unlike(void **state)
{
    size_t n;
    const struct err_info *rows = err_table(&n);
    (void)state;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(rows[i].number, rows[k].number);
            assert_string_not_equal(rows[i].code, rows[k].code);
        }
}

static void test_unknown_numbers_are_internal_errors(void **state)
{
    (void)state;
    assert_int_equal(err_info((enum err)4711)->number, ERR_INTERNAL);
    assert_int_equal(err_info(ERR_OK)->number, ERR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_the_registry),
        cmocka_unit_test(test_every_symbol_has_a_row),
        cmocka_unit_test(test_rows_are_unlike),
        cmocka_unit_test(test_unknown_numbers_are_internal_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
