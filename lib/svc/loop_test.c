#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "svc/loop.h"

struct trace {
    struct loop *loop;
    char order[64];
    size_t n;
    int fds[2];
    struct loop_source *source;
    struct loop_timer *timer, *other;
};

static void mark(struct trace *t, char c)
{
    t->order[t->n++] = c;
    t->order[t->n] = '\0';
}

static void stop(void *arg)
{
    struct trace *t = arg;
    loop_stop(t->loop);
}

static void on_a(void *arg)
{
    mark(arg, 'a');
}

static void on_b(void *arg)
{
    mark(arg, 'b');
}

static void on_c_stop(void *arg)
{
    mark(arg, 'c');
    stop(arg);
}

static void timers_fire_in_order_of_their_time(void **state)
{
    (void)state;
    struct trace t = { .loop = loop_new() };
    loop_timer(t.loop, 20, 0, on_c_stop, &t);
    loop_timer(t.loop, 0, 0, on_a, &t);
    loop_timer(t.loop, 10, 0, on_b, &t);
    loop_run(t.loop);
    assert_string_equal(t.order, "abc");
    loop_free(&t.loop);
    assert_null(t.loop);
}

static void on_tick(void *arg)
{
    struct trace *t = arg;
    mark(t, 't');
    if (t->n < 3)
        return;
    loop_timer_cancel(&t->timer);
    loop_timer(t->loop, 5, 0, stop, t);
}

static void a_periodic_timer_repeats_until_cancelled_in_its_own_callback(void **state)
{
    (void)state;
    struct trace t = { .loop = loop_new() };
    t.timer = loop_timer(t.loop, 0, 1, on_tick, &t);
    loop_run(t.loop);
    assert_string_equal(t.order, "ttt");
    assert_null(t.timer);
    loop_free(&t.loop);
}

static void cancel_other(void *arg)
{
    struct trace *t = arg;
    loop_timer_cancel(&t->other);
}

static void a_cancelled_timer_never_fires(void **state)
{
    (void)state;
    struct trace t = { .loop = loop_new() };
    t.other = loop_timer(t.loop, 5, 0, on_a, &t);
    loop_timer(t.loop, 0, 0, cancel_other, &t);
    loop_timer(t.loop, 15, 0, stop, &t);
    loop_run(t.loop);
    assert_string_equal(t.order, "");
    loop_free(&t.loop);
}

static void many_timers_keep_the_heap_in_order(void **state)
{
    (void)state;
    enum { N = 200 };
    struct trace t = { .loop = loop_new() };
    struct loop_timer *timers[N];
    for (int i = 0; i < N; i++)
        timers[i] = loop_timer(t.loop, 1000 + (i * 7919) % 1000, 0, on_a, &t);
    for (int i = 0; i < N; i++)
        if (i != 3)
            loop_timer_cancel(&timers[(i * 31) % N == 3 ? 3 : i]);
    loop_timer(t.loop, 1, 0, on_c_stop, &t);
    loop_run(t.loop);
    assert_string_equal(t.order, "c");
    loop_free(&t.loop);
}

static void on_readable(void *arg, int events)
{
    struct trace *t = arg;
    char c;
    assert_true(events & LOOP_READ);
    assert_int_equal(read(t->fds[0], &c, 1), 1);
    mark(t, c);
    loop_remove(&t->source); /* from inside its own callback */
    assert_null(t->source);
    loop_timer(t->loop, 5, 0, stop, t);
}

static void a_descriptor_is_reported_until_removed(void **state)
{
    (void)state;
    struct trace t = { .loop = loop_new() };
    assert_int_equal(pipe(t.fds), 0);
    assert_int_equal(write(t.fds[1], "xy", 2), 2);
    t.source = loop_add_fd(t.loop, t.fds[0], LOOP_READ, on_readable, &t);
    loop_run(t.loop);
    assert_string_equal(t.order, "x"); /* "y" waits, nobody watches */
    loop_free(&t.loop);
    close(t.fds[0]);
    close(t.fds[1]);
}

static void no_fd(void *arg, int events)
{
    (void)events;
    mark(arg, '!');
}

static void a_dormant_descriptor_is_not_reported(void **state)
{
    (void)state;
    struct trace t = { .loop = loop_new() };
    assert_int_equal(pipe(t.fds), 0);
    assert_int_equal(write(t.fds[1], "x", 1), 1);
    t.source = loop_add_fd(t.loop, t.fds[0], LOOP_READ, no_fd, &t);
    loop_set_events(t.source, 0);
    loop_timer(t.loop, 5, 0, stop, &t);
    loop_run(t.loop);
    assert_string_equal(t.order, "");
    loop_free(&t.loop);
    close(t.fds[0]);
    close(t.fds[1]);
}

static void *post_from_thread(void *arg)
{
    struct trace *t = arg;
    loop_post(t->loop, on_a, t);
    loop_post(t->loop, on_b, t);
    loop_post(t->loop, on_c_stop, t);
    return NULL;
}

static void posts_of_another_thread_run_in_order(void **state)
{
    (void)state;
    struct trace t = { .loop = loop_new() };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_from_thread, &t), 0);
    loop_run(t.loop);
    pthread_join(thread, NULL);
    assert_string_equal(t.order, "abc");
    loop_free(&t.loop);
}

static void on_turn_end(void *arg)
{
    struct trace *t = arg;
    if (t->n > 0 && t->order[t->n - 1] != 'e')
        mark(t, 'e');
}

static void hooks_run_after_everything_else_of_a_turn(void **state)
{
    (void)state;
    struct trace t = { .loop = loop_new() };
    loop_at_turn_end(t.loop, on_turn_end, &t);
    loop_post(t.loop, on_a, &t);
    loop_post(t.loop, on_b, &t);
    loop_post(t.loop, on_c_stop, &t);
    loop_run(t.loop);
    assert_string_equal(t.order, "abce");
    loop_free(&t.loop);
}

static void on_socket(void *arg)
{
    struct trace *t = arg;
    mark(t, 's');
    stop(t);
}

static void a_zeromq_socket_is_reported(void **state)
{
    (void)state;
    struct trace t = { .loop = loop_new() };
    void *context = zmq_ctx_new();
    void *pull = zmq_socket(context, ZMQ_PULL), *push = zmq_socket(context, ZMQ_PUSH);
    assert_int_equal(zmq_bind(pull, "inproc://loop-test"), 0);
    assert_int_equal(zmq_connect(push, "inproc://loop-test"), 0);
    t.source = loop_add_socket(t.loop, pull, on_socket, &t);
    assert_int_equal(zmq_send(push, "x", 1, 0), 1);
    loop_run(t.loop);
    assert_string_equal(t.order, "s");
    loop_free(&t.loop);
    zmq_close(pull);
    zmq_close(push);
    zmq_ctx_term(context);
}

/* A pair of sockets, one of them watched. */
struct pair {
    struct trace trace;
    void *context, *ours, *theirs;
};

static void open_pair(struct pair *p, loop_fn *fn)
{
    p->trace.loop = loop_new();
    p->context = zmq_ctx_new();
    p->ours = zmq_socket(p->context, ZMQ_PAIR);
    p->theirs = zmq_socket(p->context, ZMQ_PAIR);
    assert_int_equal(zmq_bind(p->ours, "inproc://loop-pair"), 0);
    assert_int_equal(zmq_connect(p->theirs, "inproc://loop-pair"), 0);
    p->trace.source = loop_add_socket(p->trace.loop, p->ours, fn, p);
}

static void close_pair(struct pair *p)
{
    loop_free(&p->trace.loop);
    zmq_close(p->ours);
    zmq_close(p->theirs);
    zmq_ctx_term(p->context);
}

static void take_one_message(void *arg)
{
    struct pair *p = arg;
    char c;
    if (zmq_recv(p->ours, &c, 1, ZMQ_DONTWAIT) == 1)
        mark(&p->trace, c);
}

/* What arrives while the socket is used for something else: its descriptor is silent
 * afterwards, although there is a message. */
static void receive_and_swallow_the_note(void *arg)
{
    struct pair *p = arg;
    int events;
    assert_int_equal(zmq_send(p->theirs, "m", 1, 0), 1);
    assert_int_equal(
        zmq_getsockopt(p->ours, ZMQ_EVENTS, &events, &(size_t){ sizeof events }), 0);
    assert_true(events & ZMQ_POLLIN);
    loop_used(p->trace.source);
}

static void a_used_socket_is_looked_at_before_the_loop_sleeps(void **state)
{
    (void)state;
    struct pair p = { .trace = { .n = 0 } };
    open_pair(&p, take_one_message);
    loop_timer(p.trace.loop, 1, 0, receive_and_swallow_the_note, &p);
    loop_timer(p.trace.loop, 60, 0, on_c_stop, &p.trace); /* sooner than a look at all */
    loop_run(p.trace.loop);
    assert_string_equal(p.trace.order, "mc");
    close_pair(&p);
}

static void a_socket_that_was_not_drained_is_served_again(void **state)
{
    (void)state;
    struct pair p = { .trace = { .n = 0 } };
    open_pair(&p, take_one_message);
    for (const char *c = "123"; *c; c++)
        assert_int_equal(zmq_send(p.theirs, c, 1, 0), 1);
    loop_timer(p.trace.loop, 60, 0, on_c_stop, &p.trace);
    loop_run(p.trace.loop);
    assert_string_equal(p.trace.order, "123c");
    close_pair(&p);
}

static void remove_the_socket(void *arg)
{
    struct pair *p = arg;
    loop_used(p->trace.source);
    loop_remove(&p->trace.source);
}

static void a_removed_socket_is_not_served_although_it_was_used(void **state)
{
    (void)state;
    struct pair p = { .trace = { .n = 0 } };
    open_pair(&p, take_one_message);
    loop_timer(p.trace.loop, 5, 0, remove_the_socket, &p);
    loop_timer(p.trace.loop, 10, 0, on_a, &p.trace);
    loop_timer(p.trace.loop, 15, 0, on_c_stop, &p.trace);
    loop_run(p.trace.loop);
    assert_string_equal(p.trace.order, "ac");
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_of_their_time),
        cmocka_unit_test(a_periodic_timer_repeats_until_cancelled_in_its_own_callback),
        cmocka_unit_test(a_cancelled_timer_never_fires),
        cmocka_unit_test(many_timers_keep_the_heap_in_order),
        cmocka_unit_test(a_descriptor_is_reported_until_removed),
        cmocka_unit_test(a_dormant_descriptor_is_not_reported),
        cmocka_unit_test(posts_of_another_thread_run_in_order),
        cmocka_unit_test(hooks_run_after_everything_else_of_a_turn),
        cmocka_unit_test(a_zeromq_socket_is_reported),
        cmocka_unit_test(a_used_socket_is_looked_at_before_the_loop_sleeps),
        cmocka_unit_test(a_socket_that_was_not_drained_is_served_again),
        cmocka_unit_test(a_removed_socket_is_not_served_although_it_was_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
