#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "svc/log.h"

static int stderr_copy;
static char path[] = "/tmp/log-test-XXXXXX";

/* The lines of the file since the last call, at most one here. */
static char *line(void)
{
    static char text[16384];
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = '\0';
    assert_int_equal(ftruncate(fd, 0), 0);
    close(fd);
    return text;
}

static int start(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    close(fd);
    /* Lines go to stderr as well; the test looks at the file only. */
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    stderr_copy = dup(STDERR_FILENO);
    dup2(null, STDERR_FILENO);
    close(null);
    return log_open("test", "test-1", LOG_FORMAT_JSON, path) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    dup2(stderr_copy, STDERR_FILENO);
    close(stderr_copy);
    return unlink(path);
}

static void a_line_is_one_json_object_with_all_fields(void **state)
{
    (void)state;
    static const uint8_t id[16] = { 1, 2, 0xff };
    log_info("area", "happened", F_STR("who", "a\"b\n"), F_INT("n", -5), F_BOOL("ok", 1),
             F_ID("request_id", id));
    json_t *o = json_loads(line(), 0, NULL);
    assert_non_null(o);
    const char *service, *instance, *level, *area, *msg, *who, *rid;
    json_int_t n;
    assert_int_equal(json_unpack(o, "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I}", "service",
                                 &service, "instance", &instance, "level", &level, "area",
                                 &area, "msg", &msg, "who", &who, "request_id", &rid, "n",
                                 &n),
                     0);
    assert_string_equal(service, "test");
    assert_string_equal(instance, "test-1");
    assert_string_equal(level, "info");
    assert_string_equal(msg, "happened");
    assert_string_equal(who, "a\"b\n");
    assert_string_equal(rid, "0102ff00000000000000000000000000");
    assert_int_equal(n, -5);
    json_decref(o);
}

static void the_areas_of_a_program_are_known(void **state)
{
    (void)state;
    AUTO_BUF struct buf areas = { .max = 1024 };
    struct str unknown = log_unknown_area("info, area=debug,nobody=warn,db=info");
    assert_true(str_eq(unknown, STR("nobody")));
    assert_null(log_unknown_area("info,area=debug").p);
    assert_null(log_unknown_area("loud,=debug").p);
    log_areas(&areas);
    struct str text = buf_get(&areas);
    assert_non_null(memmem(text.p, text.n, "area, ", 6));
    assert_null(memmem(text.p, text.n, "area, area", 10));
}

static void levels_are_chosen_by_area(void **state)
{
    (void)state;
    assert_true(log_levels("WARNING,db=debug"));
    log_info("http", "quiet", F_INT("n", 1));
    assert_string_equal(line(), "");
    log_debug("db", "loud", F_INT("n", 1));
    assert_non_null(strstr(line(), "loud"));
    assert_false(log_levels("info,db=shout"));
    assert_false(log_levels("loud"));
    assert_true(log_levels("info"));
}

static void a_line_too_long_keeps_its_event(void **state)
{
    (void)state;
    char *big = malloc(20001);
    memset(big, 'x', 20000);
    big[20000] = '\0';
    log_warn("area", "big", F_STR("text", big));
    free(big);
    json_t *o = json_loads(line(), 0, NULL);
    assert_non_null(o);
    assert_true(json_is_true(json_object_get(o, "truncated")));
    json_decref(o);
}

static void the_file_is_opened_again_after_rotation(void **state)
{
    (void)state;
    char moved[64];
    snprintf(moved, sizeof moved, "%s.1", path);
    assert_int_equal(rename(path, moved), 0);
    log_info("area", "old", F_INT("n", 1));
    assert_int_not_equal(access(path, F_OK), 0);
    log_reopen();
    log_info("area", "new", F_INT("n", 1));
    assert_non_null(strstr(line(), "\"new\""));
    unlink(moved);
}

/* The lowest descriptor that is the file of this name; -1: none. */
static int descriptor_of(const char *name)
{
    struct stat want, st;
    assert_int_equal(stat(name, &want), 0);
    for (int fd = STDERR_FILENO + 1; fd < 64; fd++)
        if (fstat(fd, &st) == 0 && st.st_dev == want.st_dev && st.st_ino == want.st_ino)
            return fd;
    return -1;
}

/* Threads that have read the number and are about to write: it must not be closed under
 * them, nor become a connection's. */
static void the_descriptor_keeps_its_number(void **state)
{
    (void)state;
    char moved[64];
    int before = descriptor_of(path);
    assert_true(before > STDERR_FILENO);
    snprintf(moved, sizeof moved, "%s.1", path);
    assert_int_equal(rename(path, moved), 0);
    log_reopen();
    assert_int_equal(descriptor_of(path), before);
    assert_int_equal(descriptor_of(moved), -1);
    unlink(moved);
}

static size_t size_of(const char *name)
{
    struct stat st;
    return stat(name, &st) == 0 ? (size_t)st.st_size : 0;
}

static unsigned times(const char *name, const char *word)
{
    char text[8192] = "";
    FILE *f = fopen(name, "r");
    unsigned n = 0;
    if (!f)
        return 0;
    if (fread(text, 1, sizeof text - 1, f) > 0)
        for (const char *p = text; (p = strstr(p, word)); p++)
            n++;
    fclose(f);
    return n;
}

static void what_cannot_be_opened_leaves_the_log_where_it_is(void **state)
{
    (void)state;
    char moved[64];
    snprintf(moved, sizeof moved, "%s.1", path);
    assert_int_equal(rename(path, moved), 0);
    assert_int_equal(mkdir(path, 0700), 0); /* a file of that name cannot be made now */
    log_reopen();
    log_info("area", "still-here", F_INT("n", 1));
    assert_int_equal(times(moved, "still-here"), 1);
    assert_int_equal(rmdir(path), 0);
    log_reopen();
    unlink(moved);
}

/* As `make run` starts daemons: stderr and LOG_FILE are one file. */
static void a_stderr_that_is_the_file_gets_each_line_once_and_moves_along(void **state)
{
    (void)state;
    char both[] = "/tmp/log_test_both_XXXXXX", moved[sizeof both + 2];
    int saved = dup(STDERR_FILENO), fd = mkstemp(both);
    assert_true(fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
    close(fd);
    snprintf(moved, sizeof moved, "%s.1", both);
    bool opened = log_open("test", NULL, LOG_FORMAT_JSON, both);
    log_info("area", "first-line", F_INT("n", 1));
    unsigned first = times(both, "first-line");
    int renamed = rename(both, moved);
    log_reopen();
    log_info("area", "second-line", F_INT("n", 1));
    dprintf(STDERR_FILENO, "last words\n");
    unsigned second = times(both, "second-line"), last = times(both, "last words");
    unsigned old = times(moved, "second-line") + times(moved, "last words");
    log_open("test", "test-1", LOG_FORMAT_JSON, path);
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_true(opened);
    assert_int_equal(renamed, 0);
    assert_int_equal(first, 1);
    assert_int_equal(second, 1);
    assert_int_equal(last, 1);
    assert_int_equal(old, 0);
    assert_true(size_of(moved) > 0);
    unlink(both);
    unlink(moved);
}

static void gathered_lines_wait_for_the_flush_or_a_warning(void **state)
{
    (void)state;
    assert_true(log_levels("info"));
    log_gather();
    log_info("area", "first");
    assert_string_equal(line(), "");
    log_flush();
    assert_non_null(strstr(line(), "first"));
    log_info("area", "second");
    log_warn("area", "third");
    const char *both = line();
    assert_true(strstr(both, "second") < strstr(both, "third"));
    log_flush();
    assert_string_equal(line(), "");
}

static unsigned count_lines(void)
{
    unsigned n = 0;
    char text[1024];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (ssize_t got; (got = read(fd, text, sizeof text)) > 0;)
        for (ssize_t i = 0; i < got; i++)
            n += text[i] == '\n';
    close(fd);
    return n;
}

static void gathered_lines_are_written_when_there_is_no_room_for_more(void **state)
{
    (void)state;
    enum { LINES = 40 };
    char word[1001];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    (void)line();
    for (int i = 0; i < LINES; i++)
        log_info("area", "long", F_STR("word", word));
    unsigned early = count_lines();
    assert_true(early > 0 && early < LINES);
    log_flush();
    assert_int_equal(count_lines(), LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_one_json_object_with_all_fields),
        cmocka_unit_test(the_areas_of_a_program_are_known),
        cmocka_unit_test(levels_are_chosen_by_area),
        cmocka_unit_test(a_line_too_long_keeps_its_event),
        cmocka_unit_test(the_file_is_opened_again_after_rotation),
        cmocka_unit_test(the_descriptor_keeps_its_number),
        cmocka_unit_test(what_cannot_be_opened_leaves_the_log_where_it_is),
        cmocka_unit_test(a_stderr_that_is_the_file_gets_each_line_once_and_moves_along),
        cmocka_unit_test(
            gathered_lines_wait_for_the_flush_or_a_warning), /* from here on */
        cmocka_unit_test(gathered_lines_are_written_when_there_is_no_room_for_more),
    };
    return cmocka_run_group_tests(tests, start, end);
}
