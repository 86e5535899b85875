/* The four validators, with the cases observed on the original; names and addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/identity.h"
#include "auth/password_rules.h"
#include "base/mem.h"

#define SHORT   "This password is too short. It must contain at least 8 characters."
#define COMMON  "This password is too common."
#define NUMERIC "This password is entirely numeric."
#define NAME    "The password is too similar to the username."
#define EMAIL   "The password is too similar to the email address."

static const struct auth_password_policy PLAIN = { .min_length = 8, .too_short = SHORT };

static const struct {
    const char *password, *username, *email;
    const char *problems[AUTH_PASSWORD_PROBLEMS + 1];
} CASES[] = {
    { "testpass123", "testuser", "test@example.com", { 0 } },
    { "password", "x", "", { COMMON } },
    { "  PassWord ", "x", "", { COMMON } },
    { "12345678", "x", "", { COMMON, NUMERIC } },
    { "abc", "x", "", { SHORT, COMMON } },
    { "1", "x", "", { SHORT, COMMON, NUMERIC } },
    { "12345678901234567", "x", "", { NUMERIC } },
    { "٣٣٣٣٣٣٣٣٣٩", "x", "", { NUMERIC } },
    { "u1example", "u1example", "", { NAME } },
    { "U1EXAMPLE", "u1example", "", { NAME } },
    { "johnsmith99", "x", "johnsmith@example.com", { EMAIL } },
    { "example.com", "x", "j@example.com", { EMAIL } },
    { "correct horse", "correct_horse", "", { NAME } },
    { "correct horse battery staple", "horse", "", { 0 } },
    { "ééééééé", "x", "", { SHORT } },
    { "éééééééé", "x", "", { 0 } },
};

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const char *got[AUTH_PASSWORD_PROBLEMS] = { 0 };
        unsigned n = auth_password_problems(&PLAIN, str_of(CASES[i].password),
                                            str_of(CASES[i].username),
                                            str_of(CASES[i].email), got);
        for (unsigned k = 0; k < AUTH_PASSWORD_PROBLEMS; k++) {
            const char *want = CASES[i].problems[k], *have = k < n ? got[k] : NULL;
            if (!want != !have || (want && strcmp(want, have) != 0))
                fail_msg("%s: %s, expected %s", CASES[i].password,
                         have ? have : "nothing", want ? want : "nothing");
        }
    }
}

/* Only the last byte differs: nothing is cut off before it is looked at. */
static void test_long_passwords(void **state)
{
    (void)state;
    const char *problems[AUTH_PASSWORD_PROBLEMS];
    char text[1025];

    memset(text, '7', sizeof(text));
    text[1024] = '\0';
    assert_int_equal(
        auth_password_problems(&PLAIN, str_of(text), STR("u"), STR("u@x.org"), problems),
        1);
    text[1023] = 'x';
    assert_int_equal(
        auth_password_problems(&PLAIN, str_of(text), STR("u"), STR("u@x.org"), problems),
        0);
}

static void test_blocklist(void **state)
{
    (void)state;
    char path[] = "/tmp/quintet-blocklist-XXXXXX";
    const char lines[] = "Zebra crossing\nanother one\r\n\nmiddle of it";
    struct auth_password_policy policy;
    const char *problems[AUTH_PASSWORD_PROBLEMS];
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, lines, sizeof(lines) - 1), sizeof(lines) - 1);
    close(fd);
    bool read = auth_policy_init(&policy, path, 8);
    unlink(path);
    assert_true(read);
    const struct {
        const char *password;
        unsigned n;
    } cases[] = { { "Zebra Crossing", 1 },
                  { "another one", 1 },
                  { "middle of it", 1 },
                  { "nobody's choice", 0 },
                  { "password", 1 } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(auth_password_problems(&policy, str_of(cases[i].password),
                                                STR("x"), STR(""), problems),
                         cases[i].n);
    auth_policy_deinit(&policy);
    assert_false(auth_policy_init(&policy, "/nonexistent/list", 8));
    assert_true(auth_policy_init(&policy, "", 15));
    assert_int_equal(auth_password_problems(&policy, STR("fourteen bytes"), STR("x"),
                                            STR(""), problems),
                     1);
    assert_string_equal(problems[0], "This password is too short. It must contain at "
                                     "least 15 characters.");
    auth_policy_deinit(&policy);
}

static void test_usernames(void **state)
{
    (void)state;
    static const struct {
        const char *in, *kept; /* NULL: refused */
    } cases[] = {
        { "ann", "ann" },
        { "é", "é" },
        { "e\xcc\x81", "é" },
        { "ﬁ", "fi" },
        { "Ａ", "A" },
        { "①", "1" },
        { "中", "中" },
        { "٣", "٣" },
        { "a.b+c-d_e@f", "a.b+c-d_e@f" },
        { "ﷺ", NULL } /* one letter whose normal form has blanks */,
    };
    struct arena a;

    arena_init(&a);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *why = NULL;
        const char *got = auth_username(&a, str_of(cases[i].in), &why);
        if (!cases[i].kept != !got || (got && strcmp(got, cases[i].kept) != 0))
            fail_msg("%s became %s", cases[i].in, got ? got : why);
        assert_true(got || why);
    }
    char grows[76 * 3 + 1]; /* 76 ligatures of two letters */
    for (int i = 0; i < 76; i++)
        memcpy(grows + 3 * i, "ﬁ", 4);
    const char *why = NULL;
    assert_null(auth_username(&a, str_of(grows), &why));
    assert_string_equal(why, "Ensure this field has no more than 150 characters.");
    arena_deinit(&a);
}

static void test_twins_and_addresses(void **state)
{
    (void)state;
    struct arena a;

    arena_init(&a);
    assert_string_equal(auth_fold(&a, STR("Straße")), auth_fold(&a, STR("STRASSE")));
    assert_string_equal(auth_fold(&a, STR("ÉTÉ")), auth_fold(&a, STR("été")));
    assert_string_not_equal(auth_fold(&a, STR("ann")), auth_fold(&a, STR("anna")));
    assert_string_equal(auth_email_key(&a, STR("TEST@Example.COM")), "test@example.com");
    assert_string_equal(auth_email_key(&a, STR("\"A@B\"@Ex.org")), "\"a@b\"@ex.org");
    assert_string_equal(auth_email_key(&a, STR("\"Ann\"@ex.org")), "ann@ex.org");
    assert_string_equal(auth_email_key(&a, STR("a@bücher.example")),
                        auth_email_key(&a, STR("a@XN--BCHER-KVA.example")));
    assert_string_not_equal(auth_email_key(&a, STR("a@straße.example")),
                            auth_email_key(&a, STR("a@strasse.example")));
    assert_string_equal(auth_email_key(&a, STR("")), "");
    arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_long_passwords),
        cmocka_unit_test(test_blocklist),
        cmocka_unit_test(test_usernames),
        cmocka_unit_test(test_twins_and_addresses),
    };

    return cmocka_run_group_tests_name("auth rules", tests, NULL, NULL);
}
