/* The page at /docs: contents at the left, one panel per operation, errors, schemas. */
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/docs.h"
#include "gateway/docs_internal.h"

enum { TEXT_MAX = 64 * 1024 };

static const char *const VERBS[] = { "get", "post", "put", "patch", "delete" };

typedef void operation_fn(struct buf *out, const struct docs_operation *op);

static void each_operation(struct buf *out, const json_t *doc, const char *tag,
                           operation_fn *fn)
{
    const char *path;
    json_t *item;
    json_object_foreach(json_object_get(doc, "paths"), path, item)
    {
        for (size_t i = 0; i < ARRAY_LEN(VERBS); i++) {
            const json_t *op = json_object_get(item, VERBS[i]);
            const json_t *first = json_array_get(json_object_get(op, "tags"), 0);
            if (op && strcmp(json_string_value(first), tag) == 0)
                fn(out, &(struct docs_operation){ doc, path, VERBS[i], op });
        }
    }
}

static void add_verb(struct buf *out, const char *verb)
{
    bool reads = strcmp(verb, "get") == 0;
    html_add(out, "<span class=\"verb%s\">", reads ? "" : " writes");
    for (; *verb; verb++)
        buf_char(out, (char)toupper((unsigned char)*verb));
    buf_cstr(out, "</span>");
}

/* ---- head and contents ---- */

static void add_head(struct buf *out, const json_t *doc)
{
    html_add(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
        "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
        "<title>Quintet API</title>\n"
        "<link rel=\"icon\" href=\"/docs/mark.svg\"/>\n"
        "<link rel=\"stylesheet\" href=\"/docs/style.css\"/>\n"
        "<script type=\"module\" src=\"/docs/page.js\"></script>\n</head>\n<body>\n"
        "<a class=\"skip\" href=\"#main\">Skip to content</a>\n"
        "<header class=\"bar\"><a class=\"brand\" href=\"/docs\">"
        "<img src=\"/docs/mark.svg\" alt=\"\" width=\"20\" height=\"20\"/>Quintet API"
        "</a><span class=\"dim\">%s</span><span class=\"links\">"
        "<a href=\"/openapi.json\">OpenAPI 3.1</a>"
        "<a href=\"/openapi-3.0.json\">OpenAPI 3.0</a>"
        "<a href=\"/asyncapi.json\">Events</a></span></header>\n"
        "<div class=\"page\">\n",
        docs_text(json_object_get(doc, "info"), "version"));
}

static void add_entry(struct buf *out, const struct docs_operation *op)
{
    html_add(out, "<li><a href=\"#%s\">", docs_text(op->json, "operationId"));
    add_verb(out, op->verb);
    html_add(out, "<span>%s</span></a></li>\n", docs_text(op->json, "summary"));
}

static void add_contents(struct buf *out, const json_t *doc)
{
    const json_t *tag;
    size_t i;
    buf_cstr(out, "<nav aria-label=\"Contents\">\n<ul>\n"
                  "<li><a class=\"part\" href=\"#start\">Start</a></li>\n");
    json_array_foreach(json_object_get(doc, "tags"), i, tag)
    {
        const char *name = docs_text(tag, "name");
        html_add(out, "<li><a class=\"part\" href=\"#tag-%s\">%s</a>\n<ul>\n", name,
                 name);
        each_operation(out, doc, name, add_entry);
        buf_cstr(out, "</ul></li>\n");
    }
    buf_cstr(out, "<li><a class=\"part\" href=\"#errors\">Errors</a></li>\n"
                  "<li><a class=\"part\" href=\"#schemas\">Schemas</a></li>\n"
                  "</ul>\n</nav>\n");
}

/* ---- one operation ---- */

static void add_parameter(struct buf *out, const json_t *p)
{
    const json_t *schema = json_object_get(p, "schema");
    AUTO_FREE char *example =
        json_object_get(p, "example")
            ? json_dumps(json_object_get(p, "example"), JSON_ENCODE_ANY)
            : NULL;
    html_add(out, "<tr data-in=\"%s\" data-name=\"%s\" data-example=\"%s\">",
             docs_text(p, "in"), docs_text(p, "name"), example ? example : "");
    html_add(out, "<th scope=\"row\"><code>%s</code>", docs_text(p, "name"));
    if (json_is_true(json_object_get(p, "required")))
        buf_cstr(out, " <span class=\"needed\">required</span>");
    html_add(out, "</th><td>%s</td><td>", docs_text(p, "in"));
    docs_type(out, schema);
    html_add(out, "</td><td>%s ", docs_text(p, "description"));
    docs_notes(out, schema);
    buf_cstr(out, "</td></tr>\n");
}

static void add_parameters(struct buf *out, const struct docs_operation *op)
{
    const json_t *list = json_object_get(op->json, "parameters"), *p;
    size_t i;
    if (json_array_size(list) == 0)
        return;
    buf_cstr(out, "<h4>Parameters</h4>\n<table><thead><tr><th scope=\"col\">Name</th>"
                  "<th scope=\"col\">In</th><th scope=\"col\">Type</th>"
                  "<th scope=\"col\">Rules</th></tr></thead>\n<tbody>\n");
    json_array_foreach(list, i, p) add_parameter(out, p);
    buf_cstr(out, "</tbody></table>\n");
}

static const json_t *json_schema(const json_t *holder)
{
    const json_t *media =
        json_object_get(json_object_get(holder, "content"), "application/json");
    return json_object_get(media, "schema");
}

static void add_body(struct buf *out, const struct docs_operation *op)
{
    const json_t *schema = json_schema(json_object_get(op->json, "requestBody"));
    if (!schema)
        return;
    buf_cstr(out, "<h4>Body <small>JSON, form or multipart</small></h4>\n");
    docs_members(out, op->doc, schema, "required");
}

/* The codes of an error, each a link to its row. */
static void add_codes(struct buf *out, const json_t *response)
{
    const json_t *media =
        json_object_get(json_object_get(response, "content"), "application/json");
    const char *code;
    json_t *example;
    bool any = false;
    json_object_foreach(json_object_get(media, "examples"), code, example)
    {
        html_add(out,
                 any ? ", <a href=\"#error-%s\"><code>%s</code></a>"
                     : "<a href=\"#error-%s\"><code>%s</code></a>",
                 code, code);
        any = true;
    }
    if (!any)
        html_add(out, "%s", docs_text(response, "description"));
}

static void add_responses(struct buf *out, const struct docs_operation *op)
{
    const char *status;
    json_t *response;
    buf_cstr(out, "<h4>Answers</h4>\n<table class=\"answers\"><tbody>\n");
    json_object_foreach(json_object_get(op->json, "responses"), status, response)
    {
        html_add(out, "<tr><th scope=\"row\"><code>%s</code></th><td>", status);
        add_codes(out, response);
        buf_cstr(out, "</td></tr>\n");
    }
    buf_cstr(out, "</tbody></table>\n");
}

static const json_t *success_of(const struct docs_operation *op)
{
    const char *status;
    json_t *response;
    json_object_foreach(json_object_get(op->json, "responses"), status, response)
    {
        if (status[0] == '2')
            return response;
    }
    return NULL;
}

static void add_success(struct buf *out, const struct docs_operation *op)
{
    const json_t *schema = json_schema(success_of(op));
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    if (!schema)
        return;
    buf_cstr(out, "<h4>On success");
    /* Only types have a section; a response of the method alone has its table here. */
    if (ref && !strstr(ref, ".response")) {
        buf_cstr(out, " <small>");
        docs_type(out, schema);
        buf_cstr(out, "</small>");
    }
    buf_cstr(out, "</h4>\n");
    docs_members(out, op->doc, schema, "always");
}

static void add_examples(struct buf *out, const struct docs_operation *op)
{
    AUTO_FREE char *body = docs_body(op);
    const json_t *content = json_object_get(success_of(op), "content");
    AUTO_FREE char *answer = docs_answer(json_object_get(content, "application/json"));
    AUTO_BUF struct buf curl;
    buf_init(&curl, TEXT_MAX);
    docs_curl(&curl, op);
    html_add(out, "<h4>With curl</h4>\n<pre tabindex=\"0\" class=\"curl\">%s</pre>\n",
             curl.p ? curl.p : "");
    if (body)
        html_add(out, "<h4>Body</h4>\n<pre tabindex=\"0\" class=\"body\">%s</pre>\n",
                 body);
    if (answer)
        html_add(out, "<h4>Answer</h4>\n<pre tabindex=\"0\">%s</pre>\n", answer);
}

static void add_operation(struct buf *out, const struct docs_operation *op)
{
    const char *id = docs_text(op->json, "operationId");
    html_add(out,
             "<article class=\"panel\" id=\"%s\" data-verb=\"%s\" data-path=\"%s\" "
             "data-token=\"%s\" "
             "aria-labelledby=\"%s-title\">\n<header><h3 id=\"%s-title\">%s</h3>"
             "<p class=\"call\">",
             id, op->verb, op->path, docs_needs_token(op) ? "needed" : "", id, id,
             docs_text(op->json, "summary"));
    add_verb(out, op->verb);
    html_add(out,
             "<code>%s</code></p></header>\n<p class=\"dim\">%s Rate class %s. "
             "<code>%s</code></p>\n<div class=\"two\"><div>\n",
             op->path, docs_text(op->json, "description"),
             docs_text(op->json, "x-rate-class"), id);
    add_parameters(out, op);
    add_body(out, op);
    add_success(out, op);
    add_responses(out, op);
    buf_cstr(out, "</div><div class=\"examples\">\n");
    add_examples(out, op);
    buf_cstr(out, "</div></div>\n</article>\n");
}

/* ---- the rest of the page ---- */

static void add_start(struct buf *out, const json_t *doc)
{
    const json_t *info = json_object_get(doc, "info");
    const json_t *server = json_array_get(json_object_get(doc, "servers"), 0);
    buf_cstr(out, "<section id=\"start\" class=\"panel\">\n<h1>Quintet API</h1>\n");
    html_prose(out, docs_text(info, "description"));
    html_add(out,
             "<dl><dt>Served at</dt><dd><code>%s</code></dd>"
             "<dt>Version</dt><dd>%s</dd></dl>\n</section>\n",
             docs_text(server, "url"), docs_text(info, "version"));
}

static void add_error(struct buf *out, const char *code, const json_t *example)
{
    const json_t *value = json_object_get(example, "value");
    AUTO_FREE char *status =
        json_dumps(json_object_get(value, "status_code"), JSON_ENCODE_ANY);
    html_add(out,
             "<tr id=\"error-%s\"><th scope=\"row\"><code>%s</code></th>"
             "<td class=\"num\">%s</td><td>%s</td></tr>\n",
             code, code, status, docs_text(example, "summary"));
}

static void add_errors(struct buf *out, const json_t *doc)
{
    const json_t *components = json_object_get(doc, "components");
    const json_t *schema =
        json_object_get(json_object_get(components, "schemas"), "error");
    const json_t *examples = json_object_get(components, "examples");
    const char *code;
    json_t *example;
    buf_cstr(out, "<section id=\"errors\" class=\"panel\">\n<h2>Errors</h2>\n");
    html_add(out, "<p>%s</p>\n", docs_text(schema, "description"));
    buf_cstr(out, "<h3>Members</h3>\n");
    docs_members(out, doc, schema, "always");
    AUTO_FREE char *text = json_dumps(
        json_object_get(json_object_get(examples, "invalid"), "value"), JSON_INDENT(2));
    if (text)
        html_add(out, "<pre tabindex=\"0\">%s</pre>\n", text);
    buf_cstr(out, "<h3>Codes</h3>\n"
                  "<table><thead><tr><th scope=\"col\">Code</th><th scope=\"col\" "
                  "class=\"num\">Status</th><th scope=\"col\">Text</th></tr></thead>\n"
                  "<tbody>\n");
    json_object_foreach((json_t *)(uintptr_t)examples, code, example)
        add_error(out, code, example);
    buf_cstr(out, "</tbody></table>\n</section>\n");
}

static bool is_type(const char *name)
{
    const char *last = strrchr(name, '.');
    return !last || (strcmp(last, ".body") != 0 && strcmp(last, ".response") != 0);
}

static void add_schemas(struct buf *out, const json_t *doc)
{
    const json_t *schemas =
        json_object_get(json_object_get(doc, "components"), "schemas");
    const char *name;
    json_t *schema;
    buf_cstr(out, "<section id=\"schemas\"><h2>Schemas</h2>\n");
    json_object_foreach((json_t *)(uintptr_t)schemas, name, schema)
    {
        if (!is_type(name))
            continue;
        html_add(out,
                 "<article class=\"panel\" id=\"schema-%s\"><h3><code>%s</code></h3>\n",
                 name, name);
        docs_members(out, doc, schema, "required");
        buf_cstr(out, "</article>\n");
    }
    buf_cstr(out, "</section>\n");
}

void gateway_docs_page(struct buf *out, const json_t *document)
{
    const json_t *tag;
    size_t i;
    add_head(out, document);
    add_contents(out, document);
    buf_cstr(out, "<main id=\"main\" tabindex=\"-1\">\n");
    add_start(out, document);
    json_array_foreach(json_object_get(document, "tags"), i, tag)
    {
        const char *name = docs_text(tag, "name");
        html_add(out, "<section id=\"tag-%s\"><h2>%s <small>%s</small></h2>\n", name,
                 name, docs_text(tag, "description"));
        each_operation(out, document, name, add_operation);
        buf_cstr(out, "</section>\n");
    }
    add_errors(out, document);
    add_schemas(out, document);
    buf_cstr(out, "</main>\n</div>\n</body>\n</html>\n");
}
