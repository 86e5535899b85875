#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"

static void test_memory_is_zeroed_and_aligned(void **state)
{
    static const size_t sizes[] = { 0, 1, 3, 16, 17, 2048, 2049, 100000, 1 };
    struct arena a;
    (void)state;
    arena_init(&a);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            char *p = arena_alloc(&a, sizes[i]);
            assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < sizes[i]; k++)
                assert_int_equal(p[k], 0);
            memset(p, 0xff, sizes[i]); /* a later neighbour must not see it */
        }
    }
    arena_deinit(&a);
    arena_deinit(&a);
    assert_non_null(arena_alloc(&a, 5)); /* usable again */
    arena_deinit(&a);
}

static void test_pieces_do_not_overlap(void **state)
{
    enum { PIECES = 500 };
    char *pieces[PIECES];
    struct arena a;
    (void)state;
    arena_init(&a);
    for (int i = 0; i < PIECES; i++) {
        pieces[i] = arena_alloc(&a, 37);
        memset(pieces[i], i % 251, 37);
    }
    for (int i = 0; i < PIECES; i++)
        for (int k = 0; k < 37; k++)
            assert_int_equal((unsigned char)pieces[i][k], i % 251);
    arena_deinit(&a);
}

static void test_texts(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a);
    assert_string_equal(arena_str(&a, (struct str){ "abcdef", 3 }), "abc");
    assert_string_equal(arena_str(&a, (struct str){ NULL, 0 }), "");
    struct str copy = arena_dup(&a, (struct str){ "a\0b", 3 });
    assert_int_equal(copy.n, 3);
    assert_memory_equal(copy.p, "a\0b", 4);
    assert_string_equal(arena_printf(&a, "%s-%d", "x", 7), "x-7");
    char *large = arena_printf(&a, "%05000d", 1);
    assert_int_equal(strlen(large), 5000);
    arena_deinit(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_is_zeroed_and_aligned),
        cmocka_unit_test(test_pieces_do_not_overlap),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
