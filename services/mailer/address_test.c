#include "mailer/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"

static const struct from_case {
    const char *in, *name, *address;
} SENDERS[] = {
    { "no-reply@example.com", "", "no-reply@example.com" },
    { "Quintet <no-reply@example.com>", "Quintet", "no-reply@example.com" },
    { " \"The Team\" <a@example.com> ", "The Team", "a@example.com" },
    { "<a@example.com>", "", "a@example.com" },
    { "Quintet", NULL, NULL },
    { "Quintet <\"a<b@c\"@example.com>", "Quintet", "\"a<b@c\"@example.com" },
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
        cmocka_unit_test(test_senders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
