#include "svc/proxies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"

static struct address parsed(const char *text)
{
    struct address a;
    if (!address_parse(str_of(text), &a))
        fail_msg("not parsed: %s", text);
    return a;
}

static void check(const char *trusted, const char *peer, const char *first,
                  const char *second, const char *client)
{
    char text[ADDRESS_TEXT];
    struct proxies *p = proxies_new(NULL, trusted);
    assert_non_null(p);
    const struct str lines[] = { str_of(first), str_of(second) };
    struct address from = parsed(peer);
    struct address got = proxies_client(p, &from, lines, second ? 2 : first ? 1 : 0);
    assert_string_equal(address_text(&got, text), client);
    proxies_free(&p);
}

static void test_who_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *trusted, *peer, *first, *second, *client;
    } CASES[] = {
        /* nobody is trusted: the header is any client's text */
        { "", "9.9.9.9", "1.1.1.1", NULL, "9.9.9.9" },
        { "10.0.0.0/8", "9.9.9.9", "1.1.1.1", NULL, "9.9.9.9" },
        { "10.0.0.0/8", "10.0.0.1", NULL, NULL, "10.0.0.1" },
        { "10.0.0.0/8", "10.0.0.1", "", NULL, "10.0.0.1" },
        /* one proxy, and what its client put in front */
        { "10.0.0.0/8", "10.0.0.1", "1.1.1.1", NULL, "1.1.1.1" },
        { "10.0.0.0/8", "10.0.0.1", "6.6.6.6, 1.1.1.1", NULL, "1.1.1.1" },
        { "10.0.0.0/8", "10.0.0.1", "6.6.6.6,10.0.0.9 , 1.1.1.1", NULL, "1.1.1.1" },
        /* two proxies: the right-most that is not trusted */
        { "10.0.0.0/8", "10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2", NULL, "1.1.1.1" },
        { "10.0.0.0/8", "10.0.0.1", "1.1.1.1, 11.0.0.2", NULL, "11.0.0.2" },
        /* all of them trusted: the first of the chain */
        { "10.0.0.0/8", "10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, "10.0.0.3" },
        /* two lines are one list */
        { "10.0.0.0/8", "10.0.0.1", "6.6.6.6", "1.1.1.1", "1.1.1.1" },
        { "10.0.0.0/8", "10.0.0.1", "1.1.1.1", "10.0.0.2", "1.1.1.1" },
        { "10.0.0.0/8", "10.0.0.1", "1.1.1.1", "", "1.1.1.1" },
        /* what is no address: whoever passed it on */
        { "10.0.0.0/8", "10.0.0.1", "unknown", NULL, "10.0.0.1" },
        { "10.0.0.0/8", "10.0.0.1", "1.1.1.1, _x, 10.0.0.2", NULL, "10.0.0.2" },
        { "10.0.0.0/8", "10.0.0.1", "1.1.1.1,", NULL, "10.0.0.1" },
        { "10.0.0.0/8", "10.0.0.1", "<script>", NULL, "10.0.0.1" },
        /* ports and brackets, as some proxies write them */
        { "10.0.0.0/8", "10.0.0.1", "1.1.1.1:4711", NULL, "1.1.1.1" },
        { "fd00::/8", "fd00::1", "[2001:db8::7]:443, [fd00::2]", NULL, "2001:db8::7" },
        { "fd00::/8", "fd00::1", "2001:db8::7", NULL, "2001:db8::7" },
        { "10.0.0.1", "::ffff:10.0.0.1", "1.1.1.1", NULL, "1.1.1.1" },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        check(CASES[i].trusted, CASES[i].peer, CASES[i].first, CASES[i].second,
              CASES[i].client);
}

static void test_lists_that_are_none(void **state)
{
    (void)state;
    static const char *const BAD[] = { "10.0.0.0/33", "a b", "http://x",
                                       "10.0.0.256",  "*",   "10.0.0.0/8,[::1]",
                                       "tcp://x:1" };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        if (proxies_new(NULL, BAD[i]))
            fail_msg("taken: %s", BAD[i]);
}

struct wait {
    struct loop *loop;
    struct proxies *proxies;
    bool trusted;
    int64_t until_ms;
};

static void look(void *arg)
{
    struct wait *w = arg;
    struct address local = parsed("127.0.0.1");
    w->trusted = proxies_trust(w->proxies, &local);
    if (w->trusted || clock_mono_ms() > w->until_ms)
        loop_stop(w->loop);
}

static void test_a_name_is_looked_up(void **state)
{
    (void)state;
    struct wait w = { .loop = loop_new(), .until_ms = clock_mono_ms() + 20000 };
    w.proxies = proxies_new(w.loop, "localhost, 10.0.0.0/8");
    assert_non_null(w.proxies);
    struct loop_timer *timer = loop_timer(w.loop, 5, 5, look, &w);
    loop_run(w.loop);
    loop_timer_cancel(&timer);
    struct address other = parsed("127.0.0.2"), listed = parsed("10.1.1.1");
    assert_true(w.trusted);
    assert_false(proxies_trust(w.proxies, &other));
    assert_true(proxies_trust(w.proxies, &listed));
    proxies_free(&w.proxies);
    loop_free(&w.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_it_is),
        cmocka_unit_test(test_lists_that_are_none),
        cmocka_unit_test(test_a_name_is_looked_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
