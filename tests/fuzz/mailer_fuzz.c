/* Mails: what goes into headers, bodies and SMTP commands, and what servers answer. */
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "mailer/address.h"
#include "mailer/job_filter.h"
#include "mailer/mime.h"
#include "mailer/template.h"
#include "mailer/verdict.h"
#include "svc/email.h"

#define SEEDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

enum { ROOM = 512 * 1024, LINE_MAX_5322 = 998 };

/* RFC 5321 2.3.8: lines end with CR LF and neither stands alone; RFC 5322 2.1.1. */
static void check_lines(struct str mail)
{
    size_t line = 0;
    for (size_t i = 0; i < mail.n; i++) {
        unsigned char c = (unsigned char)mail.p[i];
        bool end = c == '\r' && i + 1 < mail.n && mail.p[i + 1] == '\n';
        fuzz_expect(c != '\r' || end, "no CR stands alone");
        fuzz_expect(c != '\n' || (i > 0 && mail.p[i - 1] == '\r'), "no LF stands alone");
        fuzz_expect(c != 0 && c < 0x80, "a mail is made of ASCII");
        line = c == '\n' ? 0 : line + 1;
        fuzz_expect(line <= LINE_MAX_5322, "no line is too long");
    }
}

static unsigned count(struct str in, const char *what)
{
    unsigned n = 0;
    size_t length = strlen(what);
    for (const char *p; (p = memmem(in.p, in.n, what, length)); n++)
        in = (struct str){ p + length, in.n - (size_t)(p + length - in.p) };
    return n;
}

static void run_mime(struct str in)
{
    struct str rest = in;
    struct mime_mail m = { .from_address = STR("a@example.com"),
                           .to_address = STR("b@example.com"),
                           .message_id = STR("1@example.com"),
                           .boundary = STR("0-1"),
                           .date_us = INT64_C(1700000000000000) };
    struct buf out AUTO_BUF;
    m.from_name = fuzz_line(&rest);
    m.subject = rest.p ? str_cut(&rest, '\t') : STR("");
    m.text = m.html = rest.p ? rest : STR("");
    m.request_id = m.subject;
    buf_init(&out, ROOM);
    mime_write(&m, &out);
    struct str mail = buf_get(&out);
    check_lines(mail);
    const char *gap = memmem(mail.p, mail.n, "\r\n\r\n", 4);
    struct str head = { mail.p, (size_t)(gap + 2 - mail.p) };
    fuzz_expect(count(head, "\r\nTo: ") == 1 && count(head, "\r\nSubject: ") == 1 &&
                    count(head, "\r\nBcc:") == 0 && count(head, "\r\nCc:") == 0,
                "nobody else gets the mail");
}

static void run_sender(struct str in)
{
    struct str name, address;
    struct arena a;
    arena_init(&a);
    if (address_parse_from(in, &a, &name, &address))
        fuzz_expect(utf8_check(name) == name.n && email_domain(address).n > 0,
                    "a sender has a name of characters and a domain");
    arena_deinit(&a);
}

static void run_template(struct str in)
{
    static const char *const NAMES[] = { "username", "link", NULL };
    const struct template_value values[] = { { STR("<ann>"), true }, { STR(""), false } };
    struct buf out AUTO_BUF;
    char *why = NULL;
    struct template *t = template_new(in, NAMES, &why);
    buf_init(&out, ROOM);
    fuzz_expect((t == NULL) == (why != NULL), "a refusal says why");
    if (t)
        template_render(t, values, &out);
    template_free(&t);
    free(why);
}

/* Whatever a mail server says ends in a log and on a page. */
static void run_reply(struct str in)
{
    char text[MAIL_LINE_TEXT];
    struct job_place place;
    mail_reply_text(in, text, sizeof text);
    fuzz_expect(memchr(text, '\0', sizeof text), "the text ends");
    for (const char *p = text; *p; p++)
        fuzz_expect(*p >= 0x20 && *p < 0x7f, "the text is printable");
    job_place_parse(in, &place);
}

const struct fuzz_target FUZZ_TARGETS[] = {
    { "mime", run_mime,
      SEEDS("Quintet\nHello\tDear ann,\r\n.\r\nbye\n",
            "Zo\xc3\xab\nCaf\xc3\xa9\t=20 \t\n\n") },
    { "sender", run_sender,
      SEEDS("ann@example.com", "Quintet <no-reply@example.com>",
            "a@b\xc3\xbc"
            "cher.example") },
    { "template", run_template,
      SEEDS("Hello {{username}},\n{{#link}}\n<a>{{{link}}}</a>\n{{/link}}\n{{! x }}",
            "{{^link}}none{{/link}}{{&username}}") },
    { "reply", run_reply,
      SEEDS("550 5.1.1 <a@b.example>: no such user",
            "n.1700000000000000."
            "019ab6c2-d4f0-7cc1-8a5f-3b1e5d7a9c20") },
    { 0 },
};
