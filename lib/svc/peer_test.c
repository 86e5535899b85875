/* A link whose key is allowed only later, as in a rotation, begins to carry messages. */
#include "svc/peer.h"

#include "svc/rpc_fixture.h"

enum { HEAL_MS = 9000, TELL_MS = 100 };

struct heard {
    struct fixture *f;
    struct peer_link *link;
    void *pub;
    char from[128];
    bool published; /* our key is among those allowed */
    bool refused_first;
};

static void say(void *arg)
{
    struct heard *h = arg;
    zmq_send(h->pub, "news", 4, ZMQ_DONTWAIT);
}

static void on_news(void *arg)
{
    struct heard *h = arg;
    char text[8];
    int n = zmq_recv(peer_link_socket(h->link), text, sizeof text, ZMQ_DONTWAIT);
    if (n < 0)
        return; /* a loop may call in vain */
    assert_int_equal(n, 4);
    assert_true(h->published);
    loop_stop(h->f->loop);
}

/* A second root's keygen makes our pair; its certificate is moved in when wanted. */
static struct keys *unknown_keys(const struct fixture *f)
{
    AUTO_FREE char *hidden = xasprintf("%s/keys-hidden", f->root);
    AUTO_FREE char *inner = xasprintf("%s/keys-public", hidden);
    AUTO_FREE char *other = xasprintf("%s/keys-other", f->root);
    AUTO_FREE char *made = xasprintf("%s/mailer.key_secret", other);
    AUTO_FREE char *place = xasprintf("%s/curve.key_secret", other);
    AUTO_FREE char *public = xasprintf("%s/keys-public", f->root);
    assert_int_equal(mkdir(hidden, 0755), 0);
    assert_int_equal(mkdir(inner, 0755), 0);
    assert_int_equal(fixture_keygen(hidden, "mailer", other), 0);
    assert_int_equal(rename(made, place), 0);
    struct keys *k = keys_open_with("mailer", other, public, KEYS_FAULT_NO_HANDLER);
    assert_non_null(k);
    return k;
}

static void publish_key(void *arg)
{
    struct heard *h = arg;
    AUTO_FREE char *move = xasprintf(
        "mv %s/keys-hidden/keys-public/*.cert %s/keys-public/", h->f->root, h->f->root);
    int64_t refusals =
        metric_value(metric_counter("curve_handshake_failed_total", "", "peer=\"auth\""));
    h->refused_first = refusals > 0;
    h->published = true;
    assert_int_equal(system(move), 0);
}

static void test_a_refused_link_heals(void **state)
{
    (void)state;
    struct heard h = { .f = fixture_new("auth") };
    size_t size = sizeof h.from;
    h.pub = keys_server_socket(h.f->keys, ZMQ_PUB);
    assert_int_equal(zmq_bind(h.pub, "tcp://127.0.0.1:0"), 0);
    zmq_getsockopt(h.pub, ZMQ_LAST_ENDPOINT, h.from, &size);
    struct keys *ours = unknown_keys(h.f);
    h.link = peer_link_new(h.f->loop, ours, ZMQ_SUB, "auth", h.from);
    assert_non_null(h.link);
    zmq_setsockopt(peer_link_socket(h.link), ZMQ_SUBSCRIBE, "", 0);
    struct loop_source *in =
        loop_add_socket(h.f->loop, peer_link_socket(h.link), on_news, &h);
    struct loop_timer *tell = loop_timer(h.f->loop, 0, TELL_MS, say, &h);
    loop_timer(h.f->loop, 1000, 0, publish_key, &h);
    fixture_run_for(h.f, HEAL_MS);
    assert_true(h.refused_first);
    loop_timer_cancel(&tell);
    loop_remove(&in);
    peer_link_free(&h.link);
    keys_socket_free(h.f->keys, &h.pub);
    keys_close(&ours);
    fixture_free(&h.f);
}

static bool has_ipv6(void)
{
    return access("/proc/net/if_inet6", F_OK) == 0 &&
           system("grep -qw lo /proc/net/if_inet6") == 0;
}

/* One link to a publisher of each family. */
static void test_both_families(void **state)
{
    (void)state;
    if (!has_ipv6())
        skip();
    static const char *const BIND[] = { "tcp://[::1]:0", "tcp://127.0.0.1:0" };
    for (size_t i = 0; i < ARRAY_LEN(BIND); i++) {
        struct heard h = { .f = fixture_new("auth"), .published = true };
        size_t size = sizeof h.from;
        h.pub = keys_server_socket(h.f->keys, ZMQ_PUB);
        assert_int_equal(keys_bind(h.pub, BIND[i]), 0);
        zmq_getsockopt(h.pub, ZMQ_LAST_ENDPOINT, h.from, &size);
        assert_memory_equal(h.from, BIND[i], strlen(BIND[i]) - 1);
        struct keys *ours = fixture_peer(h.f, "mailer");
        h.link = peer_link_new(h.f->loop, ours, ZMQ_SUB, "auth", h.from);
        zmq_setsockopt(peer_link_socket(h.link), ZMQ_SUBSCRIBE, "", 0);
        struct loop_source *in =
            loop_add_socket(h.f->loop, peer_link_socket(h.link), on_news, &h);
        struct loop_timer *tell = loop_timer(h.f->loop, 0, TELL_MS, say, &h);
        fixture_run(h.f); /* until the news came; fails after the guard's time */
        loop_timer_cancel(&tell);
        loop_remove(&in);
        peer_link_free(&h.link);
        keys_socket_free(h.f->keys, &h.pub);
        keys_close(&ours);
        fixture_free(&h.f);
    }
}

static void test_no_certificate_no_link(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("auth");
    struct keys *ours = fixture_peer(f, "mailer");
    assert_null(peer_link_new(f->loop, ours, ZMQ_SUB, "nobody", "tcp://127.0.0.1:1"));
    keys_close(&ours);
    fixture_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_certificate_no_link),
        cmocka_unit_test(test_a_refused_link_heals),
        cmocka_unit_test(test_both_families),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
