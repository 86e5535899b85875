/*
 * JSON bodies. jansson parses; in front of it one pass over the bytes bounds depth and
 * size, and finds what jansson would refuse as syntax though it is a matter of a field:
 * a surrogate half that stands alone.
 */
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "svc/body_internal.h"

struct scan {
    struct str in;
    size_t at;
    unsigned depth, members;
    bool lone; /* an escaped surrogate half without its other half */
    const char *why;
};

static int hex4(struct str in, size_t at)
{
    int v = 0;
    if (at + 4 > in.n)
        return -1;
    for (size_t i = at; i < at + 4; i++) {
        char c = in.p[i];
        int low = c | 0x20;
        if (c >= '0' && c <= '9')
            v = v * 16 + c - '0';
        else if (low >= 'a' && low <= 'f')
            v = v * 16 + low - 'a' + 10;
        else
            return -1;
    }
    return v;
}

static bool is_high(int unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low(int unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* What the escape at in[at] == '\\' is: its length, and in *lone the surrogate half when
 * it stands alone (else 0). */
static size_t read_escape(struct str in, size_t at, int *lone)
{
    *lone = 0;
    if (at + 1 >= in.n || in.p[at + 1] != 'u')
        return 2;
    int unit = hex4(in, at + 2);
    if (is_low(unit))
        *lone = unit;
    if (!is_high(unit))
        return 6;
    bool pair = at + 7 < in.n && in.p[at + 6] == '\\' && in.p[at + 7] == 'u' &&
                is_low(hex4(in, at + 8));
    if (!pair)
        *lone = unit;
    return pair ? 12 : 6;
}

/* From the opening quote to behind the closing one. */
static void skip_string(struct scan *s)
{
    int lone;
    s->at++;
    while (s->at < s->in.n && s->in.p[s->at] != '"') {
        if (s->in.p[s->at] != '\\') {
            s->at++;
            continue;
        }
        s->at += read_escape(s->in, s->at, &lone);
        s->lone |= lone != 0;
    }
    s->at++;
}

static void scan_byte(struct scan *s)
{
    char c = s->in.p[s->at];
    if (c == '"') {
        skip_string(s);
        return;
    }
    s->at++;
    if ((c == '{' || c == '[') && ++s->depth > BODY_DEPTH_MAX)
        s->why = "nested too deeply, 16 levels are allowed";
    else if ((c == '}' || c == ']') && s->depth > 0)
        s->depth--;
    else if (c == ',' && ++s->members >= BODY_MEMBERS_MAX)
        s->why = "too many members, 1000 are allowed";
}

/* Line, column (from 1) and position in characters (from 0), as people count. */
static const char *at_place(struct arena *a, const char *what, struct str in, size_t at)
{
    size_t line = 1, start = 0;
    at = at < in.n ? at : in.n;
    for (size_t i = 0; i < at; i++)
        if (in.p[i] == '\n') {
            line++;
            start = i + 1;
        }
    size_t column = utf8_len((struct str){ in.p + start, at - start }) + 1;
    size_t position = utf8_len((struct str){ in.p, at });
    return arena_printf(a, "%s: line %zu column %zu (char %zu)", what, line, column,
                        position);
}

static const char *not_utf8(struct str in, size_t at, struct arena *a)
{
    return arena_printf(a,
                        "'utf-8' codec can't decode byte 0x%02x in position %zu: "
                        "invalid start byte",
                        (unsigned)(unsigned char)in.p[at], at);
}

/* Each lone half as NUL and a private code point: see format_text.c. */
static struct str mark_lone_halves(struct str in, struct arena *a)
{
    AUTO_BUF struct buf out = { .max = in.n * 3 };
    for (size_t i = 0; i < in.n;) {
        int lone = 0;
        size_t n = in.p[i] == '\\' ? read_escape(in, i, &lone) : 1;
        n = n < in.n - i ? n : in.n - i;
        if (lone)
            buf_printf(&out, "\\u0000\\udbf%c\\ud%03x", lone < 0xdc00 ? '6' : '7',
                       (unsigned)(lone & 0x3ff) | 0xc00);
        else
            buf_add(&out, in.p + i, n);
        i += n;
    }
    return arena_dup(a, buf_get(&out));
}

static const char *describe(const json_error_t *e)
{
    switch ((int)json_error_code(e)) {
    case json_error_end_of_input_expected:
        return "Extra data";
    case json_error_premature_end_of_input:
        return "Expecting more data at the end of the body";
    case json_error_duplicate_key:
        return "Duplicate member name";
    case json_error_null_byte_in_key:
        return "Null character in a member name";
    case json_error_numeric_overflow:
        return "Number out of range";
    case json_error_invalid_utf8:
        return "Invalid text";
    default:
        return "Expecting a value or punctuation";
    }
}

static json_t *parse(struct str bytes, struct str original, struct arena *a,
                     const char **ret_why)
{
    json_error_t e;
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_t *tree = json_loadb(bytes.p, bytes.n, flags, &e);
    if (!tree)
        *ret_why = at_place(a, describe(&e), original,
                            e.position > 0 ? (size_t)e.position - 1 : 0);
    return tree;
}

json_t *body_json(struct str content_type, struct str bytes, struct arena *a,
                  const char **ret_why)
{
    (void)content_type;
    size_t bad = utf8_check(bytes);
    if (bad < bytes.n) {
        *ret_why = not_utf8(bytes, bad, a);
        return NULL;
    }
    if (str_starts(bytes, STR("\xef\xbb\xbf"))) {
        *ret_why =
            "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)";
        return NULL;
    }
    struct scan s = { .in = bytes };
    while (s.at < bytes.n && !s.why)
        scan_byte(&s);
    if (s.why) {
        *ret_why = s.why;
        return NULL;
    }
    return parse(s.lone ? mark_lone_halves(bytes, a) : bytes, bytes, a, ret_why);
}
