/* E-mail addresses: the original's rule, ASCII only but for the domain. */
#include <arpa/inet.h>
#include <idn2.h>
#include <string.h>
#include <unicase.h>

#include "base/utf8.h"
#include "svc/schema_internal.h"

enum { ADDRESS_MAX = 320, LABEL_MAX = 63 };

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_atom(struct str s)
{
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && (!s.p[i] || !strchr("-!#$%&'*+/=?^_`{}|~", s.p[i])))
            return false;
    return true;
}

static bool is_dot_atom(struct str s)
{
    while (s.p) {
        struct str atom = str_cut(&s, '.');
        if (!is_atom(atom))
            return false;
    }
    return true;
}

/* Inside quotes: control characters other than NUL, TAB, LF and CR, and what is printable
 * but for blank, quote and backslash; after a backslash, TAB, blank and those too. */
static bool is_quoted(struct str s)
{
    if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
        return false;
    for (size_t i = 1; i < s.n - 1; i++) {
        bool escaped = s.p[i] == '\\';
        if (escaped && ++i == s.n - 1)
            return false;
        unsigned char c = (unsigned char)s.p[i];
        if (c == 0 || c == '\n' || c == '\r' || c > 0x7f)
            return false;
        if (!escaped && (c == '\t' || c == ' ' || c == '"'))
            return false;
    }
    return true;
}

static bool is_label(struct str s, bool last)
{
    if (s.n < (last ? 2 : 1) || s.n > LABEL_MAX || s.p[s.n - 1] == '-')
        return false;
    if (!last && s.p[0] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

static bool is_domain_name(struct str s)
{
    unsigned labels = 0;
    while (s.p) {
        struct str label = str_cut(&s, '.');
        if (!is_label(label, s.p == NULL))
            return false;
        labels++;
    }
    return labels >= 2;
}

static bool is_literal(struct str s)
{
    char text[64];
    struct in6_addr address;
    if (s.n < 3 || s.n >= sizeof text || s.p[0] != '[' || s.p[s.n - 1] != ']')
        return false;
    memcpy(text, s.p + 1, s.n - 2);
    text[s.n - 2] = '\0';
    if (strlen(text) != s.n - 2)
        return false;
    return inet_pton(AF_INET, text, &address) == 1 ||
           inet_pton(AF_INET6, text, &address) == 1;
}

static bool is_ascii_domain(struct str s)
{
    return is_domain_name(s) || is_literal(s) || str_eq(s, STR("localhost"));
}

static bool is_idn(struct str s)
{
    char text[ADDRESS_MAX * 4 + 1];
    char *ascii = NULL;
    if (s.n >= sizeof text || memchr(s.p, '\0', s.n))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
        return false;
    bool good = is_ascii_domain(str_of(ascii));
    idn2_free(ascii);
    return good;
}

static bool split(struct str address, struct str *local, struct str *domain)
{
    const char *at = address.n ? memrchr(address.p, '@', address.n) : NULL;
    if (!at)
        return false;
    *local = (struct str){ address.p, (size_t)(at - address.p) };
    *domain = (struct str){ at + 1, address.n - local->n - 1 };
    return true;
}

bool email_is_valid(struct str address)
{
    struct str local, domain;
    if (utf8_len(address) > ADDRESS_MAX || !split(address, &local, &domain))
        return false;
    if (!is_dot_atom(local) && !is_quoted(local))
        return false;
    return is_ascii_domain(domain) || is_idn(domain);
}

/* The domain means the same in any case; the mailbox may not. */
static struct str lower_domain(struct str address, struct arena *a)
{
    struct str local, domain;
    size_t n = 0;
    if (!split(address, &local, &domain))
        return address;
    uint8_t *low = u8_tolower((const uint8_t *)domain.p, domain.n, NULL, NULL, NULL, &n);
    if (!low)
        return address;
    char *text = arena_printf(a, "%.*s@%.*s", STR_ARG(local), (int)n, (char *)low);
    free(low);
    return str_of(text);
}

void format_email(const struct check *c, const struct schema *s, const json_t *in,
                  struct value *ret, struct messages *m)
{
    static const char rule[] = "Enter a valid email address.";
    if (!json_is_string(in) && !json_is_number(in)) {
        message_add(m, "invalid", rule);
        return;
    }
    if (!text_read(c, s, in, ret, m))
        return;
    text_rules(c, s, ret->s, m);
    if (!email_is_valid(ret->s))
        message_add(m, "invalid", rule);
    if (m->n == 0)
        ret->s = lower_domain(ret->s, c->arena);
}
