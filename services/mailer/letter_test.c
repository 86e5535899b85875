#include "mailer/letter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sodium.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/mem.h"

static const char TOKEN[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

struct fixture {
    struct letters *letters;
    char sealed[2 * (sizeof TOKEN - 1 + crypto_box_SEALBYTES) + 1];
};

static int set_up(void **state)
{
    static struct fixture f;
    uint8_t open_key[32], seal_key[32], sealed[sizeof TOKEN - 1 + crypto_box_SEALBYTES];
    char hex[65], *why = NULL;
    if (sodium_init() < 0)
        return -1;
    crypto_box_keypair(seal_key, open_key);
    struct secret *key = secret_new(str_of(hex_encode(open_key, 32, hex)));
    f.letters = letters_new(
        &(struct letters_config){ "", "Quintet <no-reply@example.com>", "" }, key, &why);
    secret_free(&key);
    crypto_box_seal(sealed, (const uint8_t *)TOKEN, sizeof TOKEN - 1, seal_key);
    hex_encode(sealed, sizeof sealed, f.sealed);
    *state = &f;
    return f.letters ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    letters_free(&f->letters);
    return 0;
}

static struct letter_job sample(const struct fixture *f)
{
    return (struct letter_job){
        .job_id = STR("5f19c2e0-7b41-5d7e-8f00-000000000001"),
        .template = STR("verification"),
        .recipient = STR("a@example.net"),
        .params = STR("{\"username\":\"ann\",\"link_base\":\"https://q.example/\"}"),
        .sealed = str_of(f->sealed),
        .message_id = STR("5f19c2e0-7b41-5d7e-8f00-000000000001@example.com"),
        .date_us = INT64_C(1795342377161784),
        .expires_us = INT64_C(1795428777161784),
    };
}

static bool contains(const struct buf *b, const char *what)
{
    return b->p && strstr(b->p, what);
}

static void test_the_link(void **state)
{
    const struct fixture *f = *state;
    struct letter_job job = sample(f);
    struct arena a = { 0 };
    struct buf once AUTO_BUF, twice AUTO_BUF;
    struct str to;
    buf_init(&once, 65536);
    buf_init(&twice, 65536);
    assert_null(letter_write(f->letters, &job, &a, &once, &to));
    assert_null(letter_write(f->letters, &job, &a, &twice, &to));
    assert_true(str_eq(to, STR("a@example.net")));
    AUTO_FREE char *link =
        xasprintf("\r\nhttps://q.example/api/auth/verify-email?token=%s\r\n", TOKEN);
    assert_true(contains(&once, link));
    assert_true(contains(&once, "The link works until 23 November 2026, 10:12 UTC."));
    assert_string_equal(once.p, twice.p);
    arena_deinit(&a);
}

static void test_the_reset_link(void **state)
{
    const struct fixture *f = *state;
    struct letter_job job = sample(f);
    struct arena a = { 0 };
    struct buf out AUTO_BUF;
    struct str to;
    buf_init(&out, 65536);
    job.template = STR("password_reset");
    job.params = STR("{\"username\":\"ann\",\"link_base\":\"https://q.example\","
                     "\"user_id\":12}");
    assert_null(letter_write(f->letters, &job, &a, &out, &to));
    AUTO_FREE char *link = xasprintf(
        "\r\nhttps://q.example/api/auth/reset-password/?uid=12&token=%s\r\n", TOKEN);
    assert_true(contains(&out, link));
    assert_true(contains(&out, "works once, until 23 November 2026, 10:12 UTC."));
    arena_deinit(&a);
}

static void test_the_notice(void **state)
{
    const struct fixture *f = *state;
    struct letter_job job = sample(f);
    struct arena a = { 0 };
    struct buf out AUTO_BUF;
    struct str to;
    buf_init(&out, 65536);
    job.template = STR("password_changed");
    job.sealed = STR("");
    assert_null(letter_write(f->letters, &job, &a, &out, &to));
    assert_true(contains(&out, "Subject: Your password was changed\r\n"));
    assert_true(contains(&out, "was changed on 22 November 2026, 10:12 UTC."));
    assert_false(contains(&out, "http"));
    arena_deinit(&a);
}

static void test_the_address_is_taken(void **state)
{
    const struct fixture *f = *state;
    struct letter_job job = sample(f);
    struct arena a = { 0 };
    struct buf out AUTO_BUF;
    struct str to;
    buf_init(&out, 65536);
    job.template = STR("account_exists");
    job.sealed = STR("");
    assert_null(letter_write(f->letters, &job, &a, &out, &to));
    assert_true(contains(&out, "Subject: You already have an account\r\n"));
    assert_true(contains(&out, "registered with this address on 22 November 2026"));
    assert_true(contains(&out, "Content-Type: text/html"));
    assert_false(contains(&out, "http"));
    arena_deinit(&a);
}

static const struct refused_case {
    const char *what, *template, *recipient, *params, *sealed;
} REFUSED[] = {
    { "unknown template", "nothing", NULL, NULL, NULL },
    { "no address", NULL, "a b@example.net", NULL, NULL },
    { "no base", NULL, NULL, "{\"username\":\"ann\"}", NULL },
    { "a base that is no URL", NULL, NULL, "{\"link_base\":\"javascript:x\"}", NULL },
    { "a base with a line end", NULL, NULL, "{\"link_base\":\"http://x\\r\\ny\"}", NULL },
    { "a base that leaves its quotes", NULL, NULL, "{\"link_base\":\"http://x\\\">\"}",
      NULL },
    { "a reset of nobody", "password_reset", NULL, NULL, NULL },
    { "no secret", NULL, NULL, NULL, "" },
    { "a cut secret", NULL, NULL, NULL, "00ff" },
    { "a secret that is not hex", NULL, NULL, NULL, "zz" },
    { "params that are not JSON", NULL, NULL, "{", NULL },
};

static void test_refusals(void **state)
{
    const struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(REFUSED); i++) {
        const struct refused_case *c = &REFUSED[i];
        struct letter_job job = sample(f);
        struct arena a = { 0 };
        struct buf out AUTO_BUF;
        struct str to;
        buf_init(&out, 65536);
        job.template = c->template ? str_of(c->template) : job.template;
        job.recipient = c->recipient ? str_of(c->recipient) : job.recipient;
        job.params = c->params ? str_of(c->params) : job.params;
        job.sealed = c->sealed ? str_of(c->sealed) : job.sealed;
        if (!letter_write(f->letters, &job, &a, &out, &to))
            fail_msg("%s: written", c->what);
        assert_int_equal(out.n, 0);
        arena_deinit(&a);
    }
}

/* Sealed to us, but no token: auth never makes one, somebody else might. */
static void test_a_foreign_secret(void **state)
{
    const struct fixture *f = *state;
    struct letter_job job = sample(f);
    struct arena a = { 0 };
    struct buf out AUTO_BUF;
    struct str to;
    char changed[sizeof f->sealed];
    buf_init(&out, 65536);
    memcpy(changed, f->sealed, sizeof changed);
    changed[100] = changed[100] == '0' ? '1' : '0';
    job.sealed = str_of(changed);
    assert_non_null(letter_write(f->letters, &job, &a, &out, &to));
    arena_deinit(&a);
}

static void test_preview_hides_the_link(void **state)
{
    const struct fixture *f = *state;
    struct letter_job job = sample(f);
    struct arena a = { 0 };
    struct letter_view v;
    assert_true(letter_preview(f->letters, &job, &a, &v));
    assert_string_equal(arena_str(&a, v.subject), "Please confirm your e-mail address");
    const struct str parts[] = { v.text, v.html };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        const char *text = arena_str(&a, parts[i]);
        assert_non_null(strstr(text, "[link hidden]"));
        assert_null(strstr(text, "http"));
        assert_null(strstr(text, TOKEN));
    }
    arena_deinit(&a);
}

static void test_odd_names(void **state)
{
    const struct fixture *f = *state;
    struct letter_job job = sample(f);
    struct arena a = { 0 };
    struct buf out AUTO_BUF;
    struct str to;
    buf_init(&out, 65536);
    job.template = STR("welcome");
    job.params = STR("{\"username\":\"a\\r\\nb\\u202ec<d>\\u0085\"}");
    assert_null(letter_write(f->letters, &job, &a, &out, &to));
    assert_true(contains(&out, "Hello a  b c<d> ,\r\n"));
    assert_true(contains(&out, "<p>Hello a  b c&lt;d&gt; ,</p>\r\n"));
    arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_link),
        cmocka_unit_test(test_the_reset_link),
        cmocka_unit_test(test_the_notice),
        cmocka_unit_test(test_the_address_is_taken),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_a_foreign_secret),
        cmocka_unit_test(test_preview_hides_the_link),
        cmocka_unit_test(test_odd_names),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
