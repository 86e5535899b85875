#include "svc/email.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <string.h>

#include "base/utf8.h"

enum { INPUT_MAX = 320, WIRE_MAX = 254, DOMAIN_MAX = 253, LABEL_MAX = 63 };

static bool split(struct str address, struct str *local, struct str *domain)
{
    const char *at = address.n ? memrchr(address.p, '@', address.n) : NULL;
    if (!at)
        return false;
    *local = (struct str){ address.p, (size_t)(at - address.p) };
    *domain = (struct str){ at + 1, address.n - local->n - 1 };
    return true;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* --- the local part ---------------------------------------------------------------- */

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

/* What the quotes hold, without its backslashes. A blank or a quote needs one before it,
 * as in the original. */
static bool unquote(struct str s, struct arena *a, struct str *ret)
{
    if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
        return false;
    char *text = arena_alloc(a, s.n);
    size_t n = 0;
    for (size_t i = 1; i < s.n - 1; i++) {
        bool escaped = s.p[i] == '\\';
        if (escaped && ++i == s.n - 1)
            return false;
        char c = s.p[i];
        if (c < 0x20 || c > 0x7e || (!escaped && (c == ' ' || c == '"')))
            return false;
        text[n++] = c;
    }
    *ret = (struct str){ text, n };
    return true;
}

static struct str quote(struct str s, struct arena *a)
{
    char *text = arena_alloc(a, 2 * s.n + 2);
    size_t n = 0;
    text[n++] = '"';
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            text[n++] = '\\';
        text[n++] = s.p[i];
    }
    text[n++] = '"';
    return (struct str){ text, n };
}

static bool local_to_wire(struct str local, struct arena *a, struct str *ret)
{
    *ret = local;
    if (is_dot_atom(local))
        return true;
    if (!unquote(local, a, ret))
        return false;
    if (!is_dot_atom(*ret))
        *ret = quote(*ret, a);
    return true;
}

/* --- the domain -------------------------------------------------------------------- */

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* The domain that a mail server looks up; false: it is none. */
static bool to_ascii(struct str s, struct arena *a, struct str *ret)
{
    char *ascii = NULL;
    *ret = s;
    if (is_ascii(s))
        return true;
    if (memchr(s.p, '\0', s.n) ||
        idn2_to_ascii_8z(arena_str(a, s), &ascii,
                         IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
        return false;
    *ret = arena_dup(a, str_of(ascii));
    idn2_free(ascii);
    return true;
}

static bool is_label(struct str s)
{
    if (s.n == 0 || s.n > LABEL_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    return true;
}

static bool is_host_name(struct str s)
{
    if (s.n > DOMAIN_MAX)
        return false;
    while (s.p)
        if (!is_label(str_cut(&s, '.')))
            return false;
    return true;
}

/* "[127.0.0.1]" or "[::1]" -> the tagged and shortest form of RFC 5321 4.1.3. */
static bool literal_to_wire(struct str s, struct arena *a, struct str *ret)
{
    char in[64], out[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (s.n < 3 || s.n >= sizeof in || s.p[0] != '[' || s.p[s.n - 1] != ']')
        return false;
    memcpy(in, s.p + 1, s.n - 2);
    in[s.n - 2] = '\0';
    if (strlen(in) != s.n - 2)
        return false;
    int family = memchr(s.p, ':', s.n) ? AF_INET6 : AF_INET;
    if (inet_pton(family, in, &address) != 1)
        return false;
    inet_ntop(family, &address, out, sizeof out);
    *ret = str_of(arena_printf(a, "[%s%s]", family == AF_INET6 ? "IPv6:" : "", out));
    return true;
}

static bool domain_to_wire(struct str domain, struct arena *a, struct str *ret)
{
    struct str ascii;
    if (!to_ascii(domain, a, &ascii))
        return false;
    *ret = ascii;
    return is_host_name(ascii) || literal_to_wire(ascii, a, ret);
}

/* Stricter than what can be mailed: names of the Internet, or this very machine. */
static bool is_users_domain(struct str wire)
{
    struct str last = wire;
    if (wire.p[0] == '[' || str_eq(wire, STR("localhost")))
        return true;
    const char *dot = memrchr(wire.p, '.', wire.n);
    if (dot)
        last = (struct str){ dot + 1, wire.n - (size_t)(dot + 1 - wire.p) };
    return dot && last.n >= 2;
}

/* --- addresses --------------------------------------------------------------------- */

static bool parts_to_wire(struct str address, struct arena *a, struct str *ret_local,
                          struct str *ret_domain)
{
    struct str local, domain;
    return utf8_check(address) == address.n && utf8_len(address) <= INPUT_MAX &&
           split(address, &local, &domain) && local_to_wire(local, a, ret_local) &&
           domain_to_wire(domain, a, ret_domain);
}

bool email_is_valid(struct str address, struct arena *a)
{
    struct str local, domain;
    return parts_to_wire(address, a, &local, &domain) && is_users_domain(domain);
}

bool email_to_wire(struct str address, struct arena *a, struct str *ret)
{
    struct str local, domain;
    if (!parts_to_wire(address, a, &local, &domain) || local.n + 1 + domain.n > WIRE_MAX)
        return false;
    *ret = str_of(arena_printf(a, "%.*s@%.*s", STR_ARG(local), STR_ARG(domain)));
    return true;
}

struct str email_domain(struct str address)
{
    struct str local, domain;
    return split(address, &local, &domain) ? domain : STR("");
}

/* Many texts mean the same domain of another script (wide letters, another dot,
 * characters nobody sees), and each would be a new address that is mailed to the same
 * box. */
static const char *written_out(struct str domain, struct arena *a)
{
    struct str ascii;
    char *text = NULL;
    if (!to_ascii(domain, a, &ascii) ||
        idn2_to_unicode_8z8z(arena_str(a, ascii), &text, 0) != IDN2_OK)
        return NULL;
    const char *kept = arena_str(a, str_of(text));
    idn2_free(text);
    return kept;
}

static const char *small_letters(struct str ascii, struct arena *a)
{
    char *text = arena_str(a, ascii);
    for (char *p = text; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    return text;
}

/* The domain means the same in any case; the mailbox may not. */
struct str email_kept(struct str address, struct arena *a)
{
    struct str local, domain;
    if (!split(address, &local, &domain))
        return address;
    const char *text = is_ascii(domain) ? NULL : written_out(domain, a);
    return str_of(arena_printf(a, "%.*s@%s", STR_ARG(local),
                               text ? text : small_letters(domain, a)));
}
