/* Schemas as tables. */
#include <string.h>

#include "base/mem.h"
#include "gateway/docs_internal.h"

/* "catalog.product" of "#/components/schemas/catalog.product" */
static const char *last_part(const char *ref)
{
    const char *slash = strrchr(ref, '/');
    return slash ? slash + 1 : ref;
}

/* Bodies and responses have no section of their own. */
static void link_to(struct buf *out, const char *ref)
{
    const char *name = last_part(ref);
    html_add(out, "<a href=\"#schema-%s\">%s</a>", name, name);
}

void docs_type(struct buf *out, const json_t *schema)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    const json_t *type = json_object_get(schema, "type"), *one;
    const json_t *items = json_object_get(schema, "items");
    size_t i;
    if (ref) {
        link_to(out, ref);
        return;
    }
    if (items) {
        buf_cstr(out, "list of ");
        docs_type(out, items);
        return;
    }
    json_array_foreach(type, i, one)
        html_add(out, i ? " or %s" : "%s", json_string_value(one));
    if (json_is_string(type))
        html_add(out, "%s", json_string_value(type));
    if (json_object_get(schema, "format"))
        html_add(out, " <span class=\"dim\">%s</span>", docs_text(schema, "format"));
}

/* ---- notes ---- */

/* before and after are ours, value is escaped. */
static void note(struct buf *out, bool *any, const char *before, const char *value,
                 const char *after)
{
    html_add(out, "%s", *any ? "; " : "");
    buf_cstr(out, before);
    html_add(out, "%s", value);
    buf_cstr(out, after);
    *any = true;
}

static void note_code(struct buf *out, bool *any, const char *before, const json_t *value,
                      const char *after)
{
    AUTO_FREE char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    AUTO_FREE char *open = xasprintf("%s<code>", before);
    AUTO_FREE char *close = xasprintf("</code>%s", after);
    note(out, any, open, text ? text : "", close);
}

static void note_bounds(struct buf *out, bool *any, const json_t *schema)
{
    static const struct {
        const char *key, *before, *after;
    } BOUNDS[] = {
        { "minLength", "at least ", " characters" },
        { "maxLength", "at most ", " characters" },
        { "minimum", "at least ", "" },
        { "maximum", "at most ", "" },
        { "minItems", "at least ", " items" },
        { "maxItems", "at most ", " items" },
    };
    for (size_t i = 0; i < ARRAY_LEN(BOUNDS); i++) {
        const json_t *bound = json_object_get(schema, BOUNDS[i].key);
        AUTO_FREE char *text = bound ? json_dumps(bound, JSON_ENCODE_ANY) : NULL;
        bool empty = text && strcmp(text, "1") == 0 && strstr(BOUNDS[i].key, "minL");
        if (empty)
            note(out, any, "not empty", "", "");
        else if (text)
            note(out, any, BOUNDS[i].before, text, BOUNDS[i].after);
    }
}

/* "one of ADMIN, USER" */
static void note_enum(struct buf *out, bool *any, const json_t *list)
{
    const json_t *one;
    size_t i;
    note(out, any, "one of ", "", "");
    json_array_foreach(list, i, one)
    {
        bool more = i + 1 < json_array_size(list);
        AUTO_FREE char *text = json_dumps(one, JSON_ENCODE_ANY);
        const char *plain = json_is_string(one) ? json_string_value(one) : text;
        html_add(out, more ? "<code>%s</code>, " : "<code>%s</code>", plain ? plain : "");
    }
}

static void note_values(struct buf *out, bool *any, const json_t *schema)
{
    const json_t *list = json_object_get(schema, "enum");
    const json_t *def = json_object_get(schema, "default");
    const json_t *only = json_object_get(schema, "const");
    if (list)
        note_enum(out, any, list);
    if (json_is_string(def) && json_string_length(def) == 0)
        note(out, any, "empty by default", "", "");
    else if (def)
        note_code(out, any, "", def, " by default");
    if (only)
        note_code(out, any, "always ", only, "");
}

void docs_notes(struct buf *out, const json_t *schema)
{
    bool any = false;
    if (json_object_get(schema, "description"))
        note(out, &any, "", docs_text(schema, "description"), "");
    note_bounds(out, &any, schema);
    note_values(out, &any, schema);
    if (json_is_true(json_object_get(schema, "readOnly")))
        note(out, &any, "only in answers", "", "");
    if (json_is_true(json_object_get(schema, "writeOnly")))
        note(out, &any, "never in answers", "", "");
}

/* ---- members ---- */

static bool is_required(const json_t *schema, const char *name)
{
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(schema, "required"), i, one)
    {
        if (strcmp(json_string_value(one), name) == 0)
            return true;
    }
    return false;
}

void docs_members(struct buf *out, const json_t *doc, const json_t *schema,
                  const char *required)
{
    const char *name;
    json_t *member;
    schema = docs_follow(doc, schema);
    const json_t *properties = json_object_get(schema, "properties");
    if (json_object_size(properties) == 0)
        return;
    buf_cstr(out,
             "<table><thead><tr><th scope=\"col\">Member</th><th scope=\"col\">Type</th>"
             "<th scope=\"col\">Rules</th></tr></thead>\n<tbody>\n");
    json_object_foreach((json_t *)(uintptr_t)properties, name, member)
    {
        html_add(out, "<tr><th scope=\"row\"><code>%s</code>", name);
        if (is_required(schema, name))
            html_add(out, " <span class=\"needed\">%s</span>", required);
        buf_cstr(out, "</th><td>");
        docs_type(out, member);
        buf_cstr(out, "</td><td>");
        docs_notes(out, member);
        buf_cstr(out, "</td></tr>\n");
    }
    buf_cstr(out, "</tbody></table>\n");
}
