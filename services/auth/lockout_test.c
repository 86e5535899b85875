/* Which network an address belongs to. The rest of the guard is SQL: contract tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/lockout.h"

static void test_networks(void **state)
{
    char out[AUTH_NETWORK_TEXT];
    static const struct {
        const char *address, *network;
    } cases[] = {
        { "203.0.113.7", "203.0.113.0/24" },
        { "203.0.113.255", "203.0.113.0/24" },
        { "203.0.114.7", "203.0.114.0/24" },
        { "127.0.0.1", "127.0.0.0/24" },
        { "::ffff:203.0.113.7", "203.0.113.0/24" },
        { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
        { "2001:DB8:1:2::", "2001:db8:1:2::/64" },
        { "2001:db8:1:3::1", "2001:db8:1:3::/64" },
        { "::1", "::/64" },
        { "", "none" },
        { "203.0.113", "none" },
        { "203.0.113.7:80", "none" },
        { "fe80::1%eth0", "none" },
        { "*", "none" },
        { "a text that is much longer than any address could be, so it is cut", "none" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(auth_network(str_of(cases[i].address), out),
                            cases[i].network);
    assert_string_equal(auth_network((struct str){ "1.2.3.4\0x", 9 }, out), "none");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_networks) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
