#include "svc/body_internal.h"

#include <string.h>

#include "base/id.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "svc/schema_internal.h"

static const struct media {
    struct str type;
    const char *prefix; /* of a message about a body that cannot be read */
    enum input_kind input;
    body_fn *decode;
} MEDIA[] = {
    { { "application/json", 16 }, "JSON parse error - ", INPUT_JSON, body_json },
    { { "application/x-www-form-urlencoded", 33 },
      "Form parse error - ",
      INPUT_FORM,
      body_form },
    { { "multipart/form-data", 19 },
      "Multipart form parse error - ",
      INPUT_FORM,
      body_multipart },
};

static const struct media *find_media(struct str content_type)
{
    struct str name = str_trim(str_cut(&content_type, ';'));
    for (size_t i = 0; i < ARRAY_LEN(MEDIA); i++)
        if (str_eq_ci(MEDIA[i].type, name))
            return &MEDIA[i];
    return NULL;
}

static void write_detail(struct buf *details, struct str text)
{
    struct jsonw w;
    jw_begin(&w, details);
    jw_object(&w);
    jw_kstr(&w, "detail", text);
    jw_object_end(&w);
    jw_end(&w);
}

static enum err unsupported(struct str content_type, struct buf *details)
{
    enum { ECHO_MAX = 100 };
    struct str shown = str_trim(content_type);
    shown.n = shown.n < ECHO_MAX ? shown.n : ECHO_MAX;
    shown.n = utf8_check(shown);
    AUTO_BUF struct buf text = { .max = 512 };
    buf_cstr(&text, "Unsupported media type \"");
    buf_str(&text, shown);
    buf_cstr(&text, "\" in request.");
    write_detail(details, buf_get(&text));
    return ERR_UNSUPPORTED_MEDIA_TYPE;
}

static enum err unreadable(const struct media *media, const char *why, struct arena *a,
                           struct buf *details)
{
    write_detail(details, str_of(arena_printf(a, "%s%s", media->prefix, why)));
    return ERR_PARSE;
}

enum err body_decode(const struct schema *s, struct str content_type, struct str bytes,
                     enum schema_mode mode, struct arena *a, struct values *ret,
                     json_t **ret_tree, struct buf *details)
{
    struct check c = { .arena = a, .mode = mode };
    *ret_tree = NULL;
    if (bytes.n == 0) {
        *ret_tree = json_object();
    } else {
        const char *why = "it cannot be read";
        const struct media *media = find_media(content_type);
        if (!media)
            return unsupported(content_type, details);
        c.input = media->input;
        *ret_tree = media->decode(content_type, bytes, a, &why);
        if (!*ret_tree)
            return unreadable(media, why, a, details);
    }
    return schema_check_input(s, *ret_tree, &c, ret, details) ? ERR_OK : ERR_VALIDATION;
}

/* A NUL in a query is answered with a bare list, as the original does for a search. */
static bool query_has_nul(const struct schema *s, const json_t *tree)
{
    for (unsigned i = 0; i < s->nfields; i++) {
        const json_t *v = json_object_get(tree, s->fields[i].name);
        size_t n = json_string_length(v);
        if (n > 0 && memchr(json_string_value(v), '\0', n))
            return true;
    }
    return false;
}

enum err query_decode(const struct schema *s, struct str query, struct arena *a,
                      struct values *ret, json_t **ret_tree, struct buf *details)
{
    const struct check c = { .arena = a, .input = INPUT_QUERY };
    const char *why = NULL;
    *ret_tree = body_pairs(query, a, &why);
    if (!*ret_tree) {
        write_detail(details, str_of(why));
        return ERR_BAD_REQUEST;
    }
    if (query_has_nul(s, *ret_tree)) {
        buf_cstr(details, "[\"Null characters are not allowed.\"]");
        return ERR_VALIDATION;
    }
    return schema_check_input(s, *ret_tree, &c, ret, details) ? ERR_OK : ERR_VALIDATION;
}

/* --- percent-encoding --------------------------------------------------------------- */

/* The byte of "%41" at in[i]; -1 when it is no escape. */
static int escape_at(struct str in, size_t i)
{
    if (i + 2 >= in.n || in.p[i] != '%')
        return -1;
    int high = hex_digit(in.p[i + 1]), low = hex_digit(in.p[i + 2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

struct str body_unescape(struct str in, bool plus_is_blank, struct arena *a)
{
    char *out = arena_alloc(a, in.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        int byte = escape_at(in, i);
        if (byte >= 0)
            i += 2;
        else
            byte = in.p[i] == '+' && plus_is_blank ? ' ' : in.p[i];
        out[n++] = (char)byte;
    }
    return (struct str){ out, n };
}

bool url_decode(struct str in, bool form, struct arena *a, struct str *ret)
{
    for (size_t i = 0; i < in.n; i++)
        if (in.p[i] == '%' && escape_at(in, i) < 0)
            return false;
    struct str out = body_unescape(in, form, a);
    if (memchr(out.p, '\0', out.n))
        return false;
    *ret = out;
    return true;
}

void url_encode(struct buf *out, struct str s)
{
    static const char digits[] = "0123456789ABCDEF";
    static const char others[] = "-._~";
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                     (c >= 'A' && c <= 'Z') || (c && strchr(others, c));
        if (plain)
            buf_char(out, (char)c);
        else
            buf_add(out, (char[]){ '%', digits[c >> 4], digits[c & 15] }, 3);
    }
}
