#include "mailer/address.h"

#include <idn2.h>

#include "base/utf8.h"

enum { ADDRESS_MAX = 254 };

/* RFC 5321 dot-string: atoms with single dots between them; quoted forms are refused. */
static bool is_local(struct str s)
{
    static const char EXTRA[] = "!#$%&'*+/=?^_`{|}~-";
    if (s.n == 0 || s.p[0] == '.' || s.p[s.n - 1] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum =
            (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool dot = c == '.' && s.p[i - 1] != '.';
        if (!alnum && !dot && (c == '\0' || !strchr(EXTRA, c)))
            return false;
    }
    return true;
}

static bool is_label(struct str s)
{
    if (s.n == 0 || s.n > 63 || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
              (c >= 'a' && c <= 'z') || c == '-'))
            return false;
    }
    return true;
}

static bool is_domain(struct str s)
{
    if (s.n == 0 || s.n > 253 || s.p[s.n - 1] == '.')
        return false;
    while (s.n > 0)
        if (!is_label(str_cut(&s, '.')))
            return false;
    return true;
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 128)
            return false;
    return true;
}

static bool domain_to_ascii(struct str in, struct arena *a, struct str *ret)
{
    *ret = in;
    if (is_ascii(in))
        return is_domain(in);
    if (memchr(in.p, '\0', in.n) || utf8_check(in) != in.n)
        return false;
    char *ascii = NULL;
    int rc = idn2_to_ascii_8z(arena_str(a, in), &ascii, IDN2_NONTRANSITIONAL);
    if (rc != IDN2_OK)
        return false;
    *ret = arena_dup(a, str_of(ascii));
    idn2_free(ascii);
    return is_domain(*ret);
}

bool address_check(struct str in, struct arena *a, struct str *ret)
{
    struct str domain, rest = in;
    struct str local = str_cut(&rest, '@');
    if (in.n > ADDRESS_MAX || rest.n == 0 || !is_local(local))
        return false;
    if (!domain_to_ascii(rest, a, &domain))
        return false;
    struct str whole = { 0 };
    whole.p = arena_printf(a, "%.*s@%.*s", STR_ARG(local), STR_ARG(domain));
    whole.n = local.n + 1 + domain.n;
    if (whole.n > ADDRESS_MAX)
        return false;
    *ret = whole;
    return true;
}

bool address_parse_from(struct str in, struct arena *a, struct str *ret_name,
                        struct str *ret_address)
{
    in = str_trim(in);
    if (in.n == 0 || in.p[in.n - 1] != '>') {
        *ret_name = STR("");
        return address_check(in, a, ret_address);
    }
    struct str rest = { in.p, in.n - 1 };
    struct str name = str_trim(str_cut(&rest, '<'));
    bool quoted = name.n >= 2 && name.p[0] == '"' && name.p[name.n - 1] == '"';
    if (quoted)
        name = (struct str){ name.p + 1, name.n - 2 };
    *ret_name = name;
    return utf8_check(name) == name.n && address_check(rest, a, ret_address);
}
