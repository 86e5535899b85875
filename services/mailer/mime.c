#include "mailer/mime.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/utf8.h"

enum {
    QP_LINE_MAX = 76,
    PLAIN_LINE_MAX = 900, /* RFC 5322 allows 998; some relays add to a line */
    PLAIN_HEADER_MAX = 60,
    WORD_BYTES_MAX = 45, /* 45 bytes are 60 of base64: a word of 75 with its frame */
};

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

/* --- headers ----------------------------------------------------------------------- */

static bool is_plain_header(struct str s)
{
    if (s.n > PLAIN_HEADER_MAX || memmem(s.p, s.n, "=?", 2))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x7f)
            return false;
    return true;
}

/* How many bytes of s fit one encoded word without cutting a character (RFC 2047 5). */
static size_t word_length(struct str s)
{
    size_t n = 0, step;
    while (n < s.n) {
        if (utf8_next((struct str){ s.p + n, s.n - n }, &step) < 0)
            step = 1;
        if (n + step > WORD_BYTES_MAX)
            break;
        n += step;
    }
    return n;
}

/* The value as encoded words, one a line. */
static void add_words(struct buf *out, struct str s)
{
    char word[4 * ((WORD_BYTES_MAX + 2) / 3) + 1];
    const char *between = "";
    while (s.n > 0) {
        size_t n = word_length(s);
        b64_encode(s.p, n, word);
        buf_printf(out, "%s=?utf-8?B?%s?=", between, word);
        between = "\r\n ";
        s = (struct str){ s.p + n, s.n - n };
    }
}

/* A header's value: no control character survives, so no line can be started by it. */
static void add_value(struct buf *out, struct str value)
{
    struct buf clean AUTO_BUF;
    buf_init(&clean, 4096);
    for (size_t i = 0; i < value.n; i++)
        buf_char(&clean, is_control((unsigned char)value.p[i]) ? ' ' : value.p[i]);
    struct str s = str_trim(buf_get(&clean));
    if (is_plain_header(s))
        buf_str(out, s);
    else
        add_words(out, s);
}

void mime_header(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, "%s: ", name);
    add_value(out, value);
    buf_cstr(out, "\r\n");
}

/* RFC 5322 atoms and blanks need no quotes; everything else goes as an encoded word. */
static bool is_phrase(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!alnum && !(c && strchr(" !#$%&'*+-/=?^_`{|}~", c)))
            return false;
    }
    return is_plain_header(s);
}

static void add_from(struct buf *out, const struct mime_mail *m)
{
    buf_cstr(out, "From: ");
    if (m->from_name.n > 0 && is_phrase(m->from_name)) {
        buf_printf(out, "%.*s ", STR_ARG(m->from_name));
    } else if (m->from_name.n > 0) {
        add_words(out, m->from_name);
        buf_cstr(out, "\r\n ");
    }
    buf_printf(out, "<%.*s>\r\n", STR_ARG(m->from_address));
}

static void add_headers(struct buf *out, const struct mime_mail *m)
{
    char date[40];
    buf_printf(out, "Date: %s\r\n", clock_mail_date(m->date_us, date));
    add_from(out, m);
    buf_printf(out, "To: <%.*s>\r\n", STR_ARG(m->to_address));
    mime_header(out, "Subject", m->subject);
    buf_printf(out, "Message-ID: <%.*s>\r\n", STR_ARG(m->message_id));
    buf_cstr(out, "Auto-Submitted: auto-generated\r\n");
    if (m->request_id.n > 0)
        mime_header(out, "X-Request-ID", m->request_id);
    buf_printf(out,
               "MIME-Version: 1.0\r\n"
               "Content-Type: multipart/alternative;\r\n boundary=\"=_%.*s\"\r\n\r\n",
               STR_ARG(m->boundary));
}

/* --- bodies ------------------------------------------------------------------------ */

/* ASCII without control characters but line ends and tabs, in lines of a safe length. */
static bool is_plain_body(struct str s)
{
    size_t line = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x7f || (is_control(c) && c != '\n' && c != '\r' && c != '\t'))
            return false;
        line = c == '\n' ? 0 : line + 1;
        if (line > PLAIN_LINE_MAX)
            return false;
    }
    return true;
}

/* Takes the next line off *rest, without its end: CR LF, LF or CR. */
static struct str next_line(struct str *rest)
{
    const char *end = memchr(rest->p, '\n', rest->n);
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    end = memchr(rest->p, '\r', n);
    n = end ? (size_t)(end - rest->p) : n;
    struct str line = { rest->p, n };
    size_t skip = n < rest->n;
    if (n + 1 < rest->n && rest->p[n] == '\r' && rest->p[n + 1] == '\n')
        skip = 2;
    *rest = (struct str){ rest->p + n + skip, rest->n - n - skip };
    return line;
}

static void add_qp_line(struct buf *out, struct str line)
{
    size_t column = 0;
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];
        bool last = i + 1 == line.n;
        bool blank = c == ' ' || c == '\t';
        bool literal = (c > 0x20 && c < 0x7f && c != '=') || (blank && !last);
        size_t width = literal ? 1 : 3;
        if (column + width > QP_LINE_MAX - 1 &&
            !(last && column + width == QP_LINE_MAX)) {
            buf_cstr(out, "=\r\n");
            column = 0;
        }
        if (literal)
            buf_char(out, (char)c);
        else
            buf_printf(out, "=%02X", c);
        column += width;
    }
    buf_cstr(out, "\r\n");
}

void mime_quoted_printable(struct buf *out, struct str text)
{
    while (text.n > 0)
        add_qp_line(out, next_line(&text));
}

static void add_plain(struct buf *out, struct str text)
{
    while (text.n > 0) {
        buf_str(out, next_line(&text));
        buf_cstr(out, "\r\n");
    }
}

static void add_part(struct buf *out, const struct mime_mail *m, const char *type,
                     struct str text)
{
    bool plain = is_plain_body(text);
    buf_printf(out,
               "--=_%.*s\r\nContent-Type: %s; charset=utf-8\r\n"
               "Content-Transfer-Encoding: %s\r\n\r\n",
               STR_ARG(m->boundary), type, plain ? "7bit" : "quoted-printable");
    if (plain)
        add_plain(out, text);
    else
        mime_quoted_printable(out, text);
    buf_cstr(out, "\r\n");
}

void mime_write(const struct mime_mail *m, struct buf *out)
{
    add_headers(out, m);
    add_part(out, m, "text/plain", m->text);
    add_part(out, m, "text/html", m->html);
    buf_printf(out, "--=_%.*s--\r\n", STR_ARG(m->boundary));
}
