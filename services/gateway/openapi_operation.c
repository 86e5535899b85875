/* One method as an operation: who may call it, what it takes. */
#include <string.h>

#include "base/mem.h"
#include "gateway/openapi_internal.h"

/* ---- parameters ---- */

static json_t *parameter(const char *in, const char *name, bool required, json_t *schema)
{
    json_t *p = json_pack("{s:s, s:s}", "name", name, "in", in);
    json_t *description = json_object_get(schema, "description");
    if (required)
        json_object_set_new(p, "required", json_true());
    if (description) {
        json_object_set(p, "description", description);
        json_object_del(schema, "description");
    }
    json_object_set_new(p, "schema", schema);
    return p;
}

static void put_path(const struct openapi_method *om, json_t *list)
{
    const char *name;
    json_t *schema;
    const json_t *example = json_array_get(json_object_get(om->json, "examples"), 0);
    size_t i = 0;
    json_object_foreach(json_object_get(om->json, "params"), name, schema)
    {
        json_t *p = parameter("path", name, true,
                              openapi_schema(om->doc, om->m->service, schema));
        const json_t *value = json_array_get(json_object_get(example, "path"), i++);
        const json_t *type = json_object_get(schema, "type");
        json_int_t n = strtoll(value ? json_string_value(value) : "0", NULL, 10);
        bool integer = type && strcmp(json_string_value(type), "integer") == 0;
        if (value)
            json_object_set_new(p, "example",
                                integer ? json_integer(n) : json_deep_copy(value));
        json_array_append_new(list, p);
    }
}

static bool lists(const json_t *required, const char *name)
{
    const json_t *one;
    size_t i;
    json_array_foreach(required, i, one)
    {
        if (strcmp(json_string_value(one), name) == 0)
            return true;
    }
    return false;
}

/* What the contract's example gives for one parameter of the query. */
static json_t *query_value(const struct openapi_method *om, const char *name)
{
    const json_t *example = json_array_get(json_object_get(om->json, "examples"), 0);
    struct str rest = str_of(json_string_value(json_object_get(example, "query")));
    while (rest.n > 0) {
        struct str value = str_cut(&rest, '&');
        if (str_eq(str_cut(&value, '='), str_of(name)))
            return json_stringn(value.p ? value.p : "", value.n);
    }
    return NULL;
}

static void put_query(const struct openapi_method *om, json_t *list)
{
    const json_t *query = json_object_get(om->json, "query");
    const json_t *required = json_object_get(query, "required");
    const char *name;
    json_t *schema;
    json_object_foreach(json_object_get(query, "properties"), name, schema)
    {
        json_t *p = parameter("query", name, lists(required, name),
                              openapi_schema(om->doc, om->m->service, schema));
        json_t *value = query_value(om, name);
        if (value)
            json_object_set_new(p, "example", value);
        json_array_append_new(list, p);
    }
}

static void put_headers(const struct openapi_method *om, json_t *list)
{
    static const struct {
        unsigned bit;
        const char *name, *description;
    } HEADERS[] = {
        { WANT_IDEMPOTENCY_KEY, "Idempotency-Key",
          "Any text of at most 255 characters. A request repeated with the same key is "
          "done once and answered the same" },
        { WANT_IF_MATCH, "If-Match", "Only when the ETag is still this one" },
        { WANT_IF_NONE_MATCH, "If-None-Match", "304 when the ETag is still this one" },
    };
    for (size_t i = 0; i < ARRAY_LEN(HEADERS); i++)
        if (om->m->headers & HEADERS[i].bit)
            json_array_append_new(
                list, parameter("header", HEADERS[i].name, false,
                                json_pack("{s:s, s:s}", "type", "string", "description",
                                          HEADERS[i].description)));
}

/* ---- body ---- */

static const json_t *example_body(const struct openapi_method *om)
{
    const json_t *example;
    size_t i;
    json_array_foreach(json_object_get(om->json, "examples"), i, example)
    {
        if (json_object_get(example, "body"))
            return json_object_get(example, "body");
    }
    return NULL;
}

/* Every body may come as JSON or as either kind of form. */
static json_t *request_body(const struct openapi_method *om)
{
    static const char *const TYPES[] = { "application/json",
                                         "application/x-www-form-urlencoded",
                                         "multipart/form-data" };
    const json_t *example = example_body(om);
    json_t *content = json_object(), *ref = openapi_part(om, "body");
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
        json_t *media = json_pack("{s:O}", "schema", ref);
        if (example)
            json_object_set_new(media, "example", json_deep_copy(example));
        json_object_set_new(content, TYPES[i], media);
    }
    json_decref(ref);
    return json_pack("{s:b, s:o}", "required", om->m->verb[0] != 'D', "content", content);
}

/* ---- the operation ---- */

static json_t *security(const struct contract_method *m)
{
    switch (m->auth) {
    case AUTH_NONE:
        break;
    case AUTH_OPTIONAL:
        return json_pack("[{}, {s:[]}]", "bearer");
    case AUTH_USER:
    case AUTH_ADMIN:
        return json_pack("[{s:[]}]", "bearer");
    }
    return json_array();
}

static const char *who(const struct contract_method *m)
{
    static const char *const TEXT[] = {
        [AUTH_NONE] = "Anyone may call this.",
        [AUTH_OPTIONAL] = "Anyone may call this; a token changes what is shown.",
        [AUTH_USER] = "Needs an access token.",
        [AUTH_ADMIN] = "Needs an administrator's access token.",
    };
    return TEXT[m->auth];
}

json_t *openapi_operation(const struct openapi_method *om)
{
    const struct contract_method *m = om->m;
    json_t *parameters = json_array();
    json_t *op = json_pack("{s:s, s:[s], s:s, s:s}", "operationId", m->name, "tags",
                           m->service, "summary", m->summary, "description", who(m));
    put_path(om, parameters);
    put_query(om, parameters);
    put_headers(om, parameters);
    if (json_array_size(parameters) > 0)
        json_object_set(op, "parameters", parameters);
    json_decref(parameters);
    if (m->body)
        json_object_set_new(op, "requestBody", request_body(om));
    json_object_set_new(op, "responses", openapi_responses(om));
    json_object_set_new(op, "security", security(m));
    json_object_set_new(op, "x-rate-class", json_string(m->rate));
    return op;
}
