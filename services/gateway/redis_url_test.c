#include "gateway/redis_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"

static const char *text(const char *s)
{
    return s ? s : "-";
}

static void test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url, *path, *endpoint, *user, *password;
        int db;
    } CASES[] = {
        { "redis://redis:6379/0", "-", "tcp://redis:6379", "-", "", 0 },
        { "redis://", "-", "tcp://localhost:6379", "-", "", 0 },
        { "redis://cache", "-", "tcp://cache:6379", "-", "", 0 },
        { " redis://10.0.0.1:7000/3 ", "-", "tcp://10.0.0.1:7000", "-", "", 3 },
        { "redis://[::1]:7000", "-", "tcp://[::1]:7000", "-", "", 0 },
        { "redis://[::1]", "-", "tcp://[::1]:6379", "-", "", 0 },
        { "redis://:pw@redis/1?x=y", "-", "tcp://redis:6379", "-", "pw", 1 },
        { "redis://me:p@w:x@redis", "-", "tcp://redis:6379", "me", "p@w:x", 0 },
        { "redis://pw@redis", "-", "tcp://redis:6379", "-", "pw", 0 },
        { "unix:///run/redis.sock", "/run/redis.sock", "-", "-", "", 0 },
        { "unix:///run/redis.sock?db=2", "/run/redis.sock", "-", "-", "", 2 },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct redis_url u;
        const char *why;
        if (!redis_url_parse(str_of(CASES[i].url), &u, &why))
            fail_msg("%s: %s", CASES[i].url, why);
        assert_string_equal(text(u.path), CASES[i].path);
        assert_string_equal(text(u.endpoint), CASES[i].endpoint);
        assert_string_equal(text(u.user), CASES[i].user);
        assert_string_equal(secret_expose(u.password).p, CASES[i].password);
        assert_int_equal(u.db, CASES[i].db);
        redis_url_clear(&u);
    }
}

static void test_what_is_no_url(void **state)
{
    (void)state;
    static const struct {
        const char *url, *why;
    } CASES[] = {
        { "", "must begin with redis:// or unix://" },
        { "http://redis", "must begin with redis:// or unix://" },
        { "rediss://redis", "asks for TLS, which this build's hiredis does not have" },
        { "redis://h:0", "has no valid port" },
        { "redis://h:65536", "has no valid port" },
        { "redis://h:", "has no valid port" },
        { "redis://h/x", "has no valid database number" },
        { "redis://h/-1", "has no valid database number" },
        { "unix://run/redis.sock", "needs an absolute socket path" },
        { "unix:///run/redis.sock?db=x", "has no valid database number" },
        { "unix:///run/redis.sock?bd=1", "has no valid database number" },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct redis_url u;
        const char *why = "";
        assert_false(redis_url_parse(str_of(CASES[i].url), &u, &why));
        assert_string_equal(why, CASES[i].why);
        assert_null(u.endpoint);
        assert_null(u.password);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_what_is_no_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
