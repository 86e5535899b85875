#include "mailer/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"

static const struct address_case {
    const char *in, *out; /* out NULL: refused */
} ADDRESSES[] = {
    { "a@example.com", "a@example.com" },
    { "Ann.O'Neil+tag@Example.COM", "Ann.O'Neil+tag@Example.COM" },
    { "a@localhost", "a@localhost" },
    { "post@b\xc3\xbc"
      "cher.example",
      "post@xn--bcher-kva.example" },
    { "", NULL },
    { "a", NULL },
    { "@example.com", NULL },
    { "a@", NULL },
    { "a@b@c", NULL },
    { "a b@example.com", NULL },
    { "a@exa mple.com", NULL },
    { "a@example.com\r\nRCPT TO:<b@example.com>", NULL },
    { "a@example.com\n", NULL },
    { "a\x01@example.com", NULL },
    { "<a@example.com>", NULL },
    { "a@example.com>", NULL },
    { "a,b@example.com", NULL },
    { "a;b@example.com", NULL },
    { "a:b@example.com", NULL },
    { "a\\b@example.com", NULL },
    { "\"a b\"@example.com", NULL },
    { ".a@example.com", NULL },
    { "a.@example.com", NULL },
    { "a..b@example.com", NULL },
    { "a@.example.com", NULL },
    { "a@example..com", NULL },
    { "a@example.com.", NULL },
    { "a@-example.com", NULL },
    { "a@example-.com", NULL },
    { "a@[127.0.0.1]", NULL },
    { "\xc3\xa4@example.com", NULL },
    { "a@\xff.example", NULL },
};

static void test_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ADDRESSES); i++) {
        const struct address_case *c = &ADDRESSES[i];
        struct arena a = { 0 };
        struct str got = { 0 };
        bool ok = address_check(str_of(c->in), &a, &got);
        if (ok != (c->out != NULL) || (ok && !str_eq(got, str_of(c->out))))
            fail_msg("%s: %d %.*s", c->in, ok, STR_ARG(got));
        arena_deinit(&a);
    }
}

static void test_embedded_nul(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct str got;
    assert_false(address_check(STR("a\0b@example.com"), &a, &got));
    assert_false(address_check(STR("a@example\0.com"), &a, &got));
    assert_false(address_check(STR("a@b\xc3\xbc\0.com"), &a, &got));
    arena_deinit(&a);
}

/* Whatever single byte is put anywhere: nothing below 0x21 or above 0x7e gets through. */
static void test_accepted_is_printable(void **state)
{
    (void)state;
    static const char GOOD[] = "ann.o@mail.example.com";
    for (size_t i = 0; i < sizeof GOOD - 1; i++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[sizeof GOOD];
            struct arena a = { 0 };
            struct str got;
            memcpy(text, GOOD, sizeof GOOD);
            text[i] = (char)byte;
            if (address_check((struct str){ text, sizeof GOOD - 1 }, &a, &got))
                for (size_t k = 0; k < got.n; k++)
                    assert_true(got.p[k] > 0x20 && got.p[k] < 0x7f && got.p[k] != '<' &&
                                got.p[k] != '>');
            arena_deinit(&a);
        }
    }
}

static const struct from_case {
    const char *in, *name, *address;
} SENDERS[] = {
    { "no-reply@example.com", "", "no-reply@example.com" },
    { "Quintet <no-reply@example.com>", "Quintet", "no-reply@example.com" },
    { " \"The Team\" <a@example.com> ", "The Team", "a@example.com" },
    { "<a@example.com>", "", "a@example.com" },
    { "Quintet", NULL, NULL },
    { "Quintet <a@b@c>", NULL, NULL },
    { "", NULL, NULL },
};

static void test_senders(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(SENDERS); i++) {
        struct arena a = { 0 };
        struct str name, address;
        bool ok = address_parse_from(str_of(SENDERS[i].in), &a, &name, &address);
        assert_int_equal(ok, SENDERS[i].name != NULL);
        if (ok) {
            assert_true(str_eq(name, str_of(SENDERS[i].name)));
            assert_true(str_eq(address, str_of(SENDERS[i].address)));
        }
        arena_deinit(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_embedded_nul),
        cmocka_unit_test(test_accepted_is_printable),
        cmocka_unit_test(test_senders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
