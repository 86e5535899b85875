#include "base/jsonw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void jw_begin(struct jsonw *w, struct buf *out)
{
    *w = (struct jsonw){ .out = out };
}

void jw_end(struct jsonw *w)
{
    if (w->depth != 0)
        BUG("JSON document with an open level");
}

/* Before any value: the comma of an array element (an object's stands before its key). */
static void before_value(struct jsonw *w)
{
    if (w->comma)
        buf_char(w->out, ',');
    w->comma = true;
}

static void open_level(struct jsonw *w, bool object)
{
    if (w->depth == JSONW_DEPTH)
        BUG("JSON nested too deeply");
    before_value(w);
    buf_char(w->out, object ? '{' : '[');
    w->object[w->depth++] = object;
    w->comma = false;
}

static void close_level(struct jsonw *w, bool object)
{
    if (w->depth == 0 || w->object[w->depth - 1] != object)
        BUG("JSON level closed twice or as the wrong kind");
    w->depth--;
    buf_char(w->out, object ? '}' : ']');
    w->comma = true;
}

void jw_object(struct jsonw *w)
{
    open_level(w, true);
}

void jw_object_end(struct jsonw *w)
{
    close_level(w, true);
}

void jw_array(struct jsonw *w)
{
    open_level(w, false);
}

void jw_array_end(struct jsonw *w)
{
    close_level(w, false);
}

void jw_key(struct jsonw *w, const char *key)
{
    if (w->depth == 0 || !w->object[w->depth - 1])
        BUG("JSON key outside an object");
    before_value(w);
    buf_char(w->out, '"');
    json_escape(w->out, str_of(key));
    buf_cstr(w->out, "\":");
    w->comma = false; /* the value follows its colon directly */
}

/* Eight bytes at once, none of which has to be escaped: no control character, quotation
 * mark or backslash among them. A byte x is below n, or zero, when the borrow of x - n
 * reaches a high bit that x has not (Hacker's Delight, 6-1); it errs only on the safe
 * side. */
static bool all_plain(const char *p)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t x, quote, slash;
    memcpy(&x, p, sizeof x);
    quote = x ^ ones * '"';
    slash = x ^ ones * '\\';
    return !((((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) |
              ((slash - ones) & ~slash)) &
             high);
}

void json_escape(struct buf *out, struct str s)
{
    static const char short_form[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
    };
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        while (s.n - i >= 8 && all_plain(s.p + i))
            i += 8;
        if (i == s.n)
            break;
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(out, s.p + from, i - from);
        from = i + 1;
        if (c >= 0x20)
            buf_add(out, (char[]){ '\\', (char)c }, 2);
        else if (short_form[c])
            buf_add(out, (char[]){ '\\', short_form[c] }, 2);
        else
            buf_printf(out, "\\u%04x", c);
    }
    buf_add(out, s.p + from, s.n - from);
}

void jw_str(struct jsonw *w, struct str s)
{
    before_value(w);
    buf_char(w->out, '"');
    json_escape(w->out, s);
    buf_char(w->out, '"');
}

void jw_int(struct jsonw *w, int64_t v)
{
    char digits[STR_INT_TEXT];
    jw_raw(w, str_int(v, digits));
}

void jw_bool(struct jsonw *w, bool v)
{
    jw_raw(w, v ? STR("true") : STR("false"));
}

void jw_null(struct jsonw *w)
{
    jw_raw(w, STR("null"));
}

void jw_raw(struct jsonw *w, struct str json)
{
    before_value(w);
    buf_str(w->out, json);
}

void jw_double(struct jsonw *w, double v)
{
    char text[64];
    if (!isfinite(v)) {
        jw_null(w);
        return;
    }
    int n = snprintf(text, sizeof text, "%.6f", v);
    while (n > 0 && text[n - 1] == '0')
        n--;
    if (n > 0 && text[n - 1] == '.')
        n--;
    jw_raw(w, (struct str){ text, (size_t)n });
}

void jw_kstr(struct jsonw *w, const char *key, struct str v)
{
    jw_key(w, key);
    jw_str(w, v);
}

void jw_kcstr(struct jsonw *w, const char *key, const char *v)
{
    jw_key(w, key);
    if (v)
        jw_str(w, str_of(v));
    else
        jw_null(w);
}

void jw_kint(struct jsonw *w, const char *key, int64_t v)
{
    jw_key(w, key);
    jw_int(w, v);
}

void jw_kbool(struct jsonw *w, const char *key, bool v)
{
    jw_key(w, key);
    jw_bool(w, v);
}

void jw_knull(struct jsonw *w, const char *key)
{
    jw_key(w, key);
    jw_null(w);
}

void jw_kraw(struct jsonw *w, const char *key, struct str json)
{
    jw_key(w, key);
    jw_raw(w, json);
}
