#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"

/* The vectors of the algorithm's authors (test_fnv.c). */
static void published_vectors(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        uint64_t out;
    } cases[] = {
        { STR(""), UINT64_C(0xcbf29ce484222325) },
        { STR("a"), UINT64_C(0xaf63dc4c8601ec8c) },
        { STR("foobar"), UINT64_C(0x85944171f73967e8) },
        { STR("foobar\0"), UINT64_C(0x34531ca7168b8f38) },
        { STR("chongo was here!\n"), UINT64_C(0x46810940eff5f915) },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(hash_fnv1a(HASH_START, cases[i].in.p, cases[i].in.n) == cases[i].out);
}

/* A char may be signed, the hash's bytes are not. */
static void high_bytes(void **state)
{
    (void)state;
    assert_true(hash_fnv1a(HASH_START, "\xff\x00\x00\x01", 4) ==
                UINT64_C(0x6961196491cc682d));
}

static void goes_on(void **state)
{
    (void)state;
    uint64_t foo = hash_fnv1a(HASH_START, "foo", 3);
    assert_true(hash_fnv1a(foo, "bar", 3) == hash_fnv1a(HASH_START, "foobar", 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(high_bytes),
        cmocka_unit_test(goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
