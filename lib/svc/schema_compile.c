#include "svc/schema_internal.h"

#include <string.h>

#include "base/mem.h"

enum { NESTING_MAX = 16 };

struct compiler {
    const json_t *root;
    unsigned depth;
    char **why;
};

static struct schema *compile(struct compiler *c, const json_t *def);

static bool fail(struct compiler *c, char *sentence)
{
    if (*c->why)
        free(sentence);
    else
        *c->why = sentence;
    return false;
}

static bool wrong_type(struct compiler *c, const char *keyword)
{
    return fail(c,
                xasprintf("the keyword \"%s\" has a value of the wrong type", keyword));
}

/* --- keywords: one function each --------------------------------------------------- */

static unsigned type_bit(const char *name)
{
    static const struct {
        const char *name;
        unsigned bit;
    } types[] = {
        { "string", TYPE_STRING },   { "integer", TYPE_INTEGER },
        { "boolean", TYPE_BOOLEAN }, { "object", TYPE_OBJECT },
        { "array", TYPE_ARRAY },     { "null", TYPE_NULL },
    };
    for (size_t i = 0; name && i < ARRAY_LEN(types); i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].bit;
    return 0;
}

static bool set_type(struct compiler *c, struct schema *s, const json_t *v)
{
    unsigned bits = type_bit(json_string_value(v));
    const json_t *one;
    size_t i;
    json_array_foreach(v, i, one)
    {
        unsigned bit = type_bit(json_string_value(one));
        if (!bit || (bits & bit))
            return wrong_type(c, "type");
        bits |= bit;
    }
    s->nullable = (bits & TYPE_NULL) != 0;
    s->type = bits & ~(unsigned)TYPE_NULL;
    if (__builtin_popcount(s->type) != 1)
        return fail(c, xstrdup("a type must be one of string, integer, boolean, object, "
                               "array, with or without null"));
    return true;
}

static bool set_field(struct compiler *c, struct schema_field *f, const char *name,
                      const json_t *def)
{
    f->name = name;
    f->schema = compile(c, def);
    if (f->schema)
        return true;
    AUTO_FREE char *inner = *c->why;
    *c->why = xasprintf("property \"%s\": %s", name, inner);
    return false;
}

static bool set_properties(struct compiler *c, struct schema *s, const json_t *v)
{
    const char *name;
    json_t *def;
    if (!json_is_object(v))
        return wrong_type(c, "properties");
    s->fields = xcalloc(json_object_size(v), sizeof *s->fields);
    /* jansson keeps the order of the file; errors are reported in it. */
    json_object_foreach(
        (json_t *)(uintptr_t)v, name,
        def) if (!set_field(c, &s->fields[s->nfields++], name, def)) return false;
    return true;
}

static bool set_required(struct compiler *c, struct schema *s, const json_t *v)
{
    const json_t *one;
    size_t i;
    if (!json_is_array(v))
        return wrong_type(c, "required");
    json_array_foreach(v, i, one)
    {
        const char *name = json_string_value(one);
        unsigned k = 0;
        while (name && k < s->nfields && strcmp(s->fields[k].name, name) != 0)
            k++;
        if (!name || k == s->nfields)
            return fail(c, xasprintf("\"required\" names \"%s\", which is no property",
                                     name ? name : "?"));
        s->fields[k].required = true;
    }
    return true;
}

static bool set_enum(struct compiler *c, struct schema *s, const json_t *v)
{
    if (!json_is_array(v) || json_array_size(v) == 0)
        return wrong_type(c, "enum");
    s->choices = v;
    return true;
}

static bool set_const(struct compiler *c, struct schema *s, const json_t *v)
{
    (void)c;
    s->const_choice = json_pack("[O]", v);
    s->choices = s->const_choice;
    return true;
}

static bool read_count(struct compiler *c, const json_t *v, const char *key, size_t *ret)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return wrong_type(c, key);
    *ret = (size_t)json_integer_value(v);
    return true;
}

static bool set_min_length(struct compiler *c, struct schema *s, const json_t *v)
{
    return read_count(c, v, "minLength or minItems", &s->min_length);
}

static bool set_max_length(struct compiler *c, struct schema *s, const json_t *v)
{
    return read_count(c, v, "maxLength or maxItems", &s->max_length);
}

static bool set_minimum(struct compiler *c, struct schema *s, const json_t *v)
{
    s->has_min = json_is_integer(v);
    s->min = json_integer_value(v);
    return s->has_min || wrong_type(c, "minimum");
}

static bool set_maximum(struct compiler *c, struct schema *s, const json_t *v)
{
    s->has_max = json_is_integer(v);
    s->max = json_integer_value(v);
    return s->has_max || wrong_type(c, "maximum");
}

static bool set_items(struct compiler *c, struct schema *s, const json_t *v)
{
    s->items = compile(c, v);
    return s->items != NULL;
}

static bool set_format(struct compiler *c, struct schema *s, const json_t *v)
{
    const char *name = json_string_value(v);
    s->format = name ? format_find(name) : NULL;
    if (!s->format)
        return fail(c, xasprintf("unknown format \"%s\"", name ? name : "?"));
    return true;
}

static bool set_digits(struct compiler *c, struct schema *s, const json_t *v)
{
    s->digits = (unsigned)json_integer_value(v);
    return (s->digits >= 1 && s->digits <= 18) || wrong_type(c, "x-digits");
}

static bool set_places(struct compiler *c, struct schema *s, const json_t *v)
{
    s->places = (unsigned)json_integer_value(v);
    return (json_is_integer(v) && s->places <= 18) || wrong_type(c, "x-places");
}

static bool set_default(struct compiler *c, struct schema *s, const json_t *v)
{
    (void)c;
    s->def = v;
    return true;
}

static bool set_read_only(struct compiler *c, struct schema *s, const json_t *v)
{
    s->read_only = json_is_true(v);
    return json_is_boolean(v) || wrong_type(c, "readOnly");
}

static bool set_trim(struct compiler *c, struct schema *s, const json_t *v)
{
    s->keep_blanks = json_is_false(v);
    return json_is_boolean(v) || wrong_type(c, "x-trim");
}

static bool set_blank(struct compiler *c, struct schema *s, const json_t *v)
{
    s->blank = json_is_true(v);
    return json_is_boolean(v) || wrong_type(c, "x-blank");
}

static bool set_messages(struct compiler *c, struct schema *s, const json_t *v)
{
    const char *rule;
    json_t *text;
    if (!json_is_object(v))
        return wrong_type(c, "x-messages");
    json_object_foreach((json_t *)(uintptr_t)v, rule,
                        text) if (!json_is_string(text)) return wrong_type(c,
                                                                           "x-messages");
    s->messages = v;
    return true;
}

static bool set_nothing(struct compiler *c, struct schema *s, const json_t *v)
{
    (void)c, (void)s, (void)v;
    return true;
}

/* `types` are the types a keyword makes sense for. In the order they are applied. */
static const struct keyword {
    const char *name;
    unsigned types;
    bool (*set)(struct compiler *c, struct schema *s, const json_t *v);
} KEYWORDS[] = {
    { "type", ~0U, set_type },
    { "properties", TYPE_OBJECT, set_properties },
    { "required", TYPE_OBJECT, set_required },
    { "enum", TYPE_STRING | TYPE_INTEGER, set_enum },
    { "const", TYPE_STRING | TYPE_INTEGER, set_const },
    { "minLength", TYPE_STRING, set_min_length },
    { "maxLength", TYPE_STRING, set_max_length },
    { "minItems", TYPE_ARRAY, set_min_length },
    { "maxItems", TYPE_ARRAY, set_max_length },
    { "minimum", TYPE_INTEGER | TYPE_STRING, set_minimum },
    { "maximum", TYPE_INTEGER | TYPE_STRING, set_maximum },
    { "items", TYPE_ARRAY, set_items },
    { "format", TYPE_STRING | TYPE_INTEGER, set_format },
    { "x-digits", TYPE_STRING, set_digits },
    { "x-places", TYPE_STRING, set_places },
    { "x-trim", TYPE_STRING, set_trim },
    { "x-blank", TYPE_STRING, set_blank },
    { "x-messages", ~0U, set_messages },
    { "default", ~0U, set_default },
    { "readOnly", ~0U, set_read_only },
    { "writeOnly", ~0U, set_nothing },
    { "description", ~0U, set_nothing },
    { "examples", ~0U, set_nothing },
};

static bool keywords_known(struct compiler *c, const json_t *def)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)def, key, v)
    {
        size_t i = 0;
        while (i < ARRAY_LEN(KEYWORDS) && strcmp(KEYWORDS[i].name, key) != 0)
            i++;
        if (i == ARRAY_LEN(KEYWORDS))
            return fail(c, xasprintf("unknown keyword \"%s\"", key));
    }
    return true;
}

static bool apply_keywords(struct compiler *c, struct schema *s)
{
    for (size_t i = 0; i < ARRAY_LEN(KEYWORDS); i++) {
        const struct keyword *k = &KEYWORDS[i];
        const json_t *v = json_object_get(s->json, k->name);
        if (!v)
            continue;
        /* s->type is known from the second row on, because "type" stands first. */
        if (i > 0 && !(k->types & s->type))
            return fail(c,
                        xasprintf("the keyword \"%s\" does not fit the type", k->name));
        if (!k->set(c, s, v))
            return false;
    }
    return true;
}

static bool consistent(struct compiler *c, const struct schema *s)
{
    bool decimal = s->format && strcmp(s->format->name, "decimal") == 0;
    if (s->type == 0)
        return fail(c, xstrdup("\"type\" is missing"));
    if (s->format && s->format->type != s->type)
        return fail(
            c, xasprintf("the format \"%s\" does not fit the type", s->format->name));
    if (s->max_length && s->min_length > s->max_length)
        return fail(c, xstrdup("the least length is above the greatest"));
    if (s->has_min && s->has_max && s->min > s->max)
        return fail(c, xstrdup("minimum is above maximum"));
    if (s->digits && (!decimal || s->places > s->digits))
        return fail(c, xstrdup("x-digits and x-places contradict each other"));
    if (s->type == TYPE_STRING && !decimal && (s->has_min || s->has_max))
        return fail(c, xstrdup("only numbers have a minimum or maximum"));
    return true;
}

/* The type a "$ref" names, NULL after a failure. */
static const json_t *resolve(struct compiler *c, const json_t *def)
{
    static const char prefix[] = "#/types/";
    const char *ref = json_string_value(json_object_get(def, "$ref"));
    const json_t *to = NULL;
    if (json_object_size(def) != 1)
        fail(c, xstrdup("\"$ref\" stands alone"));
    else if (ref && strncmp(ref, prefix, sizeof prefix - 1) == 0)
        to = json_object_get(json_object_get(c->root, "types"), ref + sizeof prefix - 1);
    if (!to)
        fail(c, xasprintf("\"$ref\" to %s leads nowhere", ref ? ref : "?"));
    return to;
}

static struct schema *compile_plain(struct compiler *c, const json_t *def)
{
    if (!json_is_object(def)) {
        fail(c, xstrdup("a schema must be an object"));
        return NULL;
    }
    struct schema *s = xcalloc(1, sizeof *s);
    s->json = json_incref((json_t *)(uintptr_t)def);
    if (!keywords_known(c, def) || !apply_keywords(c, s) || !consistent(c, s))
        schema_free(&s);
    return s;
}

static struct schema *compile(struct compiler *c, const json_t *def)
{
    struct schema *s = NULL;
    if (c->depth == NESTING_MAX) {
        fail(c, xstrdup("nested too deeply, or a type that contains itself"));
        return NULL;
    }
    c->depth++;
    if (json_object_get(def, "$ref")) {
        const json_t *to = resolve(c, def);
        s = to ? compile(c, to) : NULL;
    } else {
        s = compile_plain(c, def);
    }
    c->depth--;
    return s;
}

struct schema *schema_compile(const json_t *def, const json_t *root, char **ret_why)
{
    char *why = NULL;
    struct compiler c = { .root = root, .why = &why };
    struct schema *s = compile(&c, def);
    if (s && s->type != TYPE_OBJECT) {
        fail(&c, xstrdup("it must be an object"));
        schema_free(&s);
    }
    if (!s)
        *ret_why = why;
    return s;
}

void schema_free(struct schema **s)
{
    if (!*s)
        return;
    for (unsigned i = 0; i < (*s)->nfields; i++)
        schema_free(&(*s)->fields[i].schema);
    free((*s)->fields);
    schema_free(&(*s)->items);
    json_decref((*s)->const_choice);
    json_decref((*s)->json);
    free(*s);
    *s = NULL;
}

const json_t *schema_json(const struct schema *s)
{
    return s->json;
}
