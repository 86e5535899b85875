/* Which events name whom: the rows that event_apply.sql is given. */
#include "catalog/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct event event(const char *type, int64_t user, const char *payload)
{
    return (struct event){
        .type = type, .version = 1, .aggregate_id = user, .payload = str_of(payload)
    };
}

static void check(struct event *events, unsigned n, const char *expected)
{
    struct event_batch batch = { .events = events, .n = n };
    AUTO_BUF struct buf out;
    buf_init(&out, 4096);
    catalog_names_rows(&batch, &out);
    assert_string_equal(out.p, expected);
}

static void test_updates_and_deletions(void **state)
{
    (void)state;
    struct event events[] = {
        event("user.updated", 1, "{\"user_id\":1,\"username\":\"ann\",\"uv\":4}"),
        event("user.deleted", 2, "{\"user_id\":2,\"username\":\"bob\",\"uv\":3}"),
    };
    check(events, 2,
          "[{\"user_id\":1,\"username\":\"ann\",\"version\":4},"
          "{\"user_id\":2,\"username\":null,\"version\":3}]");
}

static void test_the_last_of_a_user_counts(void **state)
{
    (void)state;
    struct event events[] = {
        event("user.updated", 1, "{\"user_id\":1,\"username\":\"ann\",\"uv\":4}"),
        event("user.updated", 2, "{\"user_id\":2,\"username\":\"bob\",\"uv\":1}"),
        event("session.revoked", 2, "{\"user_id\":2,\"sid\":\"x\"}"),
        event("user.deleted", 1, "{\"user_id\":1,\"username\":\"ann\",\"uv\":5}"),
    };
    check(events, 4,
          "[{\"user_id\":2,\"username\":\"bob\",\"version\":1},"
          "{\"user_id\":1,\"username\":null,\"version\":5}]");
}

static void test_others_are_passed_over(void **state)
{
    (void)state;
    struct event events[] = {
        event("user.registered", 1, "{\"user_id\":1,\"username\":\"ann\",\"uv\":4}"),
        event("user.updated", 2, "{\"user_id\":2,\"uv\":4}"),
        event("user.updated", 3, "{\"user_id\":0,\"username\":\"x\",\"uv\":4}"),
        event("user.deleted", 4, "{\"user_id\":4}"),
        event("user.deleted", 5, "[]"),
        event("malformed", 6, "{}"),
        event("user.updated", 7, "{\"user_id\":7,\"username\":\"ann\",\"uv\":4}"),
    };
    events[6].version = 2;
    check(events, 7, "[]");
    check(events, 0, "[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_updates_and_deletions),
        cmocka_unit_test(test_the_last_of_a_user_counts),
        cmocka_unit_test(test_others_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
