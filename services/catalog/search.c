#include "catalog/search.h"

#include <string.h>

#include "base/mem.h"

enum { TERMS_MAX = 256 };

/* ---- terms ------------------------------------------------------------------- */

static bool is_gap(char c)
{
    return c == ',' || c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

static struct str skip_gaps(struct str s)
{
    while (s.n > 0 && is_gap(*s.p)) {
        s.p++;
        s.n--;
    }
    return s;
}

/* Takes the next term; empty when nothing is left. A quote that is never closed is an
 * ordinary character. */
static struct str next_term(struct str *rest)
{
    *rest = skip_gaps(*rest);
    struct str s = *rest;
    const char *close = s.n > 1 && is_quote(*s.p) ? memchr(s.p + 1, *s.p, s.n - 1) : NULL;
    if (close) {
        struct str phrase = { s.p + 1, (size_t)(close - s.p - 1) };
        *rest = (struct str){ close + 1, s.n - phrase.n - 2 };
        return phrase.n > 0 ? phrase : next_term(rest);
    }
    size_t n = 0;
    while (n < s.n && !is_gap(s.p[n]))
        n++;
    *rest = (struct str){ s.p + n, s.n - n };
    return (struct str){ s.p, n };
}

static void pattern(struct buf *out, struct str term)
{
    buf_char(out, '%');
    for (size_t i = 0; i < term.n; i++) {
        if (strchr("\\%_", term.p[i]))
            buf_char(out, '\\');
        buf_char(out, term.p[i]);
    }
    buf_char(out, '%');
}

/* An element of an array's text: quoted, with \ and " escaped once more. */
static void array_element(struct buf *out, struct str element)
{
    buf_char(out, '"');
    for (size_t i = 0; i < element.n; i++) {
        if (element.p[i] == '\\' || element.p[i] == '"')
            buf_char(out, '\\');
        buf_char(out, element.p[i]);
    }
    buf_char(out, '"');
}

void catalog_search_parse(struct str text, struct buf *first, struct buf *rest)
{
    struct str terms[TERMS_MAX];
    unsigned n = 0, longest = 0;
    for (struct str t; n < TERMS_MAX && (t = next_term(&text)).n > 0; n++) {
        terms[n] = t;
        if (t.n > terms[longest].n)
            longest = n;
    }
    buf_char(rest, '{');
    bool comma = false;
    for (unsigned i = 0; i < n; i++) {
        if (i == longest)
            continue;
        AUTO_BUF struct buf one;
        buf_init(&one, 2 * terms[i].n + 3);
        pattern(&one, terms[i]);
        if (comma)
            buf_char(rest, ',');
        comma = true;
        array_element(rest, buf_get(&one));
    }
    buf_char(rest, '}');
    if (n > 0)
        pattern(first, terms[longest]);
    else
        buf_char(first, '%');
}

/* ---- order ------------------------------------------------------------------- */

void catalog_order_parse(struct str ordering, const char *ret_keys[static 2])
{
    static const char *const KEYS[] = { "price", "-price", "created_at", "-created_at" };
    static const char *const DEFAULT_KEY = "-created_at";
    unsigned n = 0;
    ret_keys[0] = ret_keys[1] = NULL;
    while (ordering.n > 0 && n < 2) {
        struct str key = str_trim(str_cut(&ordering, ','));
        for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
            /* KEYS come in pairs of one column. */
            bool again = n > 0 && (ret_keys[0] == KEYS[i] || ret_keys[0] == KEYS[i ^ 1]);
            if (!again && str_eq(key, str_of(KEYS[i]))) {
                ret_keys[n++] = KEYS[i];
                break;
            }
        }
    }
    if (n == 0)
        ret_keys[0] = DEFAULT_KEY;
}
