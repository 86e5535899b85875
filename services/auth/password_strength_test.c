/* What is too easy to guess, and what must not be refused for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "auth/password_strength.h"
#include "base/mem.h"

enum { DEFAULT_BITS = 10 };

static void test_verdicts(void **state)
{
    static const struct {
        const char *password;
        bool guessable;
    } cases[] = {
        { "testpass123", false }, /* the example of the original's manual */
        { "correct horse battery staple", false },
        { "a long pass phrase", false },
        { "kx8#Vq2pLm", false },
        { "éèàùçôîû", false },
        { "пароль из слов", false },
        { "password1", true },
        { "p@ssw0rd", true },
        { "drowssap", true },
        { "michael1", true },
        { "1chocolate", true },
        { "qwertyuiop", true },
        { "asdfghjkl;", true },
        { "abcdefgh", true },
        { "zzzzzzzzzzzz", true },
        { "abcabcabcabc", true },
        { "19770512", true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (auth_password_guessable(str_of(cases[i].password), DEFAULT_BITS) !=
            cases[i].guessable)
            fail_msg("%s", cases[i].password);
        assert_false(auth_password_guessable(str_of(cases[i].password), 0));
    }
    assert_true(auth_password_guessable(STR("testpass123"), 20));
}

/* Any bytes, any length: it ends, and reads nothing beyond. */
static void test_anything(void **state)
{
    uint32_t x = 12345;
    char text[1024];

    (void)state;
    for (int round = 0; round < 200; round++) {
        size_t n = (x >> 8) % 160;
        for (size_t i = 0; i < n; i++) {
            x = x * 1664525 + 1013904223;
            text[i] = (char)(x >> 24);
        }
        auth_password_guessable((struct str){ text, n }, DEFAULT_BITS);
    }
    memset(text, 'a', sizeof(text));
    assert_false(auth_password_guessable((struct str){ text, 0 }, 0));
    auth_password_guessable((struct str){ text, sizeof(text) }, DEFAULT_BITS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_anything),
    };

    return cmocka_run_group_tests_name("password strength", tests, NULL, NULL);
}
