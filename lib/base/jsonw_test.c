#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/jsonw.h"

static void test_document(void **state)
{
    AUTO_BUF struct buf b = { .max = 1000 };
    struct jsonw w;
    (void)state;
    jw_begin(&w, &b);
    jw_object(&w);
    jw_kint(&w, "i", -5);
    jw_kstr(&w, "s", (struct str){ "a\0b", 3 });
    jw_kcstr(&w, "c", "x");
    jw_kcstr(&w, "n", NULL);
    jw_kbool(&w, "b", true);
    jw_knull(&w, "z");
    jw_kraw(&w, "r", STR("12.50"));
    jw_key(&w, "l");
    jw_array(&w);
    jw_int(&w, INT64_MIN);
    jw_array(&w);
    jw_array_end(&w);
    jw_object(&w);
    jw_object_end(&w);
    jw_bool(&w, false);
    jw_array_end(&w);
    jw_key(&w, "\"");
    jw_str(&w, STR(""));
    jw_object_end(&w);
    jw_end(&w);
    assert_string_equal(b.p, "{\"i\":-5,\"s\":\"a\\u0000b\",\"c\":\"x\",\"n\":null,"
                             "\"b\":true,\"z\":null,\"r\":12.50,"
                             "\"l\":[-9223372036854775808,[],{},false],\"\\\"\":\"\"}");
}

static void test_escapes(void **state)
{
    static const struct {
        struct str in;
        const char *out;
    } cases[] = {
        { { "", 0 }, "" },
        { { "plain", 5 }, "plain" },
        { { "\"\\/", 3 }, "\\\"\\\\/" },
        { { "\b\t\n\f\r", 5 }, "\\b\\t\\n\\f\\r" },
        { { "\x01\x1f\x7f", 3 }, "\\u0001\\u001f\x7f" },
        { { "\0", 1 }, "\\u0000" },
        { { "\xc3\xa9\xf0\x9f\x98\x80", 6 }, "\xc3\xa9\xf0\x9f\x98\x80" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_BUF struct buf b = { .max = 100 };
        json_escape(&b, cases[i].in);
        assert_string_equal(buf_get(&b).p, cases[i].out);
    }
}

static void test_doubles(void **state)
{
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { 1.5, "1.5" },
        { 100, "100" },
        { -2.25, "-2.25" },
        { 0.1234567, "0.123457" },
        { 1e9, "1000000000" },
        { NAN, "null" },
        { INFINITY, "null" },
        { -INFINITY, "null" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_BUF struct buf b = { .max = 100 };
        struct jsonw w;
        jw_begin(&w, &b);
        jw_double(&w, cases[i].v);
        jw_end(&w);
        assert_string_equal(b.p, cases[i].text);
    }
}

static void key_in_array(struct jsonw *w)
{
    jw_array(w);
    jw_key(w, "k");
}

static void key_at_top(struct jsonw *w)
{
    jw_key(w, "k");
}

static void close_wrong_kind(struct jsonw *w)
{
    jw_array(w);
    jw_object_end(w);
}

static void close_too_often(struct jsonw *w)
{
    jw_array_end(w);
}

static void left_open(struct jsonw *w)
{
    jw_object(w);
    jw_end(w);
}

static void too_deep(struct jsonw *w)
{
    for (int i = 0; i <= JSONW_DEPTH; i++)
        jw_array(w);
}

/* Misuse is our bug: it ends the process, here a child. */
static void test_misuse_aborts(void **state)
{
    static void (*const cases[])(struct jsonw *) = {
        key_in_array, key_at_top, close_wrong_kind, close_too_often, left_open, too_deep,
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        pid_t child = fork();
        if (child == 0) {
            struct buf b = { .max = 1000 };
            struct jsonw w;
            signal(SIGABRT, SIG_DFL);
            fclose(stderr);
            jw_begin(&w, &b);
            cases[i](&w);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

/* Byte by byte, as the standard says (RFC 8259, section 7). */
static void escape_slowly(struct buf *out, struct str s)
{
    static const char PAIRS[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    for (size_t i = 0; i < s.n; i++) {
        const char *pair = PAIRS;
        while (*pair && *pair != s.p[i])
            pair += 2;
        if (s.p[i] && *pair)
            buf_printf(out, "\\%c", pair[1]);
        else if ((unsigned char)s.p[i] < 0x20)
            buf_printf(out, "\\u%04x", s.p[i]);
        else
            buf_char(out, s.p[i]);
    }
}

static void test_every_byte_at_every_place_is_escaped_alike(void **state)
{
    (void)state;
    char text[20];
    for (int byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < sizeof text; at++) {
            AUTO_BUF struct buf fast, slow;
            struct str s = { text, sizeof text };
            memset(text, 0xe9, sizeof text);
            text[at] = (char)byte;
            buf_init(&fast, 1000);
            buf_init(&slow, 1000);
            json_escape(&fast, s);
            escape_slowly(&slow, s);
            assert_string_equal(fast.p, slow.p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_misuse_aborts),
        cmocka_unit_test(test_every_byte_at_every_place_is_escaped_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
