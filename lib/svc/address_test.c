#include "svc/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/mem.h"

static struct address parsed(const char *text)
{
    struct address a;
    if (!address_parse(str_of(text), &a))
        fail_msg("not parsed: %s", text);
    return a;
}

static void test_text_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } CASES[] = {
        { "127.0.0.1", "127.0.0.1" },
        { "::1", "::1" },
        { "2001:DB8:0:0::1", "2001:db8::1" },
        { "::ffff:10.1.2.3", "10.1.2.3" }, /* one client, however it came */
        { "255.255.255.255", "255.255.255.255" },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char text[ADDRESS_TEXT];
        struct address a = parsed(CASES[i].in);
        assert_string_equal(address_text(&a, text), CASES[i].out);
    }
}

static void test_what_is_no_address(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.4:80",
        "[::1]",
        "::1%lo",
        " 10.0.0.1",
        "10.0.0.1 ",
        "localhost",
        ":::",
        "0x7f.1",
        "1",
        "01.2.3.4",
        "10.0.0.1\n",
        "1.2.3.4/8",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa",
    };
    struct address a;
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        if (address_parse(str_of(BAD[i]), &a))
            fail_msg("taken: %s", BAD[i]);
    assert_false(address_parse((struct str){ "10.0.0.1\0x", 10 }, &a));
}

static void test_networks(void **state)
{
    (void)state;
    static const struct {
        const char *network, *address;
        bool holds;
    } CASES[] = {
        { "127.0.0.0/8", "127.255.0.1", true },
        { "127.0.0.0/8", "128.0.0.1", false },
        { "10.1.2.3", "10.1.2.3", true },
        { "10.1.2.3", "10.1.2.4", false },
        { "10.1.2.3/24", "10.1.2.77", true }, /* bits of the host are cleared */
        { "10.0.0.0/9", "10.127.255.255", true },
        { "10.0.0.0/9", "10.128.0.0", false },
        { "0.0.0.0/0", "9.9.9.9", true },
        { "0.0.0.0/0", "2001:db8::1", false }, /* all of IPv4, not all */
        { "::/0", "9.9.9.9", true },
        { "::/0", "2001:db8::1", true },
        { "fd00::/8", "fdff::1", true },
        { "fd00::/8", "fe00::1", false },
        { "2001:db8::/33", "2001:db8:7fff::", true },
        { "2001:db8::/33", "2001:db8:8000::", false },
        { "::1", "::1", true },
        { "::ffff:0:0/96", "9.9.9.9", true },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct network n;
        struct address a = parsed(CASES[i].address);
        assert_true(network_parse(str_of(CASES[i].network), &n));
        if (network_holds(&n, &a) != CASES[i].holds)
            fail_msg("%s and %s", CASES[i].network, CASES[i].address);
    }
}

static void test_what_is_no_network(void **state)
{
    (void)state;
    static const char *const BAD[] = { "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/",
                                       "::/129",      "/8",          "10.0.0.0/8/8",
                                       "proxy",       "10.0.0.0/x" };
    struct network n;
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        if (network_parse(str_of(BAD[i]), &n))
            fail_msg("taken: %s", BAD[i]);
}

static void test_a_list(void **state)
{
    (void)state;
    struct network_list list;
    struct str bad;
    assert_true(network_list_parse(&list, STR(" 10.0.0.0/8, ,::1 ,"), &bad));
    assert_int_equal(list.n, 2);
    struct address in = parsed("10.9.9.9"), lo = parsed("::1"), out = parsed("11.0.0.1");
    assert_true(network_list_holds(&list, &in));
    assert_true(network_list_holds(&list, &lo));
    assert_false(network_list_holds(&list, &out));
    assert_false(network_list_parse(&list, STR("10.0.0.0/8, proxy"), &bad));
    assert_true(str_eq(bad, STR("proxy")));
    assert_true(network_list_parse(&list, STR(""), &bad));
    assert_false(network_list_holds(&list, &in));
}

static void test_a_list_has_an_end(void **state)
{
    (void)state;
    static struct network_list list;
    char text[(NETWORKS_MAX + 1) * 8 + 1] = "";
    struct str bad;
    for (int i = 0; i <= NETWORKS_MAX; i++)
        strcat(text, "1.1.1.1,");
    assert_false(network_list_parse(&list, str_of(text), &bad));
    assert_int_equal(list.n, NETWORKS_MAX);
}

static void test_one_client(void **state)
{
    (void)state;
    struct address a = parsed("2001:db8:1:2:3:4:5:6"), b = parsed("2001:db8:1:2::9"),
                   c = parsed("2001:db8:1:3::9"), v4 = parsed("10.0.0.1");
    struct address ca = address_client(&a), cb = address_client(&b),
                   cc = address_client(&c), c4 = address_client(&v4);
    assert_memory_equal(&ca, &cb, sizeof ca);
    assert_memory_not_equal(&ca, &cc, sizeof ca);
    assert_memory_equal(&c4, &v4, sizeof c4);
}

static void test_an_endpoint_of_every_address(void **state)
{
    (void)state;
    assert_string_equal(address_wildcard_port("tcp://0.0.0.0:7001"), "7001");
    assert_string_equal(address_wildcard_port("tcp://[::]:7001"), "7001");
    assert_string_equal(address_wildcard_port("tcp://*:7001"), "7001");
    assert_null(address_wildcard_port("tcp://127.0.0.1:7001"));
    assert_null(address_wildcard_port("tcp://[::1]:7001"));
    assert_null(address_wildcard_port("tcp://0.0.0.0.example:7001"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_back),
        cmocka_unit_test(test_what_is_no_address),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_what_is_no_network),
        cmocka_unit_test(test_a_list),
        cmocka_unit_test(test_a_list_has_an_end),
        cmocka_unit_test(test_one_client),
        cmocka_unit_test(test_an_endpoint_of_every_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
