#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "svc/options.h"

struct config {
    const char *listen;
    int64_t limit;
    bool on;
    int mode;
    struct secret *password;
};

#define AT(f) offsetof(struct config, f)
static const struct option_row ROWS[] = {
    { .name = "@_LISTEN",
      .kind = OPT_STR,
      .offset = AT(listen),
      .def = "127.0.0.1:1",
      .alias = "OLD_LISTEN",
      .help = "where" },
    { .name = "TEST_LIMIT",
      .kind = OPT_INT,
      .offset = AT(limit),
      .def = "5",
      .min = 1,
      .max = 10,
      .help = "how many" },
    { .name = "TEST_ON",
      .kind = OPT_BOOL,
      .offset = AT(on),
      .def = "false",
      .help = "on" },
    { .name = "TEST_MODE",
      .kind = OPT_ENUM,
      .offset = AT(mode),
      .def = "slow",
      .choices = "slow|fast",
      .help = "mode" },
    { .name = "TEST_PASSWORD", .kind = OPT_SECRET, .offset = AT(password), .help = "pw" },
    { 0 },
};

static struct config cfg;
static const struct option_table TABLE = { "test", ROWS, &cfg };
static char said[4096];

static void clear(void)
{
    static const char *const names[] = { "TEST_LISTEN",       "OLD_LISTEN",
                                         "TEST_LIMIT",        "TEST_ON",
                                         "TEST_MODE",         "TEST_PASSWORD",
                                         "TEST_PASSWORD_FILE" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unsetenv(names[i]);
    secret_free(&cfg.password);
    cfg = (struct config){ 0 };
}

static int load(void)
{
    FILE *err = fmemopen(said, sizeof said, "w");
    int mistakes = options_load(&TABLE, 1, err);
    fclose(err);
    return mistakes;
}

static void defaults_then_alias_then_variable(void **state)
{
    (void)state;
    clear();
    assert_int_equal(load(), 0);
    assert_string_equal(cfg.listen, "127.0.0.1:1");
    assert_int_equal(cfg.limit, 5);
    setenv("OLD_LISTEN", "old", 1);
    assert_int_equal(load(), 0);
    assert_string_equal(cfg.listen, "old");
    setenv("TEST_LISTEN", "new", 1);
    assert_int_equal(load(), 0);
    assert_string_equal(cfg.listen, "new");
}

static void an_empty_variable_is_an_unset_one(void **state)
{
    (void)state;
    clear();
    setenv("TEST_LIMIT", "", 1);
    assert_int_equal(load(), 0);
    assert_int_equal(cfg.limit, 5);
}

static void bad_values_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *text;
    } cases[] = {
        { "TEST_LIMIT", "0", "TEST_LIMIT must be a whole number from 1 to 10." },
        { "TEST_LIMIT", "11", "TEST_LIMIT must be a whole number from 1 to 10." },
        { "TEST_LIMIT", "5x", "TEST_LIMIT must be a whole number from 1 to 10." },
        { "TEST_ON", "maybe", "TEST_ON must be true or false." },
        { "TEST_MODE", "warp", "TEST_MODE must be one of slow|fast." },
        { "TEST_PASSWORD_FILE", "/nowhere/at/all", "which does not exist" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        clear();
        setenv(cases[i].name, cases[i].value, 1);
        assert_int_equal(load(), 1);
        assert_non_null(strstr(said, cases[i].text));
    }
}

static void words_of_any_case(void **state)
{
    (void)state;
    clear();
    setenv("TEST_ON", "True", 1);
    setenv("TEST_MODE", "FAST", 1);
    assert_int_equal(load(), 0);
    assert_true(cfg.on);
    assert_int_equal(cfg.mode, 1);
}

static void a_secret_comes_from_its_file_and_is_never_printed(void **state)
{
    (void)state;
    char path[] = "/tmp/options-test-XXXXXX", shown[4096];
    clear();
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "hush\n", 5), 5);
    close(fd);
    setenv("TEST_PASSWORD_FILE", path, 1);
    assert_int_equal(load(), 0);
    assert_true(str_eq(secret_expose(cfg.password), STR("hush")));
    FILE *out = fmemopen(shown, sizeof shown, "w");
    options_print(&TABLE, 1, out);
    fclose(out);
    assert_non_null(strstr(shown, "TEST_PASSWORD=(set)"));
    assert_null(strstr(shown, "hush"));
    setenv("TEST_PASSWORD", "other", 1);
    assert_int_equal(load(), 1);
    assert_non_null(strstr(said, "both set"));
    unlink(path);
}

static void flags_win_and_leave_the_rest(void **state)
{
    (void)state;
    char a0[] = "test", a1[] = "--listen", a2[] = "x:1", a3[] = "verb",
         a4[] = "--test-limit=7", a5[] = "--other";
    char *argv[] = { a0, a1, a2, a3, a4, a5, NULL };
    int argc = 6;
    clear();
    char *flag = options_flag_name("test", "TEST_LIMIT");
    assert_string_equal(flag, "limit");
    free(flag);
    memcpy(a4, "--limit=7\0", 10);
    FILE *err = fmemopen(said, sizeof said, "w");
    assert_int_equal(options_flags(&TABLE, 1, &argc, argv, err), 0);
    fclose(err);
    assert_int_equal(argc, 3);
    assert_string_equal(argv[1], "verb");
    assert_string_equal(argv[2], "--other");
    setenv("TEST_LIMIT", "3", 1);
    assert_int_equal(load(), 0);
    assert_int_equal(cfg.limit, 7);
    assert_string_equal(cfg.listen, "x:1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_then_alias_then_variable),
        cmocka_unit_test(an_empty_variable_is_an_unset_one),
        cmocka_unit_test(bad_values_are_named),
        cmocka_unit_test(words_of_any_case),
        cmocka_unit_test(a_secret_comes_from_its_file_and_is_never_printed),
        cmocka_unit_test(flags_win_and_leave_the_rest), /* last: flags stay */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
