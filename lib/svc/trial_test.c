#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <czmq.h>
#include <stdlib.h>

#include "base/mem.h"
#include "svc/keys_private.h"
#include "svc/trial.h"

static char root[] = "/tmp/quintet-trial-XXXXXX";

static struct keys *open_keys(unsigned faults)
{
    AUTO_FREE char *own = xasprintf("%s/keys-auth", root);
    AUTO_FREE char *public = xasprintf("%s/keys-public", root);
    struct keys *k = keys_open_with("auth", own, public, faults);
    assert_non_null(k);
    return k;
}

struct seen {
    struct loop *loop;
    unsigned n;
    enum trial_verdict verdict;
    const char *who;
};

static void on_verdict(void *arg, enum trial_verdict verdict, const char *who)
{
    struct seen *seen = arg;
    seen->n++;
    seen->verdict = verdict;
    seen->who = who;
    loop_stop(seen->loop);
}

/* What a trial says of a ROUTER that is bound as this says. */
static struct seen try_it(struct keys *k, void *router)
{
    char endpoint[128] = "tcp://127.0.0.1:1"; /* nobody is there */
    size_t size = sizeof endpoint;
    struct seen seen = { .loop = loop_new() };
    if (router) {
        assert_int_equal(keys_bind(router, "tcp://127.0.0.1:*"), 0);
        assert_int_equal(zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    }
    struct trial *t = trial_start(seen.loop, k, endpoint, on_verdict, &seen);
    loop_run(seen.loop);
    trial_free(&t);
    assert_null(t);
    loop_free(&seen.loop);
    assert_int_equal(seen.n, 1);
    return seen;
}

static void test_both_are_refused(void **state)
{
    (void)state;
    static const unsigned FAULTS[] = { KEYS_FAULT_NONE, KEYS_FAULT_NO_HANDLER,
                                       KEYS_FAULT_NO_ENFORCE };
    for (size_t i = 0; i < ARRAY_LEN(FAULTS); i++) {
        struct keys *k = open_keys(FAULTS[i]);
        struct seen seen = try_it(k, keys_server_socket(k, ZMQ_ROUTER));
        assert_int_equal(seen.verdict, TRIAL_REFUSED);
        assert_null(seen.who);
        keys_close(&k);
    }
}

static void test_an_open_door_shows(void **state)
{
    (void)state;
    struct keys *k = open_keys(KEYS_FAULT_NO_HANDLER | KEYS_FAULT_NO_ENFORCE);
    struct seen seen = try_it(k, keys_server_socket(k, ZMQ_ROUTER));
    assert_int_equal(seen.verdict, TRIAL_SERVED);
    assert_string_equal(seen.who, "an unknown key");
    keys_close(&k);
}

static void test_a_door_without_a_lock_shows(void **state)
{
    (void)state;
    struct keys *k = open_keys(KEYS_FAULT_NONE);
    zsock_t *plain = zsock_new(ZMQ_ROUTER);
    struct seen seen = try_it(k, zsock_resolve(plain));
    assert_int_equal(seen.verdict, TRIAL_SERVED);
    assert_string_equal(seen.who, "no key");
    zsock_destroy(&plain);
    keys_close(&k);
}

static void test_a_door_that_is_not_there_is_told(void **state)
{
    (void)state;
    struct keys *k = open_keys(KEYS_FAULT_NONE);
    assert_int_equal(try_it(k, NULL).verdict, TRIAL_OPEN);
    keys_close(&k);
}

static void test_it_can_be_broken_off(void **state)
{
    (void)state;
    struct keys *k = open_keys(KEYS_FAULT_NONE);
    struct loop *loop = loop_new();
    struct trial *t = trial_start(loop, k, "tcp://127.0.0.1:1", on_verdict, NULL);
    trial_free(&t);
    trial_free(&t);
    loop_free(&loop);
    keys_close(&k);
}

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) && keys_generate(root) == 0 ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    zdir_t *dir = zdir_new(root, NULL);
    zdir_remove(dir, true);
    zdir_destroy(&dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_are_refused),
        cmocka_unit_test(test_an_open_door_shows),
        cmocka_unit_test(test_a_door_without_a_lock_shows),
        cmocka_unit_test(test_a_door_that_is_not_there_is_told),
        cmocka_unit_test(test_it_can_be_broken_off),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
