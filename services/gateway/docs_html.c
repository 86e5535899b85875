/* Writing HTML: nothing reaches the page unescaped but our own format strings. */
#include <string.h>

#include "base/html.h"
#include "gateway/docs_internal.h"

void html_add(struct buf *out, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    for (const char *p = format; *p; p++) {
        if (*p != '%') {
            buf_char(out, *p);
            continue;
        }
        p++;
        if (*p == 's')
            html_escape(out, str_of(va_arg(ap, const char *)));
        else
            buf_char(out, '%');
    }
    va_end(ap);
}

static void prose_line(struct buf *out, struct str line)
{
    bool code = false;
    buf_cstr(out, "<p>");
    while (line.p) {
        AUTO_BUF struct buf part;
        buf_init(&part, line.n + 1);
        buf_str(&part, str_cut(&line, '`'));
        html_add(out, code ? "<code>%s</code>" : "%s", part.p ? part.p : "");
        code = !code;
    }
    buf_cstr(out, "</p>\n");
}

void html_prose(struct buf *out, const char *text)
{
    struct str rest = str_of(text);
    while (rest.p) {
        struct str line = str_cut(&rest, '\n');
        if (line.n > 0)
            prose_line(out, line);
    }
}

const char *docs_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

const json_t *docs_follow(const json_t *doc, const json_t *value)
{
    const char *ref = json_string_value(json_object_get(value, "$ref"));
    struct str rest = str_of(ref);
    if (!ref)
        return value;
    str_cut(&rest, '/'); /* the # */
    while (doc && rest.p) {
        struct str part = str_cut(&rest, '/');
        doc = json_object_getn(doc, part.p, part.n);
    }
    return doc;
}
