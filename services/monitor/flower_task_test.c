#include "monitor/flower_task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"

static void texts_are_as_python_writes_them(void **state)
{
    (void)state;
    static const struct {
        const char *text, *repr;
    } cases[] = {
        { "", "''" },
        { "ok1@example.com", "'ok1@example.com'" },
        { "o'hara@example.com", "\"o'hara@example.com\"" },
        { "a\"b", "'a\"b'" },
        { "o'h\"a", "'o\\'h\"a'" },
        { "a\\b", "'a\\\\b'" },
        { "a\tb\x7f", "'a\\x09b\\x7f'" },
        { "\xc3\xa4", "'\xc3\xa4'" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_BUF struct buf out;
        buf_init(&out, 256);
        flower_repr(&out, str_of(cases[i].text));
        assert_true(str_eq(buf_get(&out), str_of(cases[i].repr)));
    }
}

static void each_state_is_searched_and_they_are_sorted(void **state)
{
    (void)state;
    size_t n = 0;
    for (; flower_state_at(n); n++) {
        assert_non_null(flower_search_of_state(str_of(flower_state_at(n))));
        assert_true(n == 0 || strcmp(flower_state_at(n - 1), flower_state_at(n)) < 0);
    }
    assert_int_equal(n, 6);
    assert_null(flower_search_of_state(STR("GONE")));
}

static void a_mail_in_hand_has_started(void **state)
{
    (void)state;
    json_t *job = json_pack("{s:s,s:s,s:s,s:i,s:s}", "state", "leased", "recipient",
                            "o'hara@example.com", "template", "welcome", "attempt", 1,
                            "claimed_at", "2026-11-25T17:00:00Z");
    json_t *task = flower_task(job);
    assert_string_equal(json_string_value(json_object_get(task, "state")), "STARTED");
    assert_string_equal(json_string_value(json_object_get(task, "kwargs")),
                        "{'recipient': \"o'hara@example.com\"}");
    assert_true(json_real_value(json_object_get(task, "started")) > 1.79e9);
    json_decref(task);
    json_decref(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_as_python_writes_them),
        cmocka_unit_test(each_state_is_searched_and_they_are_sorted),
        cmocka_unit_test(a_mail_in_hand_has_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
