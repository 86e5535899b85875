/* Examples: bodies as JSON, requests as command lines. */
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/docs_internal.h"

static const json_t *body_media(const struct docs_operation *op)
{
    const json_t *content =
        json_object_get(json_object_get(op->json, "requestBody"), "content");
    return json_object_get(content, "application/json");
}

char *docs_answer(const json_t *media)
{
    const json_t *example = json_object_get(media, "example");
    return example ? json_dumps(example, JSON_INDENT(2) | JSON_ENCODE_ANY) : NULL;
}

char *docs_body(const struct docs_operation *op)
{
    return docs_answer(body_media(op));
}

/* ---- the command line ---- */

/* Text between single quotes, which a shell leaves alone but for those quotes. */
static void add_quoted(struct buf *out, const char *text)
{
    buf_char(out, '\'');
    for (; *text; text++)
        if (*text == '\'')
            buf_cstr(out, "'\\''");
        else
            buf_char(out, *text);
    buf_char(out, '\'');
}

static char *value_text(const json_t *value)
{
    if (json_is_string(value))
        return xstrdup(json_string_value(value));
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    return text ? text : xstrdup("");
}

/* The path with its parameters' examples. */
static void add_path(struct buf *url, const struct docs_operation *op)
{
    struct str rest = str_of(op->path);
    const json_t *parameters = json_object_get(op->json, "parameters"), *p;
    size_t i = 0;
    while (rest.p) {
        buf_str(url, str_cut(&rest, '{'));
        if (!rest.p)
            return;
        struct str name = str_cut(&rest, '}');
        json_array_foreach(parameters, i, p)
        {
            AUTO_FREE char *text = value_text(json_object_get(p, "example"));
            if (str_eq(name, str_of(docs_text(p, "name"))))
                buf_cstr(url, text);
        }
    }
}

static void add_query(struct buf *url, const struct docs_operation *op)
{
    const json_t *p;
    size_t i;
    char before = '?';
    json_array_foreach(json_object_get(op->json, "parameters"), i, p)
    {
        const json_t *value = json_object_get(p, "example");
        if (!value || strcmp(docs_text(p, "in"), "query") != 0)
            continue;
        AUTO_FREE char *text = value_text(value);
        buf_printf(url, "%c%s=%s", before, docs_text(p, "name"), text);
        before = '&';
    }
}

bool docs_needs_token(const struct docs_operation *op)
{
    const json_t *first = json_array_get(json_object_get(op->json, "security"), 0);
    return json_object_get(first, "bearer") != NULL;
}

static void add_verb(struct buf *out, const struct docs_operation *op, bool has_body)
{
    bool implied = strcmp(op->verb, has_body ? "post" : "get") == 0;
    if (implied)
        return;
    buf_cstr(out, " -X ");
    for (const char *v = op->verb; *v; v++)
        buf_char(out, (char)toupper((unsigned char)*v));
}

void docs_curl(struct buf *out, const struct docs_operation *op)
{
    const json_t *example = json_object_get(body_media(op), "example");
    AUTO_BUF struct buf url;
    buf_init(&url, 4096);
    buf_cstr(&url,
             docs_text(json_array_get(json_object_get(op->doc, "servers"), 0), "url"));
    add_path(&url, op);
    add_query(&url, op);
    buf_cstr(out, "curl -s");
    add_verb(out, op, example != NULL);
    buf_char(out, ' ');
    add_quoted(out, url.p ? url.p : "");
    if (docs_needs_token(op))
        buf_cstr(out, " \\\n  -H \"Authorization: Bearer $TOKEN\"");
    if (!example)
        return;
    AUTO_FREE char *text = json_dumps(example, 0);
    buf_cstr(out, " \\\n  -H 'Content-Type: application/json' \\\n  -d ");
    add_quoted(out, text ? text : "");
}
