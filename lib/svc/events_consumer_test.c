/* What events look like from outside, and what the parser makes of them. The consumer
 * itself is tested against sockets in tests/contract/mailer. */
#include "svc/events_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/id.h"
#include "base/mem.h"

static const char EPOCH[] = "0c4ec968-22df-4886-86e1-406617e52172";

static const struct time_case {
    const char *text;
    int64_t us; /* -1: refused */
} TIMES[] = {
    { "1970-01-01T00:00:00Z", 0 },
    { "2026-11-22T10:12:57Z", INT64_C(1795342377000000) },
    { "2026-11-22T10:12:57.161784Z", INT64_C(1795342377161784) },
    { "2026-11-22T10:12:57.5Z", INT64_C(1795342377500000) },
    { "2026-11-22T10:12:57.123456789Z", INT64_C(1795342377123456) },
    { "2026-11-22T11:12:57+01:00", INT64_C(1795342377000000) },
    { "2026-11-22T04:42:57.000001-05:30", INT64_C(1795342377000001) },
    { "", -1 },
    { "2026-11-22", -1 },
    { "2026-11-22 10:12:57Z", -1 },
    { "2026-11-22T10:12:57", -1 },
    { "2026-11-22T10:12:57z", -1 },
    { "2026-11-22T10:12:57Zx", -1 },
    { "2026-13-22T10:12:57Z", -1 },
    { "2026-11-22T25:12:57Z", -1 },
    { "2026-11-22T10:12:57+1:00", -1 },
    { " 2026-11-22T10:12:57Z", -1 },
    { "+026-11-22T10:12:57Z", -1 },
};

static void test_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(TIMES); i++) {
        int64_t us = -1;
        bool ok = event_parse_time(TIMES[i].text, &us);
        if (ok != (TIMES[i].us >= 0) || us != TIMES[i].us)
            fail_msg("%s: %d %lld", TIMES[i].text, ok, (long long)us);
    }
}

static const char WHOLE[] =
    "{\"stream\":\"user\",\"seq\":7,\"event_id\":\"5f19c2e0-7b41-4d7e-8f00-"
    "000000000001\","
    "\"type\":\"user.registered\",\"version\":1,\"aggregate_id\":42,"
    "\"created_at\":\"2026-11-22T10:12:57Z\",\"expires_at\":\"2026-11-23T10:12:57Z\","
    "\"request_id\":\"000102030405060708090a0b0c0d0e0f\",\"trace_id\":null,"
    "\"payload\":{\"username\":\"ann\"},\"sealed\":\"AAAA\"}";

static void test_whole_event(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct event e;
    json_t *in = json_loads(WHOLE, 0, NULL);
    assert_true(event_parse(in, EPOCH, &a, &e));
    json_decref(in); /* the event must not need it */
    assert_int_equal(e.seq, 7);
    assert_string_equal(e.type, "user.registered");
    assert_int_equal(e.version, 1);
    assert_int_equal(e.aggregate_id, 42);
    assert_int_equal(e.created_us, INT64_C(1795342377000000));
    assert_int_equal(e.expires_us, INT64_C(1795428777000000));
    assert_int_equal(e.request_id[15], 15);
    assert_int_equal(e.trace_id[0], 0);
    assert_true(str_eq(e.payload, STR("{\"username\":\"ann\"}")));
    assert_true(str_eq(e.sealed, STR("AAAA")));
    assert_true(str_eq(e.json, str_of(WHOLE)));
    arena_deinit(&a);
}

/* One member changed: the value as JSON, NULL to leave the member out. */
static const struct change {
    const char *key, *value;
    bool numbered; /* false: not even a number */
    bool fine;
} CHANGES[] = {
    { "seq", "\"7\"", false, false },
    { "seq", "0", false, false },
    { "seq", "-1", false, false },
    { "seq", "7.0", false, false },
    { "seq", NULL, false, false },
    { "event_id", "\"x\"", true, false },
    { "event_id", NULL, true, false },
    { "type", "\"\"", true, false },
    { "type", "5", true, false },
    { "version", "\"1\"", true, false },
    { "aggregate_id", "null", true, false },
    { "created_at", "\"yesterday\"", true, false },
    { "created_at", NULL, true, false },
    { "expires_at", "17", true, false },
    { "expires_at", "\"never\"", true, false },
    { "expires_at", "null", true, true },
    { "expires_at", NULL, true, true },
    { "payload", "[]", true, false },
    { "payload", NULL, true, false },
    { "sealed", "null", true, true },
    { "sealed", NULL, true, true },
    { "request_id", "\"zz\"", true, true },
    { "request_id", "{}", true, true },
    { "extra", "[1]", true, true },
};

static void test_changed_events(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CHANGES); i++) {
        const struct change *c = &CHANGES[i];
        struct arena a = { 0 };
        struct event e;
        json_t *in = json_loads(WHOLE, 0, NULL);
        json_object_del(in, c->key);
        if (c->value)
            json_object_set_new(in, c->key, json_loads(c->value, JSON_DECODE_ANY, NULL));
        bool numbered = event_parse(in, EPOCH, &a, &e);
        if (numbered != c->numbered)
            fail_msg("%s = %s: numbered %d", c->key, c->value, numbered);
        if (numbered && (strcmp(e.type, EVENT_MALFORMED) != 0) != c->fine)
            fail_msg("%s = %s: type %s", c->key, c->value, e.type);
        json_decref(in);
        arena_deinit(&a);
    }
}

/* Read twice, in whatever run of the daemon, a malformed event has one id. */
static void test_malformed_events_have_a_steady_id(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct event first, again, next, other;
    json_t *seven = json_loads("{\"seq\":7}", 0, NULL);
    json_t *eight = json_loads("{\"seq\":8}", 0, NULL);
    assert_true(event_parse(seven, EPOCH, &a, &first));
    assert_true(event_parse(seven, EPOCH, &a, &again));
    assert_true(event_parse(eight, EPOCH, &a, &next));
    assert_true(event_parse(seven, "another", &a, &other));
    assert_memory_equal(first.event_id, again.event_id, 16);
    assert_memory_not_equal(first.event_id, next.event_id, 16);
    assert_memory_not_equal(first.event_id, other.event_id, 16);
    json_decref(seven);
    json_decref(eight);
    arena_deinit(&a);
}

static void test_not_an_object(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct event e;
    json_t *in = json_array();
    assert_false(event_parse(in, EPOCH, &a, &e));
    assert_false(event_parse(NULL, EPOCH, &a, &e));
    json_decref(in);
    arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_whole_event),
        cmocka_unit_test(test_changed_events),
        cmocka_unit_test(test_malformed_events_have_a_steady_id),
        cmocka_unit_test(test_not_an_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
