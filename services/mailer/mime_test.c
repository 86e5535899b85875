#include "mailer/mime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"

static const struct header_case {
    const char *what, *in, *out;
} HEADERS[] = {
    { "ASCII as it is", "Welcome!", "S: Welcome!\r\n" },
    { "a line end becomes a blank", "a\r\nBcc: x", "S: a  Bcc: x\r\n" },
    { "other controls too", "a\x01\x7f\tb", "S: a   b\r\n" },
    { "outer blanks go", "  a \n", "S: a\r\n" },
    { "UTF-8 is encoded",
      "Gr\xc3\xbc\xc3\x9f"
      "e",
      "S: =?utf-8?B?R3LDvMOfZQ==?=\r\n" },
    { "what looks encoded is encoded",
      "=?utf-8?B?YQ==?=", "S: =?utf-8?B?PT91dGYtOD9CP1lRPT0/PQ==?=\r\n" },
    { "a long one is folded between characters",
      "0123456789012345678901234567890123456789abcd\xc3\xbc"
      "0123456789012345",
      "S: =?utf-8?B?MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OWFiY2Q=?=\r\n"
      " =?utf-8?B?w7wwMTIzNDU2Nzg5MDEyMzQ1?=\r\n" },
    { "empty", "", "S: \r\n" },
};

static void test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(HEADERS); i++) {
        const struct header_case *c = &HEADERS[i];
        struct buf out AUTO_BUF;
        buf_init(&out, 4096);
        mime_header(&out, "S", str_of(c->in));
        if (!str_eq(buf_get(&out), str_of(c->out)))
            fail_msg("%s: [%.*s]", c->what, STR_ARG(buf_get(&out)));
    }
}

static void test_long_headers_keep_to_short_lines(void **state)
{
    (void)state;
    for (size_t n = 0; n < 900; n += 7) {
        char text[901];
        struct buf out AUTO_BUF;
        buf_init(&out, 8192);
        memset(text, 'x', n);
        text[n] = '\0';
        mime_header(&out, "Subject", str_of(text));
        struct str rest = buf_get(&out);
        while (rest.n > 0)
            assert_true(str_cut(&rest, '\n').n <= 90);
    }
}

static const struct qp_case {
    const char *what, *in, *out;
} QP[] = {
    { "plain", "abc\n", "abc\r\n" },
    { "equals sign", "a=b", "a=3Db\r\n" },
    { "UTF-8", "\xc3\xbc", "=C3=BC\r\n" },
    { "blank at the end of a line", "a \nb\t\n", "a=20\r\nb=09\r\n" },
    { "all line ends", "a\r\nb\nc\rd", "a\r\nb\r\nc\r\nd\r\n" },
    { "control characters",
      "a\x01"
      "b\x7f",
      "a=01b=7F\r\n" },
    { "empty lines", "\n\n", "\r\n\r\n" },
    { "exactly 76",
      "0123456789012345678901234567890123456789012345678901234567890123456789012345",
      "0123456789012345678901234567890123456789012345678901234567890123456789012345\r"
      "\n" },
    { "77 is broken",
      "01234567890123456789012345678901234567890123456789012345678901234567890123456",
      "012345678901234567890123456789012345678901234567890123456789012345678901234=\r\n"
      "56\r\n" },
};

static void test_quoted_printable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(QP); i++) {
        struct buf out AUTO_BUF;
        buf_init(&out, 4096);
        mime_quoted_printable(&out, str_of(QP[i].in));
        if (!str_eq(buf_get(&out), str_of(QP[i].out)))
            fail_msg("%s: [%.*s]", QP[i].what, STR_ARG(buf_get(&out)));
    }
}

static void test_quoted_printable_lines(void **state)
{
    (void)state;
    for (size_t n = 1; n < 400; n++) {
        char text[400];
        struct buf out AUTO_BUF;
        buf_init(&out, 8192);
        for (size_t i = 0; i < n; i++)
            text[i] = (char)(i % 3 ? 'a' + (char)(n % 26) : '=');
        mime_quoted_printable(&out, (struct str){ text, n });
        struct str rest = buf_get(&out);
        while (rest.n > 0)
            assert_true(str_cut(&rest, '\n').n <= 77); /* with CR */
    }
}

static struct mime_mail sample(void)
{
    return (struct mime_mail){
        .from_name = STR("Quintet"),
        .from_address = STR("no-reply@example.com"),
        .to_address = STR("a@example.net"),
        .subject = STR("Hi"),
        .text = STR("one\n.two\n"),
        .html = STR("<p>gr\xc3\xbc\xc3\x9f</p>\n"),
        .message_id = STR("id@example.com"),
        .boundary = STR("b-1"),
        .date_us = INT64_C(1795342377161784),
    };
}

static void test_whole_mail(void **state)
{
    (void)state;
    static const char WANT[] = "Date: Sun, 22 Nov 2026 10:12:57 +0000\r\n"
                               "From: Quintet <no-reply@example.com>\r\n"
                               "To: <a@example.net>\r\n"
                               "Subject: Hi\r\n"
                               "Message-ID: <id@example.com>\r\n"
                               "Auto-Submitted: auto-generated\r\n"
                               "MIME-Version: 1.0\r\n"
                               "Content-Type: multipart/alternative;\r\n"
                               " boundary=\"=_b-1\"\r\n"
                               "\r\n"
                               "--=_b-1\r\n"
                               "Content-Type: text/plain; charset=utf-8\r\n"
                               "Content-Transfer-Encoding: 7bit\r\n"
                               "\r\n"
                               "one\r\n"
                               ".two\r\n"
                               "\r\n"
                               "--=_b-1\r\n"
                               "Content-Type: text/html; charset=utf-8\r\n"
                               "Content-Transfer-Encoding: quoted-printable\r\n"
                               "\r\n"
                               "<p>gr=C3=BC=C3=9F</p>\r\n"
                               "\r\n"
                               "--=_b-1--\r\n";
    struct mime_mail m = sample();
    struct buf once AUTO_BUF, twice AUTO_BUF;
    buf_init(&once, 4096);
    buf_init(&twice, 4096);
    mime_write(&m, &once);
    mime_write(&m, &twice);
    assert_string_equal(once.p, WANT);
    assert_string_equal(once.p, twice.p);
}

static void test_sender_names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *line;
    } FROM[] = {
        { "", "From: <no-reply@example.com>\r\n" },
        { "The Quintet Team", "From: The Quintet Team <no-reply@example.com>\r\n" },
        { "a\" <evil@x>, b", "From: =?utf-8?B?YSIgPGV2aWxAeD4sIGI=?=\r\n "
                             "<no-reply@example.com>\r\n" },
        { "x\r\nBcc: y",
          "From: =?utf-8?B?eA0KQmNjOiB5?=\r\n <no-reply@example.com>\r\n" },
    };
    for (size_t i = 0; i < ARRAY_LEN(FROM); i++) {
        struct mime_mail m = sample();
        struct buf out AUTO_BUF;
        buf_init(&out, 4096);
        m.from_name = str_of(FROM[i].name);
        mime_write(&m, &out);
        assert_non_null(strstr(out.p, FROM[i].line));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_long_headers_keep_to_short_lines),
        cmocka_unit_test(test_quoted_printable),
        cmocka_unit_test(test_quoted_printable_lines),
        cmocka_unit_test(test_whole_mail),
        cmocka_unit_test(test_sender_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
