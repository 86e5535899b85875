#include "svc/socket_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <czmq.h>

#include "base/mem.h"

enum { ASKED = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED, GUARD_MS = 5000 };

struct scene {
    struct loop *loop;
    zsock_t *server, *client;
    struct socket_watch *watch;
    struct loop_timer *guard;
    struct socket_event seen[4];
    unsigned n;
};

static void on_guard(void *arg)
{
    (void)arg;
    fail_msg("nothing happened for %d ms", GUARD_MS);
}

static void open_scene(struct scene *s)
{
    zsys_handler_set(NULL);
    *s = (struct scene){ .loop = loop_new() };
    s->server = zsock_new(ZMQ_ROUTER);
    s->client = zsock_new(ZMQ_DEALER);
    assert_true(zsock_bind(s->server, "tcp://127.0.0.1:*") > 0);
    s->guard = loop_timer(s->loop, GUARD_MS, 0, on_guard, NULL);
}

static void close_scene(struct scene *s)
{
    socket_watch_free(&s->watch);
    assert_null(s->watch);
    loop_timer_cancel(&s->guard);
    loop_free(&s->loop);
    zsock_destroy(&s->client);
    zsock_destroy(&s->server);
}

static void watch(struct scene *s, loop_fn *fn)
{
    s->watch = socket_watch_new(s->loop, zsock_resolve(s->client), ASKED, fn, s);
    assert_non_null(s->watch);
}

static bool take(struct scene *s)
{
    struct socket_event e;
    if (!socket_watch_next(s->watch, &e))
        return false;
    assert_true(s->n < ARRAY_LEN(s->seen));
    s->seen[s->n++] = e;
    return true;
}

static void close_the_server_then_stop(void *arg)
{
    struct scene *s = arg;
    while (take(s))
        if (s->seen[s->n - 1].event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            zsock_destroy(&s->server);
        else
            loop_stop(s->loop);
}

/* On the way there are more (connected, delayed, closed, ...): nobody asked for them. */
static void tells_what_it_was_asked_for(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    watch(&s, close_the_server_then_stop);
    AUTO_FREE char *endpoint = xstrdup(zsock_endpoint(s.server));
    assert_int_equal(zsock_connect(s.client, "%s", endpoint), 0);
    loop_run(s.loop);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.seen[0].event, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    assert_string_equal(s.seen[0].endpoint, endpoint);
    assert_int_equal(s.seen[1].event, ZMQ_EVENT_DISCONNECTED);
    close_scene(&s);
}

static void free_in_its_callback(void *arg)
{
    struct scene *s = arg;
    if (!take(s))
        return; /* a loop may call in vain */
    socket_watch_free(&s->watch);
    assert_false(take(s));
    loop_stop(s->loop);
}

static void its_callback_may_free_it(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    watch(&s, free_in_its_callback);
    assert_int_equal(zsock_connect(s.client, "%s", zsock_endpoint(s.server)), 0);
    loop_run(s.loop);
    assert_int_equal(s.n, 1);

    /* The socket is as it was: it carries messages, and can be watched anew. */
    assert_int_equal(zstr_send(s.client, "hello"), 0);
    char *from = zstr_recv(s.server), *text = zstr_recv(s.server);
    assert_string_equal(text, "hello");
    zstr_free(&from);
    zstr_free(&text);
    watch(&s, free_in_its_callback);
    zsock_destroy(&s.server);
    loop_run(s.loop);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.seen[1].event, ZMQ_EVENT_DISCONNECTED);
    close_scene(&s);
}

static void nothing_happened(void **state)
{
    (void)state;
    struct scene s;
    struct socket_event e;
    open_scene(&s);
    watch(&s, free_in_its_callback);
    memset(&e, 'x', sizeof e);
    assert_false(socket_watch_next(s.watch, &e));
    assert_int_equal(e.event, 0);
    assert_string_equal(e.endpoint, "");
    close_scene(&s);
}

static void no_socket_no_watch(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    assert_null(socket_watch_new(s.loop, NULL, ASKED, free_in_its_callback, &s));
    assert_int_equal(zmq_errno(), ENOTSOCK);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_it_was_asked_for),
        cmocka_unit_test(its_callback_may_free_it),
        cmocka_unit_test(nothing_happened),
        cmocka_unit_test(no_socket_no_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
