#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/secret.h"

static char *write_file(const char *content, size_t n, mode_t mode)
{
    char *path = xstrdup("/tmp/quintet-secret-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, n), n);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    return path;
}

static void test_life(void **state)
{
    char mine[] = "top\0secret";
    (void)state;
    struct secret *s = secret_new((struct str){ mine, 10 });
    memset(mine, 'x', sizeof mine);
    assert_int_equal(secret_expose(s).n, 10);
    assert_memory_equal(secret_expose(s).p, "top\0secret", 11);
    secret_free(&s);
    assert_null(s);
    secret_free(&s);
    assert_int_equal(secret_expose(NULL).n, 0);
    assert_string_equal(secret_expose(NULL).p, "");
}

static void test_good_files(void **state)
{
    static const struct {
        struct str content;
        const char *secret;
    } cases[] = {
        { { "abc", 3 }, "abc" },     { { "abc\n", 4 }, "abc" },
        { { "abc\r\n", 5 }, "abc" }, { { "abc\n\n", 5 }, "abc\n" },
        { { " abc ", 5 }, " abc " },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *why = NULL;
        AUTO_FREE char *path = write_file(cases[i].content.p, cases[i].content.n, 0600);
        struct secret *s = secret_read(path, &why);
        unlink(path);
        assert_non_null(s);
        assert_string_equal(secret_expose(s).p, cases[i].secret);
        secret_free(&s);
    }
}

static void test_refused_files(void **state)
{
    const char *why = NULL;
    AUTO_FREE char *large = xcalloc(1, 65537);
    (void)state;
    memset(large, 'a', 65537);
    const struct {
        const char *content;
        size_t n;
        mode_t mode;
    } cases[] = {
        { "", 0, 0600 },
        { "\n", 1, 0600 },
        { large, 65537, 0600 },
        { "abc", 3, 0604 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE char *path = write_file(cases[i].content, cases[i].n, cases[i].mode);
        why = NULL;
        struct secret *s = secret_read(path, &why);
        unlink(path);
        print_message("%s\n", why ? why : "accepted");
        assert_null(s);
        assert_non_null(why);
    }
    assert_null(secret_read("/nowhere/at/all", &why));
    assert_null(secret_read("/tmp", &why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_good_files),
        cmocka_unit_test(test_refused_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
