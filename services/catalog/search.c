#include "catalog/search.h"

#include <stdint.h>
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

void catalog_search_add(struct buf *array, struct str pattern)
{
    if (array->n > 1)
        buf_char(array, ',');
    buf_char(array, '"');
    for (size_t i = 0; i < pattern.n; i++) { /* escaped once more */
        if (pattern.p[i] == '\\' || pattern.p[i] == '"')
            buf_char(array, '\\');
        buf_char(array, pattern.p[i]);
    }
    buf_char(array, '"');
}

/* ---- what an index can find -------------------------------------------------- */

/* Beyond ASCII most signs are letters; these are not. A wrong guess costs time only. */
static const struct {
    uint32_t from, to;
} NO_LETTERS[] = {
    { 0x80, 0xbf },     { 0xd7, 0xd7 },     { 0xf7, 0xf7 },     { 0x2000, 0x2bff },
    { 0x3000, 0x303f }, { 0xe000, 0xf8ff }, { 0xfe00, 0xfe6f }, { 0x1f000, 0x1faff },
};

static bool is_letter(uint32_t sign)
{
    if (sign < 0x80)
        return (sign >= '0' && sign <= '9') || ((sign | 32) >= 'a' && (sign | 32) <= 'z');
    for (size_t i = 0; i < ARRAY_LEN(NO_LETTERS); i++)
        if (sign >= NO_LETTERS[i].from && sign <= NO_LETTERS[i].to)
            return false;
    return true;
}

/* Takes the next sign of text that is UTF-8, as every request's is. */
static uint32_t next_sign(struct str *s)
{
    unsigned char lead = (unsigned char)*s->p;
    size_t n = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t sign = n == 1 ? lead : lead & (0x7fu >> n);
    for (size_t i = 1; i < n && i < s->n; i++)
        sign = sign << 6 | ((unsigned char)s->p[i] & 0x3f);
    n = n < s->n ? n : s->n;
    *s = (struct str){ s->p + n, s->n - n };
    return sign;
}

static bool has_trigram(struct str term)
{
    unsigned row = 0;
    while (term.n > 0 && row < 3)
        row = is_letter(next_sign(&term)) ? row + 1 : 0;
    return row == 3;
}

static struct catalog_term term_of(struct str text, struct arena *a)
{
    AUTO_BUF struct buf out;
    buf_init(&out, 2 * text.n + 3);
    pattern(&out, text);
    return (struct catalog_term){ arena_dup(a, buf_get(&out)), text.n,
                                  has_trigram(text) };
}

unsigned catalog_search_parse(struct str text, struct arena *a, struct catalog_term **ret)
{
    struct str terms[TERMS_MAX];
    unsigned n = 0;
    while (n < TERMS_MAX && (terms[n] = next_term(&text)).n > 0)
        n++;
    *ret = arena_alloc(a, (n + 1) * sizeof(**ret));
    for (unsigned i = 0; i < n; i++)
        (*ret)[i] = term_of(terms[i], a);
    return n;
}

/* ---- order ------------------------------------------------------------------- */

static bool is_down(const char *key)
{
    return *key == '-';
}

static const char *column(const char *key)
{
    return key + is_down(key);
}

/* Up to two; how many. */
static unsigned read_keys(struct str ordering, const char *ret_keys[static 2])
{
    static const char *const KEYS[] = { "price", "-price", "created_at", "-created_at" };
    unsigned n = 0;
    while (ordering.n > 0 && n < 2) {
        struct str key = str_trim(str_cut(&ordering, ','));
        size_t i = 0;
        while (i < ARRAY_LEN(KEYS) && !str_eq(key, str_of(KEYS[i])))
            i++;
        if (i == ARRAY_LEN(KEYS) ||
            (n > 0 && strcmp(column(ret_keys[0]), column(KEYS[i])) == 0))
            continue;
        ret_keys[n++] = KEYS[i];
    }
    return n;
}

struct catalog_order catalog_order_parse(struct str ordering)
{
    struct catalog_order o = { .keys = { NULL, NULL } };
    unsigned n = read_keys(ordering, o.keys);
    if (n == 0)
        o.keys[0] = "-created_at";
    bool down = is_down(o.keys[n > 1 ? 1 : 0]);
    if (n == 1 && strcmp(column(o.keys[0]), "price") == 0)
        o.keys[1] = down ? "-created_at" : "created_at";
    o.last = down ? "-id" : "id";
    return o;
}

bool catalog_order_is(const struct catalog_order *o, const char *key)
{
    const struct catalog_order alone = catalog_order_parse(str_of(key));
    bool second = !o->keys[1] || !alone.keys[1] ? o->keys[1] == alone.keys[1]
                                                : strcmp(o->keys[1], alone.keys[1]) == 0;
    return second && strcmp(o->keys[0], alone.keys[0]) == 0;
}
