/* What a method answers: its success, and every error it or the gateway may say. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "gateway/envelope.h"
#include "gateway/openapi_internal.h"

enum { EXAMPLE_MAX = 4096, CODES_MAX = 40 };

/* Error codes of one method, without twins. */
struct codes {
    const struct err_info *info[CODES_MAX];
    size_t n;
};

static void add_code(struct codes *c, const struct err_info *info)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->info[i] == info)
            return;
    if (c->n < CODES_MAX)
        c->info[c->n++] = info;
}

static void add(struct codes *c, enum err e)
{
    add_code(c, err_info(e));
}

static void add_by_name(struct codes *c, const char *code)
{
    size_t n;
    const struct err_info *table = err_table(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i].code, code) == 0)
            add_code(c, &table[i]);
}

/* What dispatch.c decides before the owner of the method is asked. */
static void add_decided(struct codes *c, const struct contract_method *m)
{
    bool actor = m->auth == AUTH_USER || m->auth == AUTH_ADMIN;
    add(c, ERR_NOT_FOUND); /* of ?format=, when nothing else */
    add(c, ERR_NOT_ACCEPTABLE);
    if (!m->ignore_authorization) {
        add(c, ERR_BAD_AUTHORIZATION);
        add(c, ERR_TOKEN_NOT_VALID);
    }
    if (actor)
        add(c, ERR_NOT_AUTHENTICATED);
    if (m->auth == AUTH_ADMIN)
        add(c, ERR_PERMISSION_DENIED);
    if (strcmp(m->rate, "none") != 0)
        add(c, ERR_THROTTLED);
    if (strcmp(m->verb, "GET") != 0)
        add(c, ERR_TOO_LARGE);
    add(c, ERR_INTERNAL);
    if (m->local)
        return;
    add(c, ERR_BAD_REQUEST);
    add(c, ERR_UNAVAILABLE);
    add(c, ERR_DEADLINE);
}

static void collect(const struct openapi_method *om, struct codes *c)
{
    const json_t *code;
    size_t i;
    json_array_foreach(json_object_get(om->json, "errors"), i, code)
        add_by_name(c, json_string_value(code));
    add_decided(c, om->m);
}

/* ---- errors ---- */

/* The very document that a client would get. */
static json_t *envelope_of(const struct err_info *info, bool problem)
{
    struct gateway_error error = { .e = info->number,
                                   .request_id = "0192f0c1a7e87c3a9d3f5b6a7c8d9e0f",
                                   .problem = problem };
    AUTO_BUF struct buf text;
    buf_init(&text, EXAMPLE_MAX);
    if (info->number == ERR_VALIDATION)
        error.details = STR("{\"name\":[\"This field is required.\"]}");
    gateway_envelope(&error, &text);
    return json_loadb(text.p, text.n, 0, NULL);
}

static void put_page(const struct openapi_method *om, json_t *content)
{
    const char *type = om->m->produces ? om->m->produces : om->m->also_produces;
    if (type)
        json_object_set_new(content, type,
                            json_pack("{s:{s:s}}", "schema", "type", "string"));
}

static json_t *content_of(const struct openapi_method *om, const struct codes *c,
                          int status)
{
    json_t *examples = json_object();
    for (size_t i = 0; i < c->n; i++) {
        const struct err_info *info = c->info[i];
        if (info->status != status)
            continue;
        json_object_set_new(examples, info->code, openapi_ref("examples", info->code));
        json_object_set_new(om->doc->examples, info->code,
                            json_pack("{s:s, s:o}", "summary", info->detail, "value",
                                      envelope_of(info, false)));
    }
    json_t *content = json_pack("{s:{s:o, s:o}, s:{s:o}}", "application/json", "schema",
                                openapi_ref("schemas", "error"), "examples", examples,
                                "application/problem+json", "schema",
                                openapi_ref("schemas", "problem"));
    /* Who was to see a page is told on a page what is wrong with the link or the form. */
    if (status == 400 && !om->m->local)
        put_page(om, content);
    return content;
}

static json_t *headers_of(int status)
{
    json_t *headers =
        json_pack("{s:o, s:o}", "X-Request-ID", openapi_ref("headers", "X-Request-ID"),
                  "traceparent", openapi_ref("headers", "traceparent"));
    if (status == 401)
        json_object_set_new(headers, "WWW-Authenticate",
                            openapi_ref("headers", "WWW-Authenticate"));
    if (status == 429 || status == 503)
        json_object_set_new(headers, "Retry-After",
                            openapi_ref("headers", "Retry-After"));
    if (status == 429) {
        json_object_set_new(headers, "RateLimit", openapi_ref("headers", "RateLimit"));
        json_object_set_new(headers, "RateLimit-Policy",
                            openapi_ref("headers", "RateLimit-Policy"));
    }
    return headers;
}

/* "Bad Request: parse_error, invalid" */
static json_t *describe(const struct codes *c, int status)
{
    AUTO_BUF struct buf text;
    buf_init(&text, EXAMPLE_MAX);
    for (size_t i = 0; i < c->n; i++) {
        if (c->info[i]->status != status)
            continue;
        buf_printf(&text, "%s%s", text.n ? ", " : c->info[i]->message,
                   text.n ? "" : ": ");
        buf_cstr(&text, c->info[i]->code);
    }
    return json_stringn(text.p, text.n);
}

static void put_errors(const struct openapi_method *om, json_t *responses)
{
    struct codes c = { .n = 0 };
    collect(om, &c);
    for (int status = 400; status < 600; status++) {
        char key[12];
        json_t *text = describe(&c, status);
        if (json_string_length(text) == 0) {
            json_decref(text);
            continue;
        }
        snprintf(key, sizeof key, "%d", status);
        json_object_set_new(responses, key,
                            json_pack("{s:o, s:o, s:o}", "description", text, "headers",
                                      headers_of(status), "content",
                                      content_of(om, &c, status)));
    }
}

/* ---- success ---- */

/* The contract's own; for a read that has none, the example another method gives for the
 * same type. Borrowed; may be NULL. */
static const json_t *example_of(const struct openapi_method *om)
{
    const json_t *mine = json_object_get(om->json, "response"), *method, *example;
    const json_t *file = json_object_get(om->doc->files, om->m->service);
    size_t i, j;
    json_array_foreach(json_object_get(om->json, "examples"), i, example)
    {
        if (json_object_get(example, "response"))
            return json_object_get(example, "response");
    }
    if (strcmp(om->m->verb, "GET") != 0 || !json_object_get(mine, "$ref"))
        return NULL;
    json_array_foreach(json_object_get(file, "methods"), i, method)
    {
        if (!json_equal(json_object_get(method, "response"), mine))
            continue;
        json_array_foreach(json_object_get(method, "examples"), j, example)
        {
            if (json_object_get(example, "response"))
                return json_object_get(example, "response");
        }
    }
    return NULL;
}

static json_t *success_content(const struct openapi_method *om)
{
    json_t *content = json_object();
    put_page(om, content);
    if (om->m->response) {
        json_t *media = json_pack("{s:o}", "schema", openapi_part(om, "response"));
        const json_t *example = example_of(om);
        if (example)
            json_object_set_new(media, "example", json_deep_copy(example));
        json_object_set_new(content, "application/json", media);
    }
    return content;
}

static const char *reason(int status)
{
    return status == 201 ? "Created" : status == 204 ? "No content" : "Success";
}

static void put_success(const struct openapi_method *om, json_t *responses)
{
    char key[12];
    json_t *headers = headers_of(om->m->success), *content = success_content(om);
    bool tagged = om->m->headers & WANT_IF_NONE_MATCH;
    if (tagged)
        json_object_set_new(headers, "ETag", openapi_ref("headers", "ETag"));
    json_t *response = json_pack("{s:s, s:o}", "description", reason(om->m->success),
                                 "headers", headers);
    if (json_object_size(content) > 0)
        json_object_set(response, "content", content);
    json_decref(content);
    snprintf(key, sizeof key, "%d", om->m->success);
    json_object_set_new(responses, key, response);
    if (!tagged)
        return;
    headers = headers_of(304);
    json_object_set_new(headers, "ETag", openapi_ref("headers", "ETag"));
    json_object_set_new(responses, "304",
                        json_pack("{s:s, s:o}", "description",
                                  "Not modified: the client's copy is the present one",
                                  "headers", headers));
}

/* The health document is the answer whether all is well or not. */
static void put_unhealthy(const struct openapi_method *om, json_t *responses)
{
    json_t *response =
        json_pack("{s:s, s:o, s:{s:{s:o}}}", "description",
                  "Something that the API needs does not work; checks says what",
                  "headers", headers_of(503), "content", "application/json", "schema",
                  openapi_part(om, "response"));
    json_object_set_new(responses, "503", response);
}

json_t *openapi_responses(const struct openapi_method *om)
{
    json_t *responses = json_object();
    put_success(om, responses);
    put_errors(om, responses);
    if (strcmp(om->m->name, "gateway.health") == 0)
        put_unhealthy(om, responses);
    return responses;
}

/* ---- what they share ---- */

static const char ERROR_SCHEMA[] =
    "{\"type\":\"object\","
    "\"description\":\"Every error has this shape.\","
    "\"required\":[\"error\",\"status_code\",\"message\",\"details\",\"code\"],"
    "\"properties\":{"
    "\"error\":{\"type\":\"boolean\",\"const\":true},"
    "\"status_code\":{\"type\":\"integer\",\"description\":\"The HTTP status again\"},"
    "\"message\":{\"type\":\"string\",\"description\":\"The reason phrase of the "
    "status\"},"
    "\"details\":{\"type\":\"object\",\"description\":\"Messages by field, or one text "
    "under detail\"},"
    "\"code\":{\"type\":\"string\",\"description\":\"For programs; never changes its "
    "meaning\"},"
    "\"request_id\":{\"type\":\"string\",\"description\":\"Also in X-Request-ID and in "
    "the "
    "logs\"}}}";

static const char PROBLEM_SCHEMA[] =
    "{\"type\":\"object\","
    "\"description\":\"The same as RFC 9457, for clients that ask for "
    "application/problem+json.\","
    "\"required\":[\"type\",\"title\",\"status\",\"detail\",\"code\"],"
    "\"properties\":{"
    "\"type\":{\"type\":\"string\"},"
    "\"title\":{\"type\":\"string\"},"
    "\"status\":{\"type\":\"integer\"},"
    "\"detail\":{\"type\":\"string\"},"
    "\"code\":{\"type\":\"string\"},"
    "\"request_id\":{\"type\":\"string\"},"
    "\"errors\":{\"type\":\"object\",\"description\":\"Messages by field\"}}}";

static void put_schema(struct openapi *doc, const char *name, const char *text)
{
    json_t *schema = json_loads(text, 0, NULL);
    if (!schema)
        BUG("a built-in schema is no JSON");
    json_object_set_new(doc->schemas, name, openapi_schema(doc, "", schema));
    json_decref(schema);
}

void openapi_error_schemas(struct openapi *doc)
{
    put_schema(doc, "error", ERROR_SCHEMA);
    put_schema(doc, "problem", PROBLEM_SCHEMA);
}

json_t *openapi_headers(void)
{
    static const struct {
        const char *name, *type, *description;
    } HEADERS[] = {
        { "X-Request-ID", "string", "The id of this request in every log and trace" },
        { "traceparent", "string",
          "The request in a trace (W3C Trace Context): the client's trace id or a new "
          "one, "
          "and the span id that the gateway gave the request" },
        { "ETag", "string", "The version of this answer; send it as If-None-Match" },
        { "Retry-After", "integer", "Seconds until it is worth asking again" },
        { "RateLimit", "string",
          "What is left and for how long, \"login\";r=0;t=2 (an Internet draft)" },
        { "RateLimit-Policy", "string",
          "The limit, \"login\";q=30;w=60: 30 in 60 s (an Internet draft)" },
        { "WWW-Authenticate", "string", "Bearer realm=\"api\"" },
    };
    json_t *headers = json_object();
    for (size_t i = 0; i < ARRAY_LEN(HEADERS); i++)
        json_object_set_new(headers, HEADERS[i].name,
                            json_pack("{s:s, s:{s:s}}", "description",
                                      HEADERS[i].description, "schema", "type",
                                      HEADERS[i].type));
    return headers;
}
