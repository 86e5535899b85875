#include "svc/rpc_fixture.h"

#include "svc/rpc_server_private.h"

/* ---- a REQ client in the same loop ---- */

struct client {
    struct fixture *f;
    struct keys *keys;
    void *socket;
    struct loop_source *source;
    zmq_msg_t message;
    struct frame reply;
    enum err decoded;
    bool heard;
};

static void on_answer(void *arg)
{
    struct client *cl = arg;
    if (zmq_msg_recv(&cl->message, cl->socket, ZMQ_DONTWAIT) < 0)
        return;
    const struct str bytes = { zmq_msg_data(&cl->message), zmq_msg_size(&cl->message) };
    cl->decoded = frame_decode(bytes, &cl->reply);
    cl->heard = true;
    loop_stop(cl->f->loop);
}

static void client_open(struct client *cl, struct fixture *f, const char *peer)
{
    *cl = (struct client){ .f = f, .keys = fixture_peer(f, peer) };
    cl->socket = keys_client_socket(cl->keys, ZMQ_REQ, f->def.name);
    assert_non_null(cl->socket);
    zmq_msg_init(&cl->message);
    assert_int_equal(zmq_connect(cl->socket, rpc_server_endpoint(f->svc.rpc)), 0);
    cl->source = loop_add_socket(f->loop, cl->socket, on_answer, cl);
}

static void client_close(struct client *cl)
{
    zmq_msg_close(&cl->message);
    loop_remove(&cl->source);
    keys_socket_free(cl->keys, &cl->socket);
    keys_close(&cl->keys);
}

static void send_bytes(struct client *cl, struct str bytes)
{
    cl->heard = false;
    assert_int_equal(zmq_send(cl->socket, bytes.p, bytes.n, 0), (int)bytes.n);
}

static const struct frame *ask(struct client *cl, const struct frame *f)
{
    struct buf b;
    buf_init(&b, FRAME_REPLY_MAX);
    frame_encode(f, &b);
    send_bytes(cl, buf_get(&b));
    buf_deinit(&b);
    fixture_run(cl->f);
    assert_true(cl->heard);
    assert_int_equal(cl->decoded, ERR_OK);
    assert_true(cl->reply.flags & FRAME_REPLY);
    assert_true(cl->reply.tag == f->tag);
    return &cl->reply;
}

static uint16_t number_of(const struct fixture *f, const char *name)
{
    const struct contract_method *m = contract_by_name(f->contract, name);
    assert_non_null(m);
    return m->number;
}

static struct frame request(const struct fixture *f, const char *name)
{
    return (struct frame){
        .method = number_of(f, name),
        .budget_ms = 2000,
        .tag = 0x1122334455667788,
        .request_id = { 1, 2, 3 },
        .trace_id = { 4, 5, 6 },
        .span_id = { 7, 8, 9 },
    };
}

/* ---- handlers ---- */

static void reply_actor(struct call *c)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%lld %d %.*s", (long long)c->frame.actor_id,
                     c->frame.actor_role, STR_ARG(c->actor_name));
    call_reply(c, 0, (struct str){ text, (size_t)n });
}

static struct call *held;

static void hold(struct call *c)
{
    struct fixture *f = c->app;
    held = c;
    if (f->arg)
        loop_stop(f->loop);
}

static void reply_more(struct call *c)
{
    record_add(&c->meta, REC_CONTINUATION, STR("next"));
    call_reply(c, 206, STR("part"));
}

static void fail_field(struct call *c)
{
    call_fail_field(c, "name", "Say \"please\".");
}

static void reply_param(struct call *c)
{
    int64_t id = 0;
    if (!call_path_id(c, 0, &id))
        call_fail(c, ERR_NOT_FOUND);
    else
        call_reply(c, 0, call_path(c, 0));
}

/* ---- who may ask what ---- */

struct rule {
    const char *name;
    const char *service, *peer, *method;
    uint16_t number; /* instead of method */
    int64_t actor_id;
    uint8_t role;
    uint32_t budget;
    unsigned want;
    const char *body;
};

static const struct rule RULES[] = {
    { "a listed peer is served", "catalog", "gateway", "catalog.product.show", 0, 0, 0,
      500, 200, "0 0 " },
    { "the service's own key is served", "catalog", "catalog", "catalog.product.show", 0,
      0, 0, 500, 200, "0 0 " },
    { "a known key without permission", "catalog", "mailer", "catalog.product.show", 0, 0,
      0, 500, ERR_PEER_NOT_ALLOWED, "" },
    { "control is the monitor's", "catalog", "gateway", "control.drain", 0, 0, 0, 500,
      ERR_PEER_NOT_ALLOWED, "" },
    { "control is not the own key's either", "catalog", "catalog", "control.drain", 0, 0,
      0, 500, ERR_PEER_NOT_ALLOWED, "" },
    { "a number nobody has", "catalog", "gateway", NULL, 65000, 0, 0, 500,
      ERR_UNKNOWN_METHOD, "" },
    { "another service's method", "catalog", "gateway", "auth.login", 0, 0, 0, 500,
      ERR_UNKNOWN_METHOD, "" },
    { "no budget left", "catalog", "gateway", "catalog.product.show", 0, 0, 0, 0,
      ERR_EXPIRED, "" },
    { "nobody where a user is needed", "catalog", "gateway", "catalog.product.create", 0,
      0, 0, 500, ERR_NOT_AUTHENTICATED, "" },
    { "a user where a user is needed", "catalog", "gateway", "catalog.product.create", 0,
      7, ROLE_USER, 500, 201, "7 1 kim" },
    { "nobody where an admin is needed", "catalog", "gateway", "catalog.category.create",
      0, 0, 0, 500, ERR_NOT_AUTHENTICATED, "" },
    { "a user where an admin is needed", "catalog", "gateway", "catalog.category.create",
      0, 7, ROLE_USER, 500, ERR_PERMISSION_DENIED, "" },
    { "an admin where an admin is needed", "catalog", "gateway",
      "catalog.category.create", 0, 7, ROLE_ADMIN, 500, 201, "7 2 kim" },
    { "the gateway's actor is believed", "auth", "gateway", "auth.events.pull", 0, 7,
      ROLE_ADMIN, 500, 200, "7 2 kim" },
    { "the monitor's actor is believed", "auth", "monitor", "auth.events.pull", 0, 7,
      ROLE_ADMIN, 500, 200, "7 2 kim" },
    { "the own key's actor is believed", "auth", "auth", "auth.events.pull", 0, 7,
      ROLE_ADMIN, 500, 200, "7 2 kim" },
    { "another peer's actor is not", "auth", "mailer", "auth.events.pull", 0, 7,
      ROLE_ADMIN, 500, 200, "0 0 " },
};

static void check_rule(const struct rule *rule)
{
    struct fixture *f = fixture_new(rule->service);
    struct client cl;
    struct buf meta;
    f->fn = reply_actor;
    client_open(&cl, f, rule->peer);
    struct frame req = request(f, "control.ping");
    req.method = rule->method ? number_of(f, rule->method) : rule->number;
    req.budget_ms = rule->budget;
    req.actor_id = rule->actor_id;
    req.actor_role = rule->role;
    buf_init(&meta, FRAME_META_MAX);
    record_add(&meta, REC_ACTOR_NAME, rule->actor_id ? STR("kim") : STR(""));
    req.meta = buf_get(&meta);
    const struct frame *got = ask(&cl, &req);
    if (got->status != rule->want)
        fail_msg("%s: %u instead of %u", rule->name, got->status, rule->want);
    if (!str_eq(got->body, str_of(rule->body)))
        fail_msg("%s: body '%.*s'", rule->name, STR_ARG(got->body));
    assert_int_equal(got->method, req.method);
    assert_memory_equal(got->request_id, req.request_id, 16);
    assert_memory_equal(got->trace_id, req.trace_id, 16);
    buf_deinit(&meta);
    client_close(&cl);
    fixture_free(&f);
}

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(RULES); i++)
        check_rule(&RULES[i]);
}

/* ---- everything else, on one server ---- */

static int open_catalog(void **state)
{
    *state = fixture_new("catalog");
    return 0;
}

static int close_catalog(void **state)
{
    struct fixture *f = *state;
    fixture_free(&f);
    return 0;
}

static void test_bad_frames_are_answered(void **state)
{
    struct fixture *f = *state;
    struct client cl;
    struct buf b;
    struct frame req = request(f, "catalog.product.show");
    f->fn = reply_actor;
    client_open(&cl, f, "gateway");
    buf_init(&b, FRAME_REPLY_MAX);

    frame_encode(&req, &b);
    b.p[4] = 9;
    send_bytes(&cl, buf_get(&b));
    fixture_run(f);
    assert_int_equal(cl.reply.status, ERR_BAD_VERSION);
    assert_true(cl.reply.tag == req.tag);

    b.p[4] = 1;
    b.p[36] = 1; /* meta length */
    send_bytes(&cl, buf_get(&b));
    fixture_run(f);
    assert_int_equal(cl.reply.status, ERR_BAD_FRAME);
    assert_true(cl.reply.tag == req.tag);

    send_bytes(&cl, STR("hello"));
    fixture_run(f);
    assert_int_equal(cl.reply.status, ERR_BAD_FRAME);
    assert_true(cl.reply.tag == 0);

    buf_clear(&b);
    req.flags = FRAME_REPLY;
    req.status = 200;
    req.budget_ms = 0;
    frame_encode(&req, &b);
    send_bytes(&cl, buf_get(&b));
    fixture_run(f);
    assert_int_equal(cl.reply.status, ERR_BAD_FRAME);
    buf_deinit(&b);
    client_close(&cl);
}

static void test_large_bodies(void **state)
{
    struct fixture *f = *state;
    struct client cl;
    struct frame req = request(f, "catalog.product.list");
    f->fn = reply_actor;
    client_open(&cl, f, "gateway");
    AUTO_FREE char *body = xcalloc(1, FRAME_REQUEST_MAX + 1);
    req.body = (struct str){ body, FRAME_REQUEST_MAX };
    assert_int_equal(ask(&cl, &req)->status, 200);
    req.body.n++;
    assert_int_equal(ask(&cl, &req)->status, ERR_TOO_LARGE);
    client_close(&cl);
}

static void reply_big(struct call *c)
{
    struct fixture *f = c->app;
    call_reply(c, 0, *(struct str *)f->arg);
}

static void test_large_replies(void **state)
{
    struct fixture *f = *state;
    struct client cl;
    struct frame req = request(f, "catalog.product.show");
    AUTO_FREE char *body = xmalloc(FRAME_REPLY_MAX + 1);
    memset(body, 'x', FRAME_REPLY_MAX + 1);
    struct str answer = { body, FRAME_REPLY_MAX };
    f->fn = reply_big;
    f->arg = &answer;
    client_open(&cl, f, "gateway");
    for (int i = 0; i < 12; i++) { /* 96 MiB in all: sent bytes stop counting */
        const struct frame *got = ask(&cl, &req);
        assert_int_equal(got->status, 200);
        assert_true(str_eq(got->body, answer));
    }
    answer.n++;
    assert_int_equal(ask(&cl, &req)->status, ERR_INTERNAL);
    client_close(&cl);
}

static void test_answers(void **state)
{
    struct fixture *f = *state;
    struct client cl;
    struct str value;
    struct frame_load load = { 9, 9, 9 };
    struct frame req = request(f, "catalog.product.show");
    client_open(&cl, f, "gateway");

    f->fn = reply_more;
    const struct frame *got = ask(&cl, &req);
    assert_int_equal(got->status, 206);
    assert_true(got->flags & FRAME_MORE);
    assert_true(record_get(got->meta, REC_CONTINUATION, 0, &value));
    assert_true(str_eq(value, STR("next")));
    assert_true(record_get_load(got->meta, &load));
    assert_int_equal(load.in_flight, 0);
    assert_int_equal(load.draining, 0);

    f->fn = fail_field;
    got = ask(&cl, &req);
    assert_int_equal(got->status, ERR_VALIDATION);
    assert_true(str_eq(got->body, STR("{\"name\":[\"Say \\\"please\\\".\"]}")));
    client_close(&cl);
}

static void test_path_ids(void **state)
{
    static const struct {
        const char *param;
        unsigned want;
    } CASES[] = { { "1", 200 },
                  { "9223372036854775807", 200 },
                  { "0", ERR_NOT_FOUND },
                  { "-1", ERR_NOT_FOUND },
                  { "", ERR_NOT_FOUND },
                  { "1x", ERR_NOT_FOUND },
                  { "01", ERR_NOT_FOUND },
                  { "9223372036854775808", ERR_NOT_FOUND } };
    struct fixture *f = *state;
    struct client cl;
    f->fn = reply_param;
    client_open(&cl, f, "gateway");
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct buf meta;
        struct frame req = request(f, "catalog.product.show");
        buf_init(&meta, FRAME_META_MAX);
        record_add(&meta, REC_PATH_PARAM, str_of(CASES[i].param));
        req.meta = buf_get(&meta);
        assert_int_equal(ask(&cl, &req)->status, CASES[i].want);
        buf_deinit(&meta);
    }
    client_close(&cl);
}

static void test_drain(void **state)
{
    struct fixture *f = *state;
    struct client gateway, monitor;
    struct frame_load load = { 0 };
    struct frame req = request(f, "catalog.product.show");
    struct frame resume = request(f, "control.resume");
    f->fn = reply_actor;
    client_open(&gateway, f, "gateway");
    client_open(&monitor, f, "monitor");
    rpc_server_drain(f->svc.rpc, true);
    const struct frame *got = ask(&gateway, &req);
    assert_int_equal(got->status, ERR_DRAINING);
    assert_true(record_get_load(got->meta, &load));
    assert_int_equal(load.draining, 1);
    assert_int_equal(ask(&monitor, &resume)->status, 200);
    assert_int_equal(ask(&gateway, &req)->status, 200);
    client_close(&monitor);
    client_close(&gateway);
}

static void test_drained_by_an_operator(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("auth");
    struct client gateway, monitor;
    struct frame req = request(f, "auth.events.pull");
    f->fn = reply_actor;
    client_open(&gateway, f, "gateway");
    client_open(&monitor, f, "monitor");
    rpc_server_drain(f->svc.rpc, true);
    assert_int_equal(ask(&gateway, &req)->status, ERR_DRAINING);
    assert_int_equal(ask(&monitor, &req)->status, 200);
    f->svc.draining = true; /* TERM came */
    assert_int_equal(ask(&monitor, &req)->status, ERR_DRAINING);
    client_close(&monitor);
    client_close(&gateway);
    fixture_free(&f);
}

static void test_deadline(void **state)
{
    struct fixture *f = *state;
    struct client cl;
    struct frame req = request(f, "catalog.product.show");
    req.budget_ms = 50;
    f->fn = hold;
    client_open(&cl, f, "gateway");
    int64_t start = clock_mono_ms();
    assert_int_equal(ask(&cl, &req)->status, ERR_DEADLINE);
    assert_in_range(clock_mono_ms() - start, 45, 550);
    assert_int_equal(rpc_server_in_flight(f->svc.rpc), 0);
    assert_true(call_gone(held));
    call_reply(held, 0, STR("too late"));
    f->fn = reply_actor;
    req.budget_ms = 500;
    assert_true(str_eq(ask(&cl, &req)->body, STR("0 0 ")));
    client_close(&cl);
}

static void test_stop_with_calls_owed(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("catalog");
    struct client cl;
    struct buf b;
    struct frame req = request(f, "catalog.product.show");
    held = NULL;
    f->fn = hold;
    f->arg = &held; /* ends the turn */
    client_open(&cl, f, "gateway");
    buf_init(&b, FRAME_REQUEST_MAX);
    frame_encode(&req, &b);
    send_bytes(&cl, buf_get(&b));
    buf_deinit(&b);
    fixture_run(f);
    assert_non_null(held);
    rpc_server_stop(f->svc.rpc);
    assert_true(call_gone(held));
    call_reply(held, 0, STR("nobody listens"));
    client_close(&cl);
    fixture_free(&f);
}

/* ---- a crowd: more calls than fit ---- */

struct crowd {
    struct fixture *f;
    void *socket;
    struct call *held[RPC_IN_FLIGHT_MAX];
    unsigned nheld, overloaded, answered;
};

static void hold_all(struct call *c)
{
    struct fixture *f = c->app;
    struct crowd *crowd = f->arg;
    crowd->held[crowd->nheld++] = c;
}

static void on_crowd_answer(void *arg)
{
    struct crowd *crowd = arg;
    char empty[8], frame[512];
    while (zmq_recv(crowd->socket, empty, sizeof empty, ZMQ_DONTWAIT) >= 0) {
        struct frame f;
        int n = zmq_recv(crowd->socket, frame, sizeof frame, ZMQ_DONTWAIT);
        assert_int_equal(frame_decode((struct str){ frame, (size_t)n }, &f), ERR_OK);
        crowd->overloaded += f.status == ERR_OVERLOADED;
        crowd->answered++;
    }
    if (crowd->answered == 3 || crowd->answered == RPC_IN_FLIGHT_MAX + 3)
        loop_stop(crowd->f->loop);
}

static void test_overload(void **state)
{
    struct fixture *f = *state;
    struct keys *keys = fixture_peer(f, "gateway");
    AUTO_FREE struct crowd *crowd = xcalloc(1, sizeof *crowd);
    struct frame req = request(f, "catalog.product.show");
    struct buf b;
    crowd->f = f;
    crowd->socket = keys_client_socket(keys, ZMQ_DEALER, "catalog");
    f->fn = hold_all;
    f->arg = crowd;
    assert_int_equal(zmq_setsockopt(crowd->socket, ZMQ_SNDHWM, &(int){ 2000 }, 4), 0);
    zmq_setsockopt(crowd->socket, ZMQ_IMMEDIATE, &(int){ 0 }, sizeof(int));
    assert_int_equal(zmq_connect(crowd->socket, rpc_server_endpoint(f->svc.rpc)), 0);
    struct loop_source *src =
        loop_add_socket(f->loop, crowd->socket, on_crowd_answer, crowd);
    req.budget_ms = 60000;
    buf_init(&b, FRAME_REQUEST_MAX);
    frame_encode(&req, &b);
    for (unsigned i = 0; i < RPC_IN_FLIGHT_MAX + 3; i++) {
        assert_int_equal(zmq_send(crowd->socket, "", 0, ZMQ_SNDMORE), 0);
        assert_int_equal(zmq_send(crowd->socket, b.p, b.n, 0), (int)b.n);
    }
    buf_deinit(&b);
    fixture_run(f);
    assert_int_equal(crowd->overloaded, 3);
    assert_int_equal(rpc_server_in_flight(f->svc.rpc), RPC_IN_FLIGHT_MAX);
    for (unsigned i = 0; i < crowd->nheld; i++)
        call_reply(crowd->held[i], 0, STR("ok"));
    fixture_run(f); /* all of them: a burst fits the high-water mark */
    assert_int_equal(crowd->answered, RPC_IN_FLIGHT_MAX + 3);
    assert_int_equal(rpc_server_in_flight(f->svc.rpc), 0);
    loop_remove(&src);
    keys_socket_free(keys, &crowd->socket);
    keys_close(&keys);
}

/* ---- shapes that no REQ socket sends ---- */

static void test_junk_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct client cl;
    struct keys *keys = fixture_peer(f, "gateway");
    void *dealer = keys_client_socket(keys, ZMQ_DEALER, "catalog");
    struct metric *dropped = metric_counter(
        "rpc_server_dropped_total", "Messages and replies that could not be delivered",
        "cause=\"not_a_request\"");
    int64_t before = metric_value(dropped);
    zmq_setsockopt(dealer, ZMQ_IMMEDIATE, &(int){ 0 }, sizeof(int));
    assert_int_equal(zmq_connect(dealer, rpc_server_endpoint(f->svc.rpc)), 0);
    zmq_send(dealer, "no delimiter", 12, 0);
    zmq_send(dealer, "", 0, 0); /* delimiter only */
    zmq_send(dealer, "", 0, ZMQ_SNDMORE);
    zmq_send(dealer, "a", 1, ZMQ_SNDMORE); /* one part too many */
    zmq_send(dealer, "b", 1, 0);
    f->fn = reply_actor;
    client_open(&cl, f, "gateway");
    struct frame req = request(f, "catalog.product.show");
    for (int i = 0; i < 100 && metric_value(dropped) - before < 3; i++)
        assert_int_equal(ask(&cl, &req)->status, 200);
    assert_int_equal(metric_value(dropped) - before, 3);
    client_close(&cl);
    keys_socket_free(keys, &dealer);
    keys_close(&keys);
}

/* ---- a key taken away under a live connection ---- */

static void remove_cert(const struct fixture *f, const char *service)
{
    AUTO_FREE char *command = xasprintf("%s/keys-public", f->root);
    zdir_t *dir = zdir_new(command, NULL);
    zfile_t **files = zdir_flatten(dir);
    for (unsigned i = 0; files[i]; i++) {
        const char *name = strrchr(zfile_filename(files[i], NULL), '/') + 1;
        if (strncmp(name, service, strlen(service)) == 0)
            unlink(zfile_filename(files[i], NULL));
    }
    zdir_flatten_free(&files);
    zdir_destroy(&dir);
}

static void test_removed_key(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("catalog");
    struct client cl;
    struct frame req = request(f, "catalog.product.show");
    f->fn = reply_actor;
    client_open(&cl, f, "gateway");
    assert_int_equal(ask(&cl, &req)->status, 200);
    remove_cert(f, "gateway");
    int64_t start = clock_mono_ms();
    while (ask(&cl, &req)->status == 200)
        assert_true(clock_mono_ms() - start < 3000);
    assert_int_equal(cl.reply.status, ERR_PEER_NOT_ALLOWED);
    client_close(&cl);
    fixture_free(&f);
}

static void test_handlers_must_match(void **state)
{
    struct fixture *f = *state;
    struct rpc_handler more[FIXTURE_HANDLERS + 1] = { 0 };
    size_t n = 0;
    while (f->handlers[n].method) {
        more[n] = f->handlers[n];
        n++;
    }
    more[n] = (struct rpc_handler){ "catalog.no.such", fixture_dispatch };
    assert_null(rpc_server_start(&f->svc, "tcp://127.0.0.1:0", more));
    assert_null(rpc_server_start(&f->svc, "tcp://127.0.0.1:0", f->handlers + 1));
    assert_null(rpc_server_start(&f->svc, rpc_server_endpoint(f->svc.rpc), f->handlers));
}

#define ON_CATALOG(test)                                                                 \
    cmocka_unit_test_setup_teardown(test, open_catalog, close_catalog)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_stop_with_calls_owed),
        cmocka_unit_test(test_removed_key),
        ON_CATALOG(test_bad_frames_are_answered),
        ON_CATALOG(test_large_bodies),
        ON_CATALOG(test_large_replies),
        ON_CATALOG(test_answers),
        ON_CATALOG(test_path_ids),
        ON_CATALOG(test_drain),
        cmocka_unit_test(test_drained_by_an_operator),
        ON_CATALOG(test_deadline),
        ON_CATALOG(test_overload),
        ON_CATALOG(test_junk_is_dropped),
        ON_CATALOG(test_handlers_must_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
