#include "svc/rpc_fixture.h"

#include <pthread.h>

#include "svc/rpc_client_private.h"

/* ---- one call and what came of it ---- */

struct outcome {
    struct fixture *f;
    struct rpc_client *client;
    unsigned done, want; /* the loop stops at `want` */
    enum err e;
    unsigned counts[4]; /* ok, busy, unknown, other */
    uint16_t status;
    char body[64];
    bool take;
    struct rpc_reply *taken;
    struct str taken_body;
};

static void on_done(void *arg, enum err e, const struct frame *reply)
{
    struct outcome *o = arg;
    o->e = e;
    o->done++;
    unsigned slot = e == ERR_OK ? 0 : e == ERR_OVERLOADED ? 1 : 3;
    o->counts[e == ERR_OUTCOME_UNKNOWN ? 2 : slot]++;
    o->status = reply ? reply->status : 0;
    if (reply)
        snprintf(o->body, sizeof o->body, "%.*s", STR_ARG(reply->body));
    if (reply && o->take) {
        o->taken_body = reply->body;
        o->taken = rpc_reply_take(o->client);
    }
    if (o->done >= o->want)
        loop_stop(o->f->loop);
}

static const struct frame SHOW = { .method = 0, .request_id = { 1 } };

static struct frame show(const struct fixture *f)
{
    struct frame req = SHOW;
    req.method = contract_by_name(f->contract, "catalog.product.show")->number;
    return req;
}

static void call_and_wait(struct outcome *o, struct rpc_client *c, uint32_t timeout,
                          bool retry)
{
    struct frame req = show(o->f);
    struct fixture *f = o->f;
    *o = (struct outcome){ .f = f, .client = c, .want = 1, .take = o->take };
    rpc_call(c, &req, timeout, retry, on_done, o);
    assert_int_equal(o->done, 0); /* never before rpc_call returned */
    fixture_run(f);
    assert_int_equal(o->done, 1);
}

/* ---- the fixture and a client ---- */

struct pool {
    struct fixture *f;
    struct keys *keys;
    struct rpc_client *client;
};

static void reply_hello(struct call *c)
{
    call_reply(c, 0, STR("hello"));
}

static void reply_overloaded(struct call *c)
{
    call_fail(c, ERR_OVERLOADED);
}

static void reply_too_late(struct call *c)
{
    call_fail(c, ERR_DEADLINE);
}

/* Its deadline answers it. */
static void forget(struct call *c)
{
    (void)c;
}

static struct call *held[8];
static unsigned nheld;
static void hold(struct call *c)
{
    held[nheld++] = c;
}

static int open_pool(void **state)
{
    struct pool *p = xcalloc(1, sizeof *p);
    p->f = fixture_new("catalog");
    p->f->fn = reply_hello;
    p->keys = fixture_peer(p->f, "gateway");
    p->client = rpc_client_new(p->f->loop, p->keys, "catalog",
                               rpc_server_endpoint(p->f->svc.rpc));
    assert_non_null(p->client);
    nheld = 0;
    *state = p;
    return 0;
}

static int close_pool(void **state)
{
    struct pool *p = *state;
    rpc_client_free(&p->client);
    keys_close(&p->keys);
    fixture_free(&p->f);
    free(p);
    return 0;
}

/* A second server of the same service, in the same loop. */
static struct rpc_server *second_server(struct fixture *f, struct svc *svc)
{
    *svc = f->svc;
    svc->rpc = rpc_server_start(svc, "tcp://127.0.0.1:0", f->handlers);
    assert_non_null(svc->rpc);
    return svc->rpc;
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

/* Turns until the pool has so many live replicas. */
static void wait_live(struct fixture *f, struct rpc_client *c, unsigned want)
{
    struct rpc_client_state st;
    int64_t start = clock_mono_ms();
    for (;;) {
        rpc_client_state(c, &st);
        if (st.live == want)
            return;
        if (clock_mono_ms() - start > FIXTURE_GUARD_MS)
            fail_msg("%u live replicas instead of %u", st.live, want);
        loop_timer(f->loop, 5, 0, stop_loop, f->loop);
        loop_run(f->loop);
    }
}

/* ---- tests ---- */

static void test_call(void **state)
{
    struct pool *p = *state;
    struct outcome o = { .f = p->f };
    struct rpc_client_state st;
    call_and_wait(&o, p->client, 2000, false);
    assert_int_equal(o.e, ERR_OK);
    assert_int_equal(o.status, 200);
    assert_string_equal(o.body, "hello");
    rpc_client_state(p->client, &st);
    assert_int_equal(st.replicas, 1);
    assert_int_equal(st.live, 1);
    assert_int_equal(st.in_flight, 0);
}

static void test_errors_come_through(void **state)
{
    struct pool *p = *state;
    struct outcome o = { .f = p->f };
    p->f->fn = reply_overloaded;
    call_and_wait(&o, p->client, 2000, true);
    assert_int_equal(o.e, ERR_OVERLOADED);
    assert_int_equal(o.status, ERR_OVERLOADED);
}

static void test_taken_reply_outlives_the_callback(void **state)
{
    struct pool *p = *state;
    struct outcome o = { .f = p->f, .take = true };
    call_and_wait(&o, p->client, 2000, false);
    assert_non_null(o.taken);
    assert_true(str_eq(o.taken_body, STR("hello")));
    rpc_reply_free(o.taken);
}

static void test_too_large(void **state)
{
    struct pool *p = *state;
    struct outcome o = { .f = p->f, .want = 1 };
    struct frame req = show(p->f);
    AUTO_FREE char *body = xcalloc(1, FRAME_BULK_MAX + 1);
    req.body = (struct str){ body, FRAME_BULK_MAX + 1 };
    rpc_call(p->client, &req, 1000, false, on_done, &o);
    assert_int_equal(o.done, 0);
    fixture_run(p->f);
    assert_int_equal(o.e, ERR_TOO_LARGE);
}

static void test_deadline(void **state)
{
    struct pool *p = *state;
    struct outcome o = { .f = p->f };
    call_and_wait(&o, p->client, 1000, false); /* connected */
    p->f->fn = hold;
    int64_t start = clock_mono_ms();
    call_and_wait(&o, p->client, 60, false);
    assert_int_equal(o.e, ERR_DEADLINE);
    assert_in_range(clock_mono_ms() - start, 55, 560);
    assert_int_equal(nheld, 1);
    call_fail(held[0], ERR_INTERNAL);
}

static void test_nobody_there(void **state)
{
    struct pool *p = *state;
    struct outcome o = { .f = p->f };
    /* Bound and not listening: nobody else gets this port, and nobody answers. */
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    AUTO_FREE char *endpoint = xasprintf("tcp://127.0.0.1:%d", ntohs(at.sin_port));
    struct rpc_client *c = rpc_client_new(p->f->loop, p->keys, "catalog", endpoint);
    int64_t start = clock_mono_ms();
    call_and_wait(&o, c, 5000, true);
    assert_int_equal(o.e, ERR_UNAVAILABLE);
    assert_in_range(clock_mono_ms() - start, 200, 1000);
    rpc_client_free(&c);
    close(fd);
}

static void test_queue_is_bounded(void **state)
{
    struct pool *p = *state;
    struct outcome o = { .f = p->f, .want = RPC_QUEUE_MAX + 5 };
    struct frame req = show(p->f);
    struct rpc_client *c = rpc_client_new(p->f->loop, p->keys, "catalog", "");
    for (unsigned i = 0; i < o.want; i++)
        rpc_call(c, &req, 2000, false, on_done, &o);
    assert_int_equal(c->queued, RPC_QUEUE_MAX);
    fixture_run(p->f);
    assert_int_equal(o.counts[3], o.want);
    assert_int_equal(c->in_flight, 0);
    rpc_client_free(&c);
}

static void test_unknown_peer(void **state)
{
    struct pool *p = *state;
    assert_null(rpc_client_new(p->f->loop, p->keys, "nobody", "tcp://127.0.0.1:1"));
}

static void test_free_answers_what_is_owed(void **state)
{
    struct pool *p = *state;
    struct outcome o = { .f = p->f, .want = 3 };
    struct frame req = show(p->f);
    p->f->fn = hold;
    wait_live(p->f, p->client, 1);
    for (int i = 0; i < 3; i++)
        rpc_call(p->client, &req, 2000, false, on_done, &o);
    rpc_client_free(&p->client);
    assert_int_equal(o.done, 3);
    assert_int_equal(o.e, ERR_OUTCOME_UNKNOWN); /* the server has them */
}

static void test_free_refuses_what_was_not_sent(void **state)
{
    struct pool *p = *state;
    struct outcome o = { .f = p->f, .want = 1 };
    struct frame req = show(p->f);
    struct rpc_client *c =
        rpc_client_new(p->f->loop, p->keys, "catalog", "tcp://127.0.0.1:1");
    rpc_call(c, &req, 2000, false, on_done, &o);
    rpc_client_free(&c);
    assert_int_equal(o.done, 1);
    assert_int_equal(o.e, ERR_DRAINING);
}

static void test_spreads_over_replicas(void **state)
{
    enum { CALLS = 200 };
    struct pool *p = *state;
    struct svc twin;
    struct outcome o = { .f = p->f, .want = CALLS };
    struct frame req = show(p->f);
    struct rpc_server *second = second_server(p->f, &twin);
    AUTO_FREE char *list = xasprintf("%s,%s", rpc_server_endpoint(p->f->svc.rpc),
                                     rpc_server_endpoint(second));
    struct rpc_client *c = rpc_client_new(p->f->loop, p->keys, "catalog", list);
    wait_live(p->f, c, 2);
    for (int i = 0; i < CALLS; i++)
        rpc_call(c, &req, 2000, false, on_done, &o);
    assert_in_range(c->replica[0]->owed, CALLS / 2 - 5, CALLS / 2 + 5);
    fixture_run(p->f);
    assert_int_equal(o.counts[0], CALLS);
    assert_int_equal(c->replica[0]->owed + c->replica[1]->owed, 0);
    rpc_client_free(&c);
    rpc_server_free(&second);
}

static void test_draining_replica_is_left_alone(void **state)
{
    enum { CALLS = 40 };
    struct pool *p = *state;
    struct svc twin;
    struct outcome o = { .f = p->f, .want = CALLS };
    struct frame req = show(p->f);
    struct rpc_server *second = second_server(p->f, &twin);
    AUTO_FREE char *list = xasprintf("%s,%s", rpc_server_endpoint(p->f->svc.rpc),
                                     rpc_server_endpoint(second));
    struct rpc_client *c = rpc_client_new(p->f->loop, p->keys, "catalog", list);
    wait_live(p->f, c, 2);
    rpc_server_drain(second, true);
    /* Not retryable, and still every one succeeds: a refusal did no work. */
    for (int i = 0; i < CALLS; i++)
        rpc_call(c, &req, 2000, false, on_done, &o);
    fixture_run(p->f);
    assert_int_equal(o.counts[0], CALLS);
    assert_true(metric_value(c->retries) > 0);
    rpc_client_free(&c);
    rpc_server_free(&second);
}

/* ---- a peer that takes requests and dies ---- */

struct mute {
    struct keys *keys;
    void *socket;
    struct loop_source *source;
    struct loop *loop;
    unsigned taken;
    bool die;
};

static void mute_free(struct mute *m)
{
    loop_remove(&m->source);
    keys_socket_free(m->keys, &m->socket);
}

enum { TAG_END = 23 }; /* the byte of a frame with bit 63 of its tag */

static void on_mute(void *arg)
{
    struct mute *m = arg;
    char bytes[1024];
    while (m->socket && zmq_recv(m->socket, bytes, sizeof bytes, ZMQ_DONTWAIT) >= 0) {
        int more;
        size_t size = sizeof more;
        zmq_getsockopt(m->socket, ZMQ_RCVMORE, &more, &size);
        m->taken += !more && bytes[TAG_END] >= 0; /* a ping is not a call */
    }
    if (m->die && m->taken > 0)
        mute_free(m);
}

static void mute_start(struct mute *m, struct fixture *f, char endpoint[static 128])
{
    size_t size = 128;
    *m = (struct mute){ .keys = f->keys, .loop = f->loop };
    m->socket = keys_server_socket(f->keys, ZMQ_ROUTER);
    assert_int_equal(zmq_setsockopt(m->socket, ZMQ_LINGER, &(int){ 0 }, sizeof(int)), 0);
    assert_int_equal(zmq_bind(m->socket, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(m->socket, ZMQ_LAST_ENDPOINT, endpoint, &size), 0);
    m->source = loop_add_socket(f->loop, m->socket, on_mute, m);
}

static void test_death_is_noticed(void **state)
{
    struct pool *p = *state;
    struct mute m;
    char endpoint[128];
    struct outcome o = { .f = p->f };
    mute_start(&m, p->f, endpoint);
    m.die = true;
    struct rpc_client *c = rpc_client_new(p->f->loop, p->keys, "catalog", endpoint);
    wait_live(p->f, c, 1);
    int64_t start = clock_mono_ms();
    call_and_wait(&o, c, 5000, true); /* nowhere else to go */
    assert_int_equal(o.e, ERR_OUTCOME_UNKNOWN);
    assert_true(clock_mono_ms() - start < 1000);
    rpc_client_free(&c);
}

/* The first replica dies with two calls; the retryable one is answered by the second. */
static void test_death_with_another_replica(void **state)
{
    struct pool *p = *state;
    struct mute m;
    char endpoint[128];
    struct outcome again = { .f = p->f, .want = 9 }, once = { .f = p->f, .want = 9 };
    struct frame req = show(p->f);
    mute_start(&m, p->f, endpoint);
    AUTO_FREE char *list =
        xasprintf("%s,%s", endpoint, rpc_server_endpoint(p->f->svc.rpc));
    struct rpc_client *c = rpc_client_new(p->f->loop, p->keys, "catalog", list);
    wait_live(p->f, c, 2);
    struct rpc_replica *good = c->replica[0];
    if (strcmp(good->endpoint, endpoint) == 0)
        good = c->replica[1];
    good->draining = true; /* so that both go to the one that will die */
    rpc_call(c, &req, 5000, true, on_done, &again);
    rpc_call(c, &req, 5000, false, on_done, &once);
    good->draining = false;
    m.die = true;
    int64_t start = clock_mono_ms();
    while (again.done + once.done < 2) {
        loop_timer(p->f->loop, 5, 0, stop_loop, p->f->loop);
        loop_run(p->f->loop);
        assert_true(clock_mono_ms() - start < FIXTURE_GUARD_MS);
    }
    assert_int_equal(again.e, ERR_OK);
    assert_int_equal(once.e, ERR_OUTCOME_UNKNOWN);
    rpc_client_free(&c);
    mute_free(&m);
}

static void test_hanging_replica_is_ejected(void **state)
{
    struct pool *p = *state;
    struct mute m;
    char endpoint[128];
    struct outcome o = { .f = p->f, .want = RPC_EJECT_AFTER };
    struct frame req = show(p->f);
    mute_start(&m, p->f, endpoint);
    struct rpc_client *c = rpc_client_new(p->f->loop, p->keys, "catalog", endpoint);
    wait_live(p->f, c, 1);
    for (unsigned i = 0; i < o.want; i++)
        rpc_call(c, &req, 30, false, on_done, &o);
    fixture_run(p->f);
    assert_int_equal(o.e, ERR_DEADLINE);
    assert_true(rpc_breaker_open(&c->replica[0]->breaker, clock_mono_ms()));
    assert_false(rpc_replica_usable(c->replica[0], clock_mono_ms()));
    rpc_client_free(&c);
    mute_free(&m);
}

/* One that does not answer costs what may be done twice half of its time, no more. */
static void test_slow_replica_is_passed(void **state)
{
    struct pool *p = *state;
    struct mute m;
    char endpoint[128];
    struct outcome o = { .f = p->f, .want = 1 };
    struct frame req = show(p->f);
    mute_start(&m, p->f, endpoint);
    AUTO_FREE char *list =
        xasprintf("%s,%s", endpoint, rpc_server_endpoint(p->f->svc.rpc));
    struct rpc_client *c = rpc_client_new(p->f->loop, p->keys, "catalog", list);
    wait_live(p->f, c, 2);
    struct rpc_replica *good = c->replica[0], *mute = c->replica[1];
    if (strcmp(good->endpoint, endpoint) == 0)
        good = c->replica[1], mute = c->replica[0];
    good->leaving = true; /* so that it goes to the other one */
    rpc_call(c, &req, 2000, true, on_done, &o);
    assert_int_equal(mute->owed, 1);
    good->leaving = false;
    fixture_run(p->f);
    assert_int_equal(o.e, ERR_OK);
    assert_int_equal(mute->owed, 0);
    assert_int_equal(mute->breaker.row, 1);
    rpc_client_free(&c);
    mute_free(&m);
}

/* A client that asks for what is slow must not take the service from all the others. */
static void test_slow_calls_do_not_eject(void **state)
{
    enum { SLOW = 2 * RPC_RATE_LEAST, TIMEOUT_MS = 2 * RPC_TICK_MS };
    struct pool *p = *state;
    struct outcome slow = { .f = p->f, .want = SLOW }, o = { .f = p->f };
    struct frame req = show(p->f);
    wait_live(p->f, p->client, 1);
    p->f->fn = forget;
    for (int i = 0; i < SLOW; i++)
        rpc_call(p->client, &req, TIMEOUT_MS, true, on_done, &slow);
    fixture_run(p->f);
    assert_int_equal(slow.e, ERR_DEADLINE);
    assert_int_equal(p->client->replica[0]->breaker.row, 0);
    p->f->fn = reply_too_late;
    for (int i = 0; i < RPC_EJECT_AFTER; i++)
        call_and_wait(&o, p->client, 2000, false);
    assert_int_equal(o.e, ERR_DEADLINE);
    assert_int_equal(p->client->replica[0]->breaker.row, 0);
    p->f->fn = reply_hello;
    call_and_wait(&o, p->client, 2000, false);
    assert_int_equal(o.e, ERR_OK);
}

/* No answer either, but word of something else after it was asked. */
static void test_a_replica_that_speaks_does_not_hang(void **state)
{
    struct pool *p = *state;
    struct mute m;
    char endpoint[128];
    struct outcome o = { .f = p->f, .want = RPC_EJECT_AFTER };
    struct frame req = show(p->f);
    mute_start(&m, p->f, endpoint);
    struct rpc_client *c = rpc_client_new(p->f->loop, p->keys, "catalog", endpoint);
    wait_live(p->f, c, 1);
    for (unsigned i = 0; i < o.want; i++)
        rpc_call(c, &req, 30, false, on_done, &o);
    c->replica[0]->heard_ms = clock_mono_ms() + 1;
    fixture_run(p->f);
    assert_int_equal(o.e, ERR_DEADLINE);
    assert_int_equal(c->replica[0]->breaker.row, 0);
    assert_true(rpc_replica_usable(c->replica[0], clock_mono_ms()));
    rpc_client_free(&c);
    mute_free(&m);
}

static void reply_unavailable(struct call *c)
{
    call_fail(c, ERR_UNAVAILABLE);
}

/* With everybody ejected a call fails at once, but for one a second that asks. */
static void test_all_ejected_fails_fast(void **state)
{
    struct pool *p = *state;
    struct outcome o = { .f = p->f };
    struct rpc_client *c = p->client;
    wait_live(p->f, c, 1);
    p->f->fn = reply_unavailable;
    for (int i = 0; i < RPC_EJECT_AFTER; i++)
        call_and_wait(&o, c, 2000, false);
    assert_true(rpc_breaker_open(&c->replica[0]->breaker, clock_mono_ms()));
    p->f->fn = reply_hello;
    c->probe_after_ms = INT64_MAX;
    int64_t start = clock_mono_ms();
    call_and_wait(&o, c, 2000, false);
    assert_int_equal(o.e, ERR_UNAVAILABLE);
    assert_true(clock_mono_ms() - start < RPC_QUEUE_MS);
    c->probe_after_ms = 0;
    call_and_wait(&o, c, 2000, false);
    assert_int_equal(o.e, ERR_OK);
    assert_false(rpc_breaker_open(&c->replica[0]->breaker, clock_mono_ms()));
}

/* ---- drains ---- */

static void turn_until(struct fixture *f, bool (*fine)(const void *), const void *arg)
{
    int64_t start = clock_mono_ms();
    while (!fine(arg)) {
        assert_true(clock_mono_ms() - start < FIXTURE_GUARD_MS);
        loop_timer(f->loop, 2, 0, stop_loop, f->loop);
        loop_run(f->loop);
    }
}

static bool is_draining(const void *replica)
{
    return ((const struct rpc_replica *)replica)->draining;
}

static bool is_not_draining(const void *replica)
{
    return !is_draining(replica);
}

static bool is_settled(const void *server)
{
    return rpc_server_settled(server);
}

/* No call was refused for it, and none is on its way when the server has settled. */
static void test_drain_is_told(void **state)
{
    struct pool *p = *state;
    struct rpc_server *s = p->f->svc.rpc;
    struct outcome o = { .f = p->f };
    wait_live(p->f, p->client, 1);
    call_and_wait(&o, p->client, 2000, false); /* after the ping of the new connection */
    struct rpc_replica *r = p->client->replica[0];
    rpc_server_leave(s);
    assert_false(rpc_server_settled(s));
    int64_t start = clock_mono_ms();
    turn_until(p->f, is_settled, s);
    assert_true(clock_mono_ms() - start < 900); /* it answered, nobody waited */
    assert_true(r->draining);
    assert_false(r->refusing);
    call_and_wait(&o, p->client, 2000, false); /* nobody else: still taken */
    assert_int_equal(o.e, ERR_OK);
    rpc_server_drain(s, true);
    turn_until(p->f, is_settled, s);
    call_and_wait(&o, p->client, 2000, false);
    assert_int_equal(o.e, ERR_DRAINING);
}

static void test_end_of_drain_is_told(void **state)
{
    struct pool *p = *state;
    struct outcome o = { .f = p->f };
    wait_live(p->f, p->client, 1);
    call_and_wait(&o, p->client, 2000, false);
    rpc_server_drain(p->f->svc.rpc, true);
    turn_until(p->f, is_draining, p->client->replica[0]);
    rpc_server_drain(p->f->svc.rpc, false);
    turn_until(p->f, is_not_draining, p->client->replica[0]);
    call_and_wait(&o, p->client, 2000, false);
    assert_int_equal(o.e, ERR_OK);
}

static void test_restart_is_survived(void **state)
{
    struct pool *p = *state;
    struct outcome o = { .f = p->f };
    call_and_wait(&o, p->client, 2000, false);
    AUTO_FREE char *endpoint = xstrdup(rpc_server_endpoint(p->f->svc.rpc));
    rpc_server_free(&p->f->svc.rpc);
    wait_live(p->f, p->client, 0);
    p->f->svc.rpc = rpc_server_start(&p->f->svc, endpoint, p->f->handlers);
    assert_non_null(p->f->svc.rpc);
    wait_live(p->f, p->client, 1);
    call_and_wait(&o, p->client, 2000, false);
    assert_int_equal(o.e, ERR_OK);
}

/* Time is given to the tick, so that six seconds of silence take none. */
static void test_silence_is_noticed(void **state)
{
    struct pool *p = *state;
    struct mute m;
    char endpoint[128];
    mute_start(&m, p->f, endpoint);
    struct rpc_client *c = rpc_client_new(p->f->loop, p->keys, "catalog", endpoint);
    wait_live(p->f, c, 1);
    struct rpc_replica *r = c->replica[0];
    int64_t now = r->heard_ms;
    r->ping_sent_ms = 0; /* of the new connection */
    rpc_replica_tick(r, now + RPC_PING_AFTER_MS - 1);
    assert_int_equal(r->ping_sent_ms, 0); /* not quiet for long enough */
    for (int i = 0; i < RPC_PING_MISSES; i++) {
        assert_true(rpc_replica_live(r));
        now += RPC_PING_AFTER_MS;
        rpc_replica_tick(r, now);
        assert_true(r->ping_sent_ms == now);
    }
    rpc_replica_tick(r, now + RPC_PING_AFTER_MS);
    assert_false(rpc_replica_live(r));
    assert_false(rpc_replica_usable(r, now));
    rpc_client_free(&c);
    mute_free(&m);
}

static void test_ping_is_answered(void **state)
{
    struct pool *p = *state;
    wait_live(p->f, p->client, 1);
    struct rpc_replica *r = p->client->replica[0];
    r->misses = RPC_PING_MISSES;
    assert_false(rpc_replica_live(r));
    rpc_replica_tick(r, r->heard_ms + RPC_PING_AFTER_MS);
    assert_true(r->ping_sent_ms > 0);
    wait_live(p->f, p->client, 1);
    assert_int_equal(r->ping_sent_ms, 0);
}

/* ---- the blocking call of the verbs ---- */

static void *turn_server(void *arg)
{
    loop_run(arg);
    return NULL;
}

static void test_call_once(void **state)
{
    struct pool *p = *state;
    pthread_t server;
    char *body = NULL;
    size_t n = 0;
    int status = 0;
    struct frame req = show(p->f);
    AUTO_FREE char *endpoint = xstrdup(rpc_server_endpoint(p->f->svc.rpc));
    rpc_client_free(&p->client);
    assert_int_equal(pthread_create(&server, NULL, turn_server, p->f->loop), 0);
    enum err e =
        rpc_call_once(p->keys, "catalog", endpoint, &req, 5000, &body, &n, &status);
    loop_post(p->f->loop, stop_loop, p->f->loop);
    pthread_join(server, NULL);
    assert_int_equal(e, ERR_OK);
    assert_int_equal(status, 200);
    assert_int_equal(n, 5);
    assert_string_equal(body, "hello");
    free(body);
    e = rpc_call_once(p->keys, "nobody", endpoint, &req, 50, &body, &n, &status);
    assert_int_equal(e, ERR_UNAVAILABLE);
    assert_null(body);
}

/* ---- keys that are not (yet) allowed ---- */

static void test_refused_key_heals(void **state)
{
    struct pool *p = *state;
    struct outcome o = { .f = p->f };
    char other[128];
    snprintf(other, sizeof other, "%s/keys-other", p->f->root);
    AUTO_FREE char *public = xasprintf("%s/keys-public", p->f->root);
    AUTO_FREE char *hidden = xasprintf("%s/keys-hidden", p->f->root);
    AUTO_FREE char *own = xasprintf("%s/gateway.key_secret", other);
    AUTO_FREE char *place = xasprintf("%s/curve.key_secret", other);
    /* A pair that is published only later: its certificate is made in another root. */
    assert_int_equal(mkdir(hidden, 0755), 0);
    AUTO_FREE char *inner = xasprintf("%s/keys-public", hidden);
    assert_int_equal(mkdir(inner, 0755), 0);
    assert_int_equal(fixture_keygen(hidden, "gateway", other), 0);
    assert_int_equal(rename(own, place), 0);
    struct keys *keys = keys_open_with("gateway", other, public, KEYS_FAULT_NO_HANDLER);
    assert_non_null(keys);
    struct rpc_client *c =
        rpc_client_new(p->f->loop, keys, "catalog", rpc_server_endpoint(p->f->svc.rpc));
    int64_t before = metric_value(c->handshakes);
    call_and_wait(&o, c, 2000, true);
    assert_int_equal(o.e, ERR_UNAVAILABLE);
    assert_int_equal(metric_value(c->handshakes) - before, 1);

    AUTO_FREE char *move = xasprintf("mv %s/*.cert %s/", inner, public);
    assert_int_equal(system(move), 0);
    int64_t start = clock_mono_ms();
    c->queue_ms = 9000;
    struct frame req = show(p->f);
    o = (struct outcome){ .f = p->f, .want = 1 };
    rpc_call(c, &req, 9000, true, on_done, &o);
    fixture_run_for(p->f, 9000);
    assert_int_equal(o.e, ERR_OK);
    assert_true(clock_mono_ms() - start < 7000);
    rpc_client_free(&c);
    keys_close(&keys);
}

#define ON_POOL(test) cmocka_unit_test_setup_teardown(test, open_pool, close_pool)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_POOL(test_call),
        ON_POOL(test_errors_come_through),
        ON_POOL(test_taken_reply_outlives_the_callback),
        ON_POOL(test_too_large),
        ON_POOL(test_deadline),
        ON_POOL(test_nobody_there),
        ON_POOL(test_queue_is_bounded),
        ON_POOL(test_unknown_peer),
        ON_POOL(test_free_answers_what_is_owed),
        ON_POOL(test_free_refuses_what_was_not_sent),
        ON_POOL(test_spreads_over_replicas),
        ON_POOL(test_draining_replica_is_left_alone),
        ON_POOL(test_death_is_noticed),
        ON_POOL(test_death_with_another_replica),
        ON_POOL(test_hanging_replica_is_ejected),
        ON_POOL(test_slow_replica_is_passed),
        ON_POOL(test_slow_calls_do_not_eject),
        ON_POOL(test_a_replica_that_speaks_does_not_hang),
        ON_POOL(test_all_ejected_fails_fast),
        ON_POOL(test_drain_is_told),
        ON_POOL(test_end_of_drain_is_told),
        ON_POOL(test_restart_is_survived),
        ON_POOL(test_silence_is_noticed),
        ON_POOL(test_ping_is_answered),
        ON_POOL(test_call_once),
        ON_POOL(test_refused_key_heals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
