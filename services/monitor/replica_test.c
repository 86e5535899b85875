#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "monitor/replica.h"

static const int64_t WALL = 1790000000000000;

static json_t *beat(const char *service, const char *boot, const char *state)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:{s:i}}", "service", service,
                     "instance", "x-1", "version", "1", "boot_id", boot, "state", state,
                     "control", "tcp://127.0.0.1:1", "at_us", (json_int_t)WALL, "pid",
                     (json_int_t)7, "load", "in_flight", 2);
}

static bool give(struct replicas *t, const char *sender, json_t *m, int64_t now_ms)
{
    bool taken = replicas_beat(t, sender, m, now_ms, WALL);
    json_decref(m);
    return taken;
}

static enum replica_status status_at(const struct replicas *t, int64_t now_ms)
{
    char evidence[200];
    enum replica_status s = replica_status(t->r[0], NULL, now_ms, evidence);
    assert_true(strlen(evidence) > 10);
    return s;
}

static void beats_say_how_a_replica_is(void **state)
{
    (void)state;
    static const struct {
        const char *said;
        enum replica_status status;
    } cases[] = {
        { "ready", REPLICA_UP },
        { "draining", REPLICA_DRAINING },
        { "not ready", REPLICA_NOT_READY },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct replicas t = { 0 };
        assert_true(give(&t, "auth", beat("auth", "b1", cases[i].said), 1000));
        assert_int_equal(status_at(&t, 1500), cases[i].status);
        replicas_deinit(&t);
    }
}

static void the_key_decides_who_speaks_not_the_text(void **state)
{
    (void)state;
    struct replicas t = { 0 };
    assert_false(give(&t, "catalog", beat("auth", "b1", "ready"), 1000));
    assert_int_equal(t.n, 0);
}

static void an_old_beat_is_history(void **state)
{
    (void)state;
    struct replicas t = { 0 };
    json_t *m = beat("auth", "b1", "ready");
    assert_false(replicas_beat(&t, "auth", m, 1000, WALL + 2100000));
    json_decref(m);
    assert_int_equal(t.n, 0);
}

static void silence_is_judged_by_the_probe(void **state)
{
    (void)state;
    static const struct {
        enum replica_probe probe;
        enum replica_status status;
    } cases[] = {
        { PROBE_NONE, REPLICA_SILENT },
        { PROBE_ANSWERED, REPLICA_MUTE },
        { PROBE_NO_ANSWER, REPLICA_FROZEN },
        { PROBE_UNREACHABLE, REPLICA_CRASHED },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct replicas t = { 0 };
        give(&t, "auth", beat("auth", "b1", "ready"), 1000);
        assert_false(replica_wants_probe(t.r[0], 2000));
        assert_true(replica_wants_probe(t.r[0], 1000 + REPLICA_SILENT_MS));
        if (cases[i].probe != PROBE_NONE)
            replica_probed(t.r[0], cases[i].probe, 5000);
        assert_int_equal(status_at(&t, 5000), cases[i].status);
        replicas_deinit(&t);
    }
}

static void a_farewell_is_a_clean_stop_and_is_not_probed(void **state)
{
    (void)state;
    struct replicas t = { 0 };
    give(&t, "auth", beat("auth", "b1", "ready"), 1000);
    json_t *bye = beat("auth", "b1", "");
    assert_true(replicas_bye(&t, "auth", bye, 2000, WALL));
    json_decref(bye);
    assert_int_equal(status_at(&t, 60000), REPLICA_STOPPED);
    assert_false(replica_wants_probe(t.r[0], 60000));
    replicas_deinit(&t);
}

static void another_boot_is_a_restart(void **state)
{
    (void)state;
    struct replicas t = { 0 };
    give(&t, "auth", beat("auth", "b1", "ready"), 1000);
    give(&t, "auth", beat("auth", "b2", "ready"), 9000);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.r[0]->restarts, 1);
    assert_int_equal(status_at(&t, 9100), REPLICA_UP);
    /* the late farewell of the first boot does not end the second */
    json_t *bye = beat("auth", "b1", "");
    assert_false(replicas_bye(&t, "auth", bye, 9200, WALL));
    json_decref(bye);
    assert_int_equal(status_at(&t, 9300), REPLICA_UP);
    replicas_deinit(&t);
}

static void a_successor_on_the_same_port_replaces(void **state)
{
    (void)state;
    struct replicas t = { 0 };
    give(&t, "auth", beat("auth", "b1", "ready"), 1000);
    json_t *next = beat("auth", "b2", "ready");
    json_object_set_new(next, "instance", json_string("x-2"));
    assert_true(give(&t, "auth", next, 9000));
    assert_int_equal(t.n, 1);
    assert_string_equal(t.r[0]->instance, "x-2");
    replicas_deinit(&t);
}

static void what_is_long_gone_is_forgotten(void **state)
{
    (void)state;
    struct replicas t = { 0 };
    give(&t, "auth", beat("auth", "b1", "ready"), 1000);
    replica_probed(t.r[0], PROBE_UNREACHABLE, 5000);
    replicas_tick(&t, 6000, WALL);
    assert_int_equal(t.n, 1);
    assert_non_null(strstr(t.changes.ring[t.changes.next - 1].text, "x-1 crashed"));
    replicas_tick(&t, 1000 + REPLICA_FORGET_MS + 1, WALL);
    assert_int_equal(t.n, 0);
    replicas_deinit(&t);
}

static void another_version_than_expected_is_told(void **state)
{
    (void)state;
    struct replicas t = { .version = "2" };
    char evidence[200];
    give(&t, "auth", beat("auth", "b1", "ready"), 1000);
    assert_int_equal(replica_status(t.r[0], t.version, 1200, evidence),
                     REPLICA_WRONG_VERSION);
    assert_non_null(strstr(evidence, "it runs 1 where 2 should run"));
    give(&t, "auth", beat("auth", "b1", "draining"), 1300);
    assert_int_equal(replica_status(t.r[0], t.version, 1400, evidence), REPLICA_DRAINING);
    replicas_deinit(&t);
}

static void only_what_is_gone_is_forgotten_by_hand(void **state)
{
    (void)state;
    struct replicas t = { 0 };
    give(&t, "auth", beat("auth", "b1", "ready"), 1000);
    assert_false(replicas_forget(&t, t.r[0], 1200, WALL, "ada"));
    replica_probed(t.r[0], PROBE_UNREACHABLE, 5000);
    assert_true(replicas_forget(&t, t.r[0], 5100, WALL, "ada"));
    assert_int_equal(t.n, 0);
    assert_string_equal(t.changes.ring[t.changes.next - 1].who, "ada");
    replicas_deinit(&t);
}

/* x-1 beats until `until_ms`, x-2 until `until2_ms`; the table is looked at every second.
 */
static void two_beat(struct replicas *t, int64_t from_ms, int64_t until_ms,
                     int64_t until2_ms, int64_t end_ms)
{
    for (int64_t now = from_ms; now < end_ms; now += 1000) {
        json_t *second = beat("auth", "b2", "ready");
        json_object_set_new(second, "instance", json_string("x-2"));
        json_object_set_new(second, "control", json_string("tcp://127.0.0.1:2"));
        if (now < until_ms)
            give(t, "auth", beat("auth", "b1", "ready"), now);
        if (now < until2_ms)
            give(t, "auth", json_incref(second), now);
        json_decref(second);
        replicas_tick(t, now, WALL);
    }
}

static bool was_scaled(const struct replicas *t)
{
    for (unsigned i = 0; i < t->changes.n; i++)
        if (strcmp(t->changes.ring[i].kind, "scaled") == 0)
            return true;
    return false;
}

static void a_farewell_scales_and_a_crash_does_not(void **state)
{
    (void)state;
    for (int farewell = 0; farewell < 2; farewell++) {
        struct replicas t = { 0 };
        two_beat(&t, 1000, 20000, 20000, 20000);
        json_t *bye = json_pack("{s:s,s:s,s:s}", "service", "auth", "instance", "x-2",
                                "boot_id", "b2");
        if (farewell)
            assert_true(replicas_bye(&t, "auth", bye, 20000, WALL));
        json_decref(bye);
        two_beat(&t, 20000, 25000 + REPLICA_FORGET_MS, 20000, 25000 + REPLICA_FORGET_MS);
        assert_int_equal(t.n, 1);
        assert_int_equal(was_scaled(&t), farewell);
        replicas_deinit(&t);
    }
}

static unsigned starts_noted(const struct replicas *t)
{
    unsigned n = 0;
    for (unsigned i = 0; i < t->changes.n; i++)
        n += strcmp(t->changes.ring[i].kind, "started") == 0;
    return n;
}

static void only_what_no_record_can_have_is_called_started(void **state)
{
    (void)state;
    static const struct {
        int64_t recorded_us, uptime_s;
        unsigned noted;
    } cases[] = {
        { 0, 86400, 1 },               /* the first run of all */
        { WALL - 60000000, 86400, 0 }, /* the earlier run heard it */
        { WALL - 60000000, 20, 1 },    /* while nobody listened */
        { WALL - 60000000, 60, 0 },    /* its start was the last thing noted */
        { WALL - 500000, 0, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct replicas t = { 0 };
        json_t *m = beat("auth", "b1", "ready");
        json_object_set_new(m, "uptime_s", json_integer(cases[i].uptime_s));
        give(&t, "auth", m, 1000);
        replicas_tick(&t, 1100, WALL);
        assert_int_equal(starts_noted(&t), 0); /* the record is not read yet */
        replicas_recalled(&t, cases[i].recorded_us);
        replicas_tick(&t, 1200, WALL);
        replicas_tick(&t, 1300, WALL);
        assert_int_equal(starts_noted(&t), cases[i].noted);
        if (cases[i].noted)
            assert_int_equal(t.changes.ring[0].wall_us,
                             WALL - cases[i].uptime_s * 1000000);
        replicas_deinit(&t);
    }
}

static void full_is_full(void **state)
{
    (void)state;
    struct replicas t = { 0 };
    char name[16];
    for (int i = 0; i < REPLICAS_MAX + 5; i++) {
        json_t *m = beat("auth", "b1", "ready");
        snprintf(name, sizeof name, "r%d", i);
        json_object_set_new(m, "instance", json_string(name));
        json_object_set_new(m, "control", json_string(name));
        assert_int_equal(give(&t, "auth", m, 1000), i < REPLICAS_MAX);
    }
    replicas_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beats_say_how_a_replica_is),
        cmocka_unit_test(the_key_decides_who_speaks_not_the_text),
        cmocka_unit_test(an_old_beat_is_history),
        cmocka_unit_test(silence_is_judged_by_the_probe),
        cmocka_unit_test(a_farewell_is_a_clean_stop_and_is_not_probed),
        cmocka_unit_test(another_boot_is_a_restart),
        cmocka_unit_test(a_successor_on_the_same_port_replaces),
        cmocka_unit_test(what_is_long_gone_is_forgotten),
        cmocka_unit_test(another_version_than_expected_is_told),
        cmocka_unit_test(only_what_is_gone_is_forgotten_by_hand),
        cmocka_unit_test(a_farewell_scales_and_a_crash_does_not),
        cmocka_unit_test(only_what_no_record_can_have_is_called_started),
        cmocka_unit_test(full_is_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
