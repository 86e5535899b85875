#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "gateway/host.h"

static const struct {
    const char *allowed, *host;
    bool want;
} CASES[] = {
    { "", "shop.example", true },
    { "", "SHOP.example:8443", true },
    { "", "localhost", true },
    { "", "localhost:1", true },
    { "", "127.0.0.1:8000", true },
    { "", "[::1]", true },
    { "", "[::1]:8000", true },
    { "", "evil.example", false },
    { "", "shop.example.evil.example", false },
    { "", "notshop.example", false },
    { "", "[::2]", false },
    { "", "localhost:", true },
    { "", "[::1]evil.example", false },
    { "", "[::1].evil.example:80", false },
    { "", "localhost:80:evil.example", false },
    { "", "localhost:evil", false },
    { "", "localhost:-1", false },
    { "", "localhost:123456", false },
    { "*", "anything:evil", false },
    { "", "", false },
    { "api.example, b.example", "api.example", true },
    { "api.example, b.example", "b.example:80", true },
    { ".example", "example", true },
    { ".example", "a.b.example", true },
    { ".example", "badexample", false },
    { ".example", "[a.example", false },
    { ".example", "a[b].example", false },
    { ".example", "evil.test/.example", false },
    { "*", "a]b", false },
    { "*", "[fd00::1]:80", true },
    { "*", "anything", true },
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct gateway_hosts *h =
            gateway_hosts_new("https://shop.example:444/path", CASES[i].allowed);
        assert_non_null(h);
        if (gateway_host_allowed(h, str_of(CASES[i].host)) != CASES[i].want)
            fail_msg("'%s' with '%s'", CASES[i].host, CASES[i].allowed);
        gateway_hosts_free(&h);
    }
}

static void test_public_url(void **state)
{
    (void)state;
    struct gateway_hosts *h = gateway_hosts_new(" http://localhost:8000/ ", NULL);
    assert_string_equal(gateway_hosts_public(h), "http://localhost:8000");
    gateway_hosts_free(&h);
    assert_null(h);
    assert_null(gateway_hosts_new("localhost:8000", NULL));
    assert_null(gateway_hosts_new("ftp://a", NULL));
    assert_null(gateway_hosts_new("http://", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_public_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
