/* Schemas: the contracts' subset of JSON Schema, as 3.1 takes it and as 3.0 does. */
#include <string.h>

#include "base/mem.h"
#include "gateway/openapi_internal.h"

struct from {
    const struct openapi *doc;
    const char *service;
};

static json_t *convert(const struct from *f, const json_t *schema);

json_t *openapi_ref(const char *kind, const char *name)
{
    AUTO_FREE char *target = xasprintf("#/components/%s/%s", kind, name);
    return json_pack("{s:s}", "$ref", target);
}

/* ---- one keyword each ---- */

static bool is_decimal(const json_t *schema)
{
    const char *format = json_string_value(json_object_get(schema, "format"));
    return format && strcmp(format, "decimal") == 0;
}

static bool allows_null(const json_t *type)
{
    const json_t *one;
    size_t i;
    json_array_foreach(type, i, one)
    {
        if (strcmp(json_string_value(one), "null") == 0)
            return true;
    }
    return false;
}

/* 3.0 knows one type and `nullable`; a list of several real types is left open. */
static void put_type(const struct from *f, json_t *out, const json_t *type)
{
    const json_t *one;
    size_t i, real = json_array_size(type) - allows_null(type);
    if (f->doc->version == OPENAPI_3_1 || !json_is_array(type)) {
        json_object_set_new(out, "type", json_deep_copy(type));
        return;
    }
    json_array_foreach(type, i, one)
    {
        if (real == 1 && strcmp(json_string_value(one), "null") != 0)
            json_object_set_new(out, "type", json_deep_copy(one));
    }
    if (allows_null(type))
        json_object_set_new(out, "nullable", json_true());
}

static void put_properties(const struct from *f, json_t *out, const json_t *properties)
{
    json_t *converted = json_object();
    const char *name;
    json_t *one;
    json_object_foreach((json_t *)(uintptr_t)properties, name, one)
        json_object_set_new(converted, name, convert(f, one));
    json_object_set_new(out, "properties", converted);
}

static void put_items(const struct from *f, json_t *out, const json_t *items)
{
    json_object_set_new(out, "items", convert(f, items));
}

static void put_const(const struct from *f, json_t *out, const json_t *value)
{
    if (f->doc->version == OPENAPI_3_1)
        json_object_set_new(out, "const", json_deep_copy(value));
    else
        json_object_set_new(out, "enum", json_pack("[o]", json_deep_copy(value)));
}

static void put_examples(const struct from *f, json_t *out, const json_t *list)
{
    if (f->doc->version == OPENAPI_3_1)
        json_object_set_new(out, "examples", json_deep_copy(list));
    else if (json_array_size(list) > 0)
        json_object_set_new(out, "example", json_deep_copy(json_array_get(list, 0)));
}

/* How the validator speaks is no part of the shape. */
static void put_nothing(const struct from *f, json_t *out, const json_t *value)
{
    (void)f, (void)out, (void)value;
}

/* Keywords that are not simply copied. */
static const struct keyword {
    const char *name;
    void (*put)(const struct from *f, json_t *out, const json_t *value);
} KEYWORDS[] = {
    { "type", put_type },         { "properties", put_properties },
    { "items", put_items },       { "const", put_const },
    { "examples", put_examples }, { "x-messages", put_nothing },
    { "x-trim", put_nothing },
};

static void put(const struct from *f, json_t *out, const char *key, const json_t *value)
{
    for (size_t i = 0; i < ARRAY_LEN(KEYWORDS); i++)
        if (strcmp(KEYWORDS[i].name, key) == 0) {
            KEYWORDS[i].put(f, out, value);
            return;
        }
    json_object_set_new(out, key, json_deep_copy(value));
}

/* ---- whole schemas ---- */

/* The bound of a decimal holds for the number that the text means. */
static void say_decimal(json_t *out)
{
    const json_t *digits = json_object_get(out, "x-digits");
    const json_t *places = json_object_get(out, "x-places");
    const json_t *least = json_object_get(out, "minimum");
    if (!digits || !places || json_object_get(out, "description"))
        return;
    AUTO_FREE char *text = xasprintf(
        "A decimal number, as text or as a JSON number: at most %d digits, %d of them "
        "after the point%s",
        (int)json_integer_value(digits), (int)json_integer_value(places),
        least && json_number_value(least) == 0 ? ", not below 0" : "");
    json_object_set_new(out, "description", json_string(text));
    json_object_del(out, "minimum");
}

static json_t *convert(const struct from *f, const json_t *schema)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref")), *key;
    json_t *out, *value;
    if (ref) {
        const char *last = strrchr(ref, '/');
        AUTO_FREE char *name = xasprintf("%s.%s", f->service, last ? last + 1 : ref);
        return openapi_ref("schemas", name);
    }
    out = json_object();
    json_object_foreach((json_t *)(uintptr_t)schema, key, value) put(f, out, key, value);
    if (is_decimal(schema))
        say_decimal(out);
    return out;
}

json_t *openapi_schema(const struct openapi *doc, const char *service,
                       const json_t *schema)
{
    return convert(&(struct from){ doc, service }, schema);
}

void openapi_types(struct openapi *doc, const char *service, const json_t *file)
{
    const char *type;
    json_t *schema;
    json_object_foreach(json_object_get(file, "types"), type, schema)
    {
        AUTO_FREE char *name = xasprintf("%s.%s", service, type);
        json_object_set_new(doc->schemas, name, openapi_schema(doc, service, schema));
    }
}

/* ---- a method's body and response ---- */

/* The schema behind a reference to one of the file's types. */
static const json_t *follow(const struct openapi_method *om, const json_t *schema)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    const json_t *file = json_object_get(om->doc->files, om->m->service);
    if (!ref)
        return schema;
    return json_object_get(json_object_get(file, "types"), strrchr(ref, '/') + 1);
}

json_t *openapi_part(const struct openapi_method *om, const char *part)
{
    const json_t *schema = json_object_get(om->json, part);
    bool partial = strcmp(part, "body") == 0 && strcmp(om->m->verb, "PATCH") == 0;
    if (json_object_get(schema, "$ref") && !partial)
        return openapi_schema(om->doc, om->m->service, schema);
    AUTO_FREE char *name = xasprintf("%s.%s", om->m->name, part);
    json_t *own = openapi_schema(om->doc, om->m->service, follow(om, schema));
    if (partial)
        json_object_del(own, "required");
    json_object_set_new(om->doc->schemas, name, own);
    return openapi_ref("schemas", name);
}
