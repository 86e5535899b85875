#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "svc/resolve_private.h"

enum { REPORTS = 8, TEXT = 256, GUARD_MS = 5000 };

/* ---- what was reported ---- */

struct heard {
    struct loop *loop;
    char report[REPORTS][TEXT]; /* "tcp://a:1 tcp://b:1" */
    unsigned n, want;
};

static void on_set(void *arg, const char *const *endpoints, unsigned n)
{
    struct heard *h = arg;
    if (h->n == REPORTS)
        return;
    char *out = h->report[h->n++];
    out[0] = '\0';
    for (unsigned i = 0; i < n; i++) {
        size_t used = strlen(out);
        snprintf(out + used, TEXT - used, "%s%s", i ? " " : "", endpoints[i]);
    }
    if (h->n == h->want)
        loop_stop(h->loop);
}

static void give_up(void *arg)
{
    fail_msg("nothing was reported: %u", ((struct heard *)arg)->n);
}

static void run_until(struct heard *h, unsigned want)
{
    if (h->n >= want)
        return;
    h->want = want;
    struct loop_timer *guard = loop_timer(h->loop, GUARD_MS, 0, give_up, h);
    loop_run(h->loop);
    loop_timer_cancel(&guard);
}

/* ---- numeric lists ---- */

struct numeric {
    const char *name, *list, *want;
};

static const struct numeric NUMERIC[] = {
    { "one", "tcp://127.0.0.1:7002", "tcp://127.0.0.1:7002" },
    { "two, sorted, blanks", " tcp://127.0.0.2:1 , tcp://127.0.0.1:2",
      "tcp://127.0.0.1:2 tcp://127.0.0.2:1" },
    { "equal ones count once", "tcp://127.0.0.1:1,tcp://127.0.0.1:1",
      "tcp://127.0.0.1:1" },
    { "version 6", "tcp://[::1]:7002", "tcp://[::1]:7002" },
    { "bad ones are left out",
      "ipc:///tmp/x,tcp://127.0.0.1,tcp://:1,tcp://127.0.0.1:0,"
      "tcp://127.0.0.1:65536,tcp://127.0.0.1:x,tcp://[::1:5,,"
      "tcp://127.0.0.1:5",
      "tcp://127.0.0.1:5" },
};

static void test_numeric_before_the_first_turn(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(NUMERIC); i++) {
        struct heard h = { .loop = loop_new() };
        struct resolver *r = resolver_start(h.loop, NUMERIC[i].list, on_set, &h);
        if (h.n != 1 || strcmp(h.report[0], NUMERIC[i].want) != 0)
            fail_msg("%s: '%s'", NUMERIC[i].name, h.report[0]);
        resolver_stop(&r);
        assert_null(r);
        loop_free(&h.loop);
    }
}

static void test_empty_list(void **state)
{
    (void)state;
    struct heard h = { .loop = loop_new() };
    struct resolver *r = resolver_start(h.loop, "", on_set, &h);
    assert_int_equal(h.n, 0);
    resolver_stop(&r);
    loop_free(&h.loop);
}

/* ---- a scripted name service ---- */

/* Round by round: addresses apart by blanks, or NULL for a failure. The last one stays.
 */
struct script {
    const char *round[8];
    unsigned next;
};

static bool scripted(void *arg, const char *host, const char *port,
                     struct resolve_answer *ret)
{
    struct script *s = arg;
    const char *text = s->round[s->next];
    assert_string_equal(host, "catalog");
    if (s->next + 1 < ARRAY_LEN(s->round) && s->round[s->next + 1] != (char *)s)
        s->next++;
    if (!text)
        return false;
    struct str rest = str_of(text);
    while (rest.n > 0) {
        struct str one = str_cut(&rest, ' ');
        snprintf(ret->address[ret->n++], RESOLVE_ADDRESS_SIZE, "tcp://%.*s:%s",
                 STR_ARG(one), port);
    }
    return true;
}

/* Marks the end of a script. Scripts are static: the thread may outlive its test. */
#define END(script) ((char *)&(script))

static struct resolver *start(struct heard *h, struct script *s, const char *list)
{
    const struct resolve_hooks hooks = { scripted, s, 1, 1 };
    return resolver_start_with(h->loop, list, &hooks, on_set, h);
}

static void test_changes_are_reported(void **state)
{
    (void)state;
    struct heard h = { .loop = loop_new() };
    static struct script s = { .round = { "10.0.0.2 10.0.0.1", "10.0.0.1 10.0.0.2",
                                          "10.0.0.1 10.0.0.2 10.0.0.3", END(s) } };
    struct resolver *r = start(&h, &s, "tcp://catalog:7002");
    assert_int_equal(h.n, 0);
    run_until(&h, 2);
    assert_string_equal(h.report[0], "tcp://10.0.0.1:7002 tcp://10.0.0.2:7002");
    assert_string_equal(h.report[1],
                        "tcp://10.0.0.1:7002 tcp://10.0.0.2:7002 tcp://10.0.0.3:7002");
    resolver_stop(&r);
    loop_free(&h.loop);
}

static void test_gone_after_two_rounds(void **state)
{
    (void)state;
    struct heard h = { .loop = loop_new() };
    /* .2 is missing once and comes back: no report. Then it is missing for good. */
    static struct script s = { .round = { "10.0.0.1 10.0.0.2", "10.0.0.1",
                                          "10.0.0.1 10.0.0.2", "10.0.0.1", "10.0.0.1",
                                          END(s) } };
    struct resolver *r = start(&h, &s, "tcp://catalog:7002");
    run_until(&h, 2);
    assert_string_equal(h.report[0], "tcp://10.0.0.1:7002 tcp://10.0.0.2:7002");
    assert_string_equal(h.report[1], "tcp://10.0.0.1:7002");
    assert_int_equal(s.next, 4); /* not before the second round without it */
    resolver_stop(&r);
    loop_free(&h.loop);
}

static void test_failure_keeps_the_last_set(void **state)
{
    (void)state;
    struct heard h = { .loop = loop_new() };
    static struct script s = { .round = { NULL, "10.0.0.1", NULL, NULL, NULL,
                                          "10.0.0.1 10.0.0.9", END(s) } };
    struct resolver *r = start(&h, &s, "tcp://127.0.0.1:5,tcp://catalog:7002");
    assert_int_equal(h.n, 1); /* the numeric one at once */
    run_until(&h, 3);
    assert_string_equal(h.report[0], "tcp://127.0.0.1:5");
    assert_string_equal(h.report[1], "tcp://10.0.0.1:7002 tcp://127.0.0.1:5");
    assert_string_equal(h.report[2],
                        "tcp://10.0.0.1:7002 tcp://10.0.0.9:7002 tcp://127.0.0.1:5");
    resolver_stop(&r);
    loop_free(&h.loop);
}

static void test_one_family_per_name(void **state)
{
    (void)state;
    struct heard h = { .loop = loop_new() };
    static struct script s = { .round = { "[fd00::1] 10.0.0.1", END(s) } };
    struct resolver *r = start(&h, &s, "tcp://catalog:7002");
    run_until(&h, 1);
    assert_string_equal(h.report[0], "tcp://10.0.0.1:7002");
    resolver_stop(&r);
    loop_free(&h.loop);
}

static void test_real_name(void **state)
{
    (void)state;
    struct heard h = { .loop = loop_new() };
    struct resolver *r = resolver_start(h.loop, "tcp://localhost:7002", on_set, &h);
    run_until(&h, 1);
    assert_true(strcmp(h.report[0], "tcp://127.0.0.1:7002") == 0 ||
                strcmp(h.report[0], "tcp://[::1]:7002") == 0);
    resolver_stop(&r);
    loop_free(&h.loop);
}

static void test_stop_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct heard h = { .loop = loop_new() };
        struct resolver *r = resolver_start(h.loop, "tcp://localhost:7002", on_set, &h);
        resolver_stop(&r);
        loop_free(&h.loop);
        assert_int_equal(h.n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numeric_before_the_first_turn),
        cmocka_unit_test(test_empty_list),
        cmocka_unit_test(test_changes_are_reported),
        cmocka_unit_test(test_gone_after_two_rounds),
        cmocka_unit_test(test_failure_keeps_the_last_set),
        cmocka_unit_test(test_one_family_per_name),
        cmocka_unit_test(test_real_name),
        cmocka_unit_test(test_stop_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
