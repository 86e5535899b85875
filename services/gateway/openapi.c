/* The document around the operations. */
#include "gateway/openapi.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/openapi_internal.h"
#include "svc/svc.h"

static const char DESCRIPTION[] =
    "Accounts, products and mail over HTTP.\n\n"
    "Paths are served with and without a trailing slash. Every GET answers HEAD, every "
    "path answers OPTIONS. Bodies come as JSON or as either kind of HTML form; unknown "
    "members are ignored. Every error has one shape, and its code never changes its "
    "meaning. Log in, then send the access token as `Authorization: Bearer` and the "
    "token.";

const json_t *openapi_find(const json_t *list, const char *key, const char *value)
{
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one)
    {
        const char *text = json_string_value(json_object_get(one, key));
        if (text && strcmp(text, value) == 0)
            return one;
    }
    return NULL;
}

/* The file of a service, parsed once per document. Borrowed. */
static const json_t *file_of(struct openapi *doc, const char *service)
{
    json_t *file = json_object_get(doc->files, service);
    if (file)
        return file;
    AUTO_FREE char *name = xasprintf("%s.json", service);
    struct str text = contract_file(name);
    file = json_loadb(text.p ? text.p : "", text.n, 0, NULL);
    if (!file)
        BUG("a served method's contract file is gone");
    json_object_set_new(doc->files, service, file);
    openapi_types(doc, service, file);
    return file;
}

static json_t *paths(struct openapi *doc)
{
    size_t n;
    const struct contract_method *all = contract_methods(doc->contract, &n);
    json_t *paths = json_object();
    for (size_t i = 0; i < n; i++) {
        const struct contract_method *m = &all[i];
        if (!m->verb)
            continue;
        char verb[8] = "";
        for (size_t k = 0; m->verb[k] && k + 1 < sizeof verb; k++)
            verb[k] = (char)tolower((unsigned char)m->verb[k]);
        const json_t *methods = json_object_get(file_of(doc, m->service), "methods");
        struct openapi_method om = { doc, m, openapi_find(methods, "name", m->name) };
        json_t *path = json_object_get(paths, m->path);
        if (!path) {
            path = json_object();
            json_object_set_new(paths, m->path, path);
        }
        json_object_set_new(path, verb, openapi_operation(&om));
    }
    return paths;
}

static json_t *info(const struct openapi *doc)
{
    json_t *license = json_pack("{s:s}", "name", "MIT");
    json_t *info = json_pack("{s:s}", "title", "Quintet");
    if (doc->version == OPENAPI_3_1) {
        json_object_set_new(info, "summary",
                            json_string("Accounts, products and mail over HTTP"));
        json_object_set_new(license, "identifier", json_string("MIT"));
    }
    json_object_set_new(info, "description", json_string(DESCRIPTION));
    json_object_set_new(info, "license", license);
    json_object_set_new(info, "version", json_string(SVC_VERSION));
    return info;
}

/* One per service that serves anything, in the order of their numbers. */
static json_t *tags(const struct openapi *doc)
{
    json_t *tags = json_array(), *file;
    const char *service;
    json_object_foreach(doc->files, service, file)
    {
        const json_t *text = json_object_get(file, "description");
        json_t *tag = json_pack("{s:s}", "name", service);
        if (text)
            json_object_set_new(tag, "description", json_deep_copy(text));
        json_array_append_new(tags, tag);
    }
    return tags;
}

static json_t *components(const struct openapi *doc)
{
    return json_pack("{s:O, s:O, s:o, s:{s:{s:s, s:s, s:s, s:s}}}", "schemas",
                     doc->schemas, "examples", doc->examples, "headers",
                     openapi_headers(), "securitySchemes", "bearer", "type", "http",
                     "scheme", "bearer", "bearerFormat", "JWT", "description",
                     "The access token of a login");
}

json_t *openapi_document(const struct contract *contract, enum openapi_version version,
                         const char *server)
{
    struct openapi doc = { .contract = contract,
                           .version = version,
                           .files = json_object(),
                           .schemas = json_object(),
                           .examples = json_object() };
    openapi_error_schemas(&doc);
    json_t *all = paths(&doc);
    json_t *root = json_pack("{s:s, s:o, s:[{s:s}], s:o, s:o, s:o}", "openapi",
                             version == OPENAPI_3_1 ? "3.1.0" : "3.0.3", "info",
                             info(&doc), "servers", "url", server, "tags", tags(&doc),
                             "paths", all, "components", components(&doc));
    json_decref(doc.files);
    json_decref(doc.schemas);
    json_decref(doc.examples);
    if (!root)
        BUG("an OpenAPI document cannot be put together");
    return root;
}
