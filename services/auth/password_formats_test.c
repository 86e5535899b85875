/* Hashes as Django 3.2 to 5.1, argon2-cffi and bcrypt make them, at small cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/password_hash.h"
#include "base/mem.h"

static const struct auth_hash_cost CHEAP = { 64 * 1024, 1 };

/* All of "testpass123". */
static const char *const HASHES[] = {
    "pbkdf2_sha256$1000$saltsaltsaltsaltsaltsa$+"
    "pu7YyaiaKtSlwX66h/ddARyiXW3slmk8e5Th/w3/JQ=",
    "pbkdf2_sha1$1000$saltsaltsaltsaltsaltsa$EgP4X4xeUYWA8TBYlmqb1oDBpCs=",
    "bcrypt_sha256$$2b$04$hc3iGvGQtKMcKtNAA7UXzObrrP8d6AKFYrrNHrI0eYSJD4V90Azs6",
    "bcrypt$$2b$04$xjRrbTYo3lD2ln2eCXCmM.fy7G8WQoZP866.3QGh73mZVrJu1zpM6",
    "$2a$04$6orvvZ6vAea4GSSH3JhX9O67KiHnGKaBnckNl1sCkgMRj.CNBnMzm",
    "$2b$04$Soo0iCD0uO43666zTNjik.0JKJBzk20eSzEGQ27ujTD6Ex6qAwC2S",
    "argon2$argon2id$v=19$m=256,t=2,p=8$c2FsdHNhbHRzYWx0c2FsdHNhbHRzYQ$"
    "WBcS6MXDajrAsPM8sTH8wQ",
    "argon2$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdHNhbHRzYQ$"
    "BF1ESA9Md5dzASbgj2Q2Dg",
    "$argon2i$v=19$m=64,t=2,p=4$/Pr6ictxnCrmrJg1fLNgMg$0RQXpZK+x+fR3mw229uOXg",
    "scrypt$1024$saltsaltsaltsaltsaltsa$8$1$"
    "qgXZUO4kbXmDuRM6zTRV6O46jUH+Yvd9m4iaKsJp08tj5EocZfirzX0XPtcpoA32FvAefgoDveuMGS3+"
    "eeg0fA==",
    "scrypt$64$saltsaltsaltsaltsaltsa$8$5$p8Hi/"
    "5zEubb1SGItMVCG1A9FRR1OJkAF25rrJN5wOn6JXFjT"
    "ETQy9wfBdBdbrmcuMdlr3g9+8Xd3LqTp0IXDrA==",
};

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(HASHES); i++) {
        if (!auth_password_usable(HASHES[i]) ||
            !auth_password_matches(STR("testpass123"), HASHES[i]))
            fail_msg("%s does not match", HASHES[i]);
        assert_false(auth_password_matches(STR("testpass124"), HASHES[i]));
        assert_false(auth_password_matches(STR(""), HASHES[i]));
        assert_true(auth_password_outdated(&CHEAP, HASHES[i]));
    }
}

/* One character changed anywhere, or the end cut off: no match, and no harm. */
static void test_damaged(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(HASHES); i++) {
        size_t n = strlen(HASHES[i]);
        for (size_t cut = 0; cut < n; cut += 3) {
            AUTO_FREE char *text = xstrndup(HASHES[i], cut);
            assert_false(auth_password_matches(STR("testpass123"), text));
        }
        AUTO_FREE char *text = xstrdup(HASHES[i]);
        text[n - 10] = text[n - 10] == 'x' ? 'y' : 'x';
        assert_false(auth_password_matches(STR("testpass123"), text));
    }
}

/* bcrypt alone never looked beyond byte 72; behind SHA-256 every byte counts. */
static void test_long_passwords(void **state)
{
    static const char LONG[] =
        "bcrypt_sha256$$2b$04$FYjmley3B7hKGdgCyplgd.Z2AVbGgGR5FIn7SZ9ZTWzPMbQPyrFX.";
    char password[102];

    (void)state;
    memset(password, 'x', 100);
    memcpy(password + 100, "1", 2);
    assert_true(auth_password_matches(str_of(password), LONG));
    password[100] = '2';
    assert_false(auth_password_matches(str_of(password), LONG));
}

static void test_what_matches_nothing(void **state)
{
    static const char *const hashes[] = {
        "",
        "!",
        "!Jz2tFoZfvdjd81OpX2MugBVpZ1o9KIpbMANIBoSi",
        "plain",
        "$argon2id$",
        "$argon2id$v=19$m=64,t=1,p=1$",
        "argon2$argon2d$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$BF1ESA9Md5dzASbgj2Q2Dg",
        "pbkdf2_sha256",
        "pbkdf2_sha256$",
        "pbkdf2_sha256$x$y$z",
        "pbkdf2_sha256$0$s$",
        "pbkdf2_sha256$1$s",
        "bcrypt$",
        "bcrypt$$2b$04$short",
        "$2b$",
        "$2x$04$Soo0iCD0uO43666zTNjik.0JKJBzk20eSzEGQ27ujTD6Ex6qAwC2S",
        "scrypt$0$s$8$1$",
        "scrypt$1000$s$8$1$not a power of two",
        "md5$salt$hash",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
        assert_false(auth_password_matches(STR("plain"), hashes[i]));
    assert_false(auth_password_usable("!Jz2tFoZfvdjd81OpX2MugBVpZ1o9KIpbMANIBoSi"));
    assert_false(auth_password_usable("plain"));
}

/* What would cost minutes or gigabytes is refused before it is begun. */
static void test_absurd_costs(void **state)
{
    static const char *const hashes[] = {
        "pbkdf2_sha256$99999999999$s$aGFzaA==",
        "pbkdf2_sha1$5000001$s$aGFzaA==",
        "bcrypt$$2b$15$xjRrbTYo3lD2ln2eCXCmM.fy7G8WQoZP866.3QGh73mZVrJu1zpM6",
        "$2b$31$Soo0iCD0uO43666zTNjik.0JKJBzk20eSzEGQ27ujTD6Ex6qAwC2S",
        "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHRzYWx0$BF1ESA9Md5dzASbgj2Q2Dg",
        "$argon2id$v=19$m=64,t=4000000000,p=1$c2FsdHNhbHRzYWx0$BF1ESA9Md5dzASbgj2Q2Dg",
        "$argon2id$v=19$m=262144,t=9,p=1$c2FsdHNhbHRzYWx0$BF1ESA9Md5dzASbgj2Q2Dg",
        "scrypt$1048576$s$64$1$",
        "scrypt$2097152$s$1$1$",
        "scrypt$16384$s$8$1000000$",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
        assert_false(auth_password_matches(STR("plain"), hashes[i]));
}

static void test_own(void **state)
{
    static const struct auth_hash_cost dearer = { 128 * 1024, 2 };
    char hash[AUTH_HASH_SIZE];

    (void)state;
    assert_true(auth_password_hash(&CHEAP, STR("secret text"), hash));
    assert_true(auth_password_usable(hash));
    assert_true(auth_password_matches(STR("secret text"), hash));
    assert_false(auth_password_outdated(&CHEAP, hash));
    assert_true(auth_password_outdated(&dearer, hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_long_passwords),
        cmocka_unit_test(test_what_matches_nothing),
        cmocka_unit_test(test_absurd_costs),
        cmocka_unit_test(test_own),
    };

    return cmocka_run_group_tests_name("password formats", tests, NULL, NULL);
}
