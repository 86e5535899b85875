/* The pool: answers in the loop, a bounded queue, and what counts as the right password.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "auth/hash_pool.h"
#include "auth/signing.h"
#include "base/id.h"
#include "base/mem.h"

static const struct hash_pool_config CHEAP = { .cost = { 64 * 1024, 1 },
                                               .threads = 1,
                                               .queue = 3 };
static const struct auth_hash_cost DEARER = { 128 * 1024, 2 };
struct fixture {
    struct loop *loop;
    struct hash_pool *pool;
    unsigned expected, answers;
    struct hash_result last;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    f->loop = loop_new();
    f->pool = hash_pool_new(f->loop, &CHEAP);
    assert_non_null(f->pool);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    hash_pool_free(&f->pool);
    loop_free(&f->loop);
    free(f);
    return 0;
}

static void on_result(void *arg, const struct hash_result *r)
{
    struct fixture *f = arg;

    f->last = *r;
    if (++f->answers == f->expected)
        loop_stop(f->loop);
}

static void wait_for(struct fixture *f, unsigned answers)
{
    f->expected = answers;
    f->answers = 0;
    loop_run(f->loop);
}

static void test_hash_and_verify(void **state)
{
    struct fixture *f = *state;
    char hash[AUTH_HASH_SIZE];
    static const struct {
        const char *password;
        bool ok;
    } cases[] = { { "correct", true }, { "Correct", false }, { "correct ", false } };

    assert_true(hash_pool_hash(f->pool, STR("correct"), on_result, f));
    wait_for(f, 1);
    assert_true(f->last.ok);
    memcpy(hash, f->last.hash, sizeof(hash));
    assert_non_null(strstr(hash, "$argon2id$v=19$m=64,t=1,p=1$"));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(
            hash_pool_verify(f->pool, str_of(cases[i].password), hash, on_result, f));
        wait_for(f, 1);
        assert_int_equal(f->last.ok, cases[i].ok);
        assert_string_equal(f->last.hash, ""); /* up to date */
    }
}

static void test_bytes_beyond_72_count(void **state)
{
    struct fixture *f = *state;
    char a[201], b[201], hash[AUTH_HASH_SIZE];

    memset(a, 'a', sizeof(a));
    a[200] = '\0';
    memcpy(b, a, sizeof(b));
    b[199] = 'b';
    assert_true(auth_password_hash(&CHEAP.cost, str_of(a), hash));
    assert_true(auth_password_matches(str_of(a), hash));
    assert_false(auth_password_matches(str_of(b), hash));
    (void)f;
}

static void test_unknown_user(void **state)
{
    struct fixture *f = *state;

    assert_true(hash_pool_verify(f->pool, STR("anything"), NULL, on_result, f));
    wait_for(f, 1);
    assert_false(f->last.ok);
}

static void test_outdated_is_made_anew(void **state)
{
    struct fixture *f = *state;
    char hash[AUTH_HASH_SIZE];

    assert_true(auth_password_hash(&DEARER, STR("secret text"), hash));
    assert_true(hash_pool_verify(f->pool, STR("secret text"), hash, on_result, f));
    wait_for(f, 1);
    assert_true(f->last.ok);
    assert_true(auth_password_matches(STR("secret text"), f->last.hash));
    assert_false(auth_password_outdated(&CHEAP.cost, f->last.hash));
}

/* One thread and a queue of three: while the loop does not turn, no place gets free. */
static void test_queue_is_bounded(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 4; i++)
        assert_true(hash_pool_hash(f->pool, STR("x"), on_result, f));
    assert_false(hash_pool_hash(f->pool, STR("x"), on_result, f));
    assert_int_equal(hash_pool_depth(f->pool), 4);
    wait_for(f, 4);
    assert_int_equal(hash_pool_depth(f->pool), 0);
    assert_true(hash_pool_hash(f->pool, STR("x"), on_result, f));
    wait_for(f, 1);
}

static void test_sealed_keys(void **state)
{
    (void)state;
    uint8_t master[AUTH_MASTER_KEY] = { 1 }, other[AUTH_MASTER_KEY] = { 2 };
    struct secret *pem = secret_new(STR("-----BEGIN PRIVATE KEY-----"));
    struct buf sealed;

    buf_init(&sealed, 4096);
    auth_seal(master, pem, &sealed);
    assert_null(memmem(sealed.p, sealed.n, "BEGIN", 5));
    struct secret *back = auth_unseal(master, buf_get(&sealed));
    assert_non_null(back);
    assert_true(str_eq(secret_expose(back), secret_expose(pem)));
    assert_null(auth_unseal(other, buf_get(&sealed)));
    sealed.p[sealed.n - 1] ^= 1;
    assert_null(auth_unseal(master, buf_get(&sealed)));
    assert_null(auth_unseal(master, STR("short")));
    secret_free(&back);
    secret_free(&pem);
    buf_deinit(&sealed);
}

/* A new password is judged before it is hashed; one that is compared never is. */
static void test_weak_ones_are_not_hashed(void **state)
{
    struct fixture *f = *state;
    struct hash_pool_config cfg = CHEAP;
    char hash[AUTH_HASH_SIZE];

    cfg.min_bits = 10;
    hash_pool_free(&f->pool);
    f->pool = hash_pool_new(f->loop, &cfg);
    assert_non_null(f->pool);
    assert_true(hash_pool_hash(f->pool, STR("qwertyuiop"), on_result, f));
    wait_for(f, 1);
    assert_true(f->last.weak && !f->last.ok && !f->last.hash[0]);
    assert_true(hash_pool_judge(f->pool, STR("qwertyuiop"), on_result, f));
    wait_for(f, 1);
    assert_true(f->last.weak && !f->last.ok);
    assert_true(hash_pool_judge(f->pool, STR("testpass123"), on_result, f));
    wait_for(f, 1);
    assert_true(!f->last.weak && f->last.ok && !f->last.hash[0]);
    assert_true(hash_pool_hash(f->pool, STR("testpass123"), on_result, f));
    wait_for(f, 1);
    assert_true(!f->last.weak && f->last.ok && f->last.hash[0]);
    assert_true(auth_password_hash(&cfg.cost, STR("qwertyuiop"), hash));
    assert_true(hash_pool_verify(f->pool, STR("qwertyuiop"), hash, on_result, f));
    wait_for(f, 1);
    assert_true(f->last.ok && !f->last.weak);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hash_and_verify, setup, teardown),
        cmocka_unit_test_setup_teardown(test_weak_ones_are_not_hashed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bytes_beyond_72_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unknown_user, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outdated_is_made_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue_is_bounded, setup, teardown),
        cmocka_unit_test(test_sealed_keys),
    };

    return cmocka_run_group_tests_name("hash_pool", tests, NULL, NULL);
}
