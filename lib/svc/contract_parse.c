/* One file of proto/ to methods; every mistake is a sentence. */
#include <string.h>

#include "base/mem.h"
#include "svc/contract_internal.h"

/* What a method is being read from. */
struct source {
    struct contract *c;
    const struct contract_file_tree *file;
    const json_t *json;
    struct contract_method *m;
    struct str params[CONTRACT_PATH_PARAMS]; /* names in the template */
};

static bool fail(const struct source *s, const char *key, const char *problem)
{
    return contract_fail(s->c,
                         xasprintf("%s: %s: \"%s\" %s", s->file->name,
                                   s->m->name ? s->m->name : "a method", key, problem));
}

static bool known_keys(struct contract *c, const char *where, const json_t *object,
                       const char *const *known)
{
    const char *key;
    json_t *v;
    if (!json_is_object(object))
        return contract_fail(c, xasprintf("%s: not an object", where));
    json_object_foreach((json_t *)(uintptr_t)object, key, v)
    {
        size_t i = 0;
        while (known[i] && strcmp(known[i], key) != 0)
            i++;
        if (!known[i])
            return contract_fail(c, xasprintf("%s: unknown key \"%s\"", where, key));
    }
    return true;
}

/* --- a method's keys ---------------------------------------------------------------- */

static bool set_number(struct source *s, const json_t *v)
{
    const json_t *range = json_object_get(s->file->root, "numbers");
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < json_integer_value(json_array_get(range, 0)) ||
        n > json_integer_value(json_array_get(range, 1)))
        return fail(s, "number", "is outside the range of its file");
    s->m->number = (uint16_t)n;
    return true;
}

static bool set_name(struct source *s, const json_t *v)
{
    s->m->name = json_string_value(v);
    return s->m->name ? true : fail(s, "name", "is no text");
}

static bool set_summary(struct source *s, const json_t *v)
{
    s->m->summary = json_string_value(v);
    return s->m->summary ? true : fail(s, "summary", "is no text");
}

/* Names in braces of "/api/products/{id}", in order. */
static bool read_template(struct source *s)
{
    struct str rest = str_of(s->m->path);
    while (rest.p) {
        struct str part = str_cut(&rest, '/');
        if (part.n == 0 || part.p[0] != '{')
            continue;
        if (part.n < 3 || part.p[part.n - 1] != '}' ||
            s->m->nparams == CONTRACT_PATH_PARAMS)
            return fail(s, "path", "has a bad parameter");
        s->params[s->m->nparams++] = (struct str){ part.p + 1, part.n - 2 };
    }
    return true;
}

static bool set_http(struct source *s, const json_t *v)
{
    static const char *const known[] = { "verb", "path", "success", "title", NULL };
    if (!known_keys(s->c, s->m->name, v, known))
        return false;
    s->m->verb = json_string_value(json_object_get(v, "verb"));
    s->m->path = json_string_value(json_object_get(v, "path"));
    s->m->success = (int)json_integer_value(json_object_get(v, "success"));
    s->m->title = json_string_value(json_object_get(v, "title"));
    if (!s->m->verb || !s->m->path || s->m->success < 200 || s->m->success > 299)
        return fail(s, "http", "needs verb, path and a success from 200 to 299");
    return read_template(s);
}

static int word_index(const json_t *v, const char *const *words)
{
    const char *word = json_string_value(v);
    for (int i = 0; word && words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return -1;
}

static bool set_auth(struct source *s, const json_t *v)
{
    static const char *const words[] = { "none", "optional", "user", "admin", NULL };
    int i = word_index(v, words);
    s->m->auth = (enum contract_auth)(i < 0 ? AUTH_ADMIN : i);
    return i < 0 ? fail(s, "auth", "is none of none, optional, user, admin") : true;
}

static bool set_retry(struct source *s, const json_t *v)
{
    static const char *const words[] = { "never", "safe", "with-key", NULL };
    int i = word_index(v, words);
    s->m->retry = (enum contract_retry)(i < 0 ? RETRY_NEVER : i);
    return i < 0 ? fail(s, "retry", "is none of never, safe, with-key") : true;
}

static bool set_rate(struct source *s, const json_t *v)
{
    s->m->rate = json_string_value(v);
    return s->m->rate ? true : fail(s, "rate", "is no text");
}

static bool set_timeout(struct source *s, const json_t *v)
{
    json_int_t ms = json_integer_value(v);
    if (ms < 1 || ms > 600000)
        return fail(s, "timeout_ms", "is not between 1 and 600000");
    s->m->timeout_ms = (uint32_t)ms;
    return true;
}

static bool set_produces(struct source *s, const json_t *v)
{
    s->m->produces = json_string_value(v);
    return s->m->produces ? true : fail(s, "produces", "is no text");
}

static bool set_also_produces(struct source *s, const json_t *v)
{
    s->m->also_produces = json_string_value(v);
    return s->m->also_produces ? true : fail(s, "also_produces", "is no text");
}

static bool set_ignore_authorization(struct source *s, const json_t *v)
{
    s->m->ignore_authorization = json_is_true(v);
    return json_is_boolean(v) ? true : fail(s, "ignore_authorization", "is no boolean");
}

static bool set_bulk(struct source *s, const json_t *v)
{
    s->m->bulk = json_is_true(v);
    return json_is_boolean(v) ? true : fail(s, "bulk", "is no boolean");
}

static bool set_mail_bound(struct source *s, const json_t *v)
{
    s->m->mail_bound = json_is_true(v);
    return json_is_boolean(v) ? true : fail(s, "mail_bound", "is no boolean");
}

static bool set_local(struct source *s, const json_t *v)
{
    s->m->local = json_is_true(v);
    return json_is_boolean(v) ? true : fail(s, "local", "is no boolean");
}

static bool set_headers(struct source *s, const json_t *v)
{
    static const char *const words[] = { "Idempotency-Key", "If-Match", "If-None-Match",
                                         "User-Agent",      "Base-URL", NULL };
    const json_t *one;
    size_t i;
    json_array_foreach(v, i, one)
    {
        int bit = word_index(one, words);
        if (bit < 0)
            return fail(s, "headers", "names a header that cannot be forwarded");
        s->m->headers |= 1U << bit;
    }
    return json_is_array(v) ? true : fail(s, "headers", "is no list");
}

static bool set_peers(struct source *s, const json_t *v)
{
    size_t n = json_array_size(v), i;
    const char **peers = arena_alloc(&s->c->arena, (n + 1) * sizeof *peers);
    const json_t *one;
    if (!json_is_array(v))
        return fail(s, "peers", "is no list");
    json_array_foreach(v, i, one)
    {
        peers[i] = json_string_value(one);
        if (!peers[i])
            return fail(s, "peers", "holds something that is no name");
    }
    s->m->peers = peers;
    return true;
}

static bool set_params(struct source *s, const json_t *v)
{
    const char *name;
    json_t *def;
    json_object_foreach((json_t *)(uintptr_t)v, name, def)
    {
        unsigned i = 0;
        while (i < s->m->nparams && !str_eq(s->params[i], str_of(name)))
            i++;
        if (i == s->m->nparams)
            return fail(s, name, "is a parameter that the path lacks");
    }
    if (json_object_size(v) != s->m->nparams)
        return fail(s, "params", "does not list the path's parameters");
    AUTO_FREE char *why = NULL;
    json_t *object = json_pack("{s:s, s:O}", "type", "object", "properties", v);
    struct schema *schema = schema_compile(object, s->file->root, &why);
    json_decref(object);
    bool good = schema != NULL;
    schema_free(&schema);
    return good ? true : fail(s, "params", why);
}

static bool set_schema(struct source *s, const char *key, const json_t *v,
                       const struct schema **ret)
{
    AUTO_FREE char *why = NULL;
    *ret = schema_compile(v, s->file->root, &why);
    return *ret ? true : fail(s, key, why);
}

static bool set_query(struct source *s, const json_t *v)
{
    return set_schema(s, "query", v, &s->m->query);
}

static bool set_body(struct source *s, const json_t *v)
{
    return set_schema(s, "body", v, &s->m->body);
}

static bool set_response(struct source *s, const json_t *v)
{
    return set_schema(s, "response", v, &s->m->response);
}

static bool has_member(const json_t *list, const char *key, const json_t *wanted)
{
    const json_t *one;
    size_t i;
    json_array_foreach(
        list, i, one) if (json_is_string(wanted) &&
                          json_equal(json_object_get(one, key), wanted)) return true;
    return false;
}

static bool set_errors(struct source *s, const json_t *v)
{
    const json_t *code;
    size_t i;
    json_array_foreach(
        v, i, code) if (!has_member(s->c->errors, "code",
                                    code)) return fail(s,
                                                       json_string_value(code)
                                                           ? json_string_value(code)
                                                           : "?",
                                                       "is an unknown error");
    return json_is_array(v) ? true : fail(s, "errors", "is no list");
}

static bool set_emits(struct source *s, const json_t *v)
{
    const json_t *type;
    size_t i;
    json_array_foreach(
        v, i, type) if (!has_member(json_object_get(s->file->root, "events"), "type",
                                    type)) return fail(s,
                                                       json_string_value(type)
                                                           ? json_string_value(type)
                                                           : "?",
                                                       "is no event of this file");
    return json_is_array(v) ? true : fail(s, "emits", "is no list");
}

static bool set_examples(struct source *s, const json_t *v)
{
    static const char *const known[] = { "path", "query", "body", "response", NULL };
    const json_t *one;
    size_t i;
    json_array_foreach(v, i,
                       one) if (!known_keys(s->c, s->m->name, one, known)) return false;
    return json_array_size(v) > 0 ? true : fail(s, "examples", "holds no example");
}

/* In the order they are read: the number and name first, for the messages. */
static const struct key {
    const char *name;
    bool required;
    bool (*set)(struct source *s, const json_t *v);
} KEYS[] = {
    { "name", true, set_name },
    { "number", true, set_number },
    { "summary", true, set_summary },
    { "http", false, set_http },
    { "auth", true, set_auth },
    { "ignore_authorization", false, set_ignore_authorization },
    { "rate", false, set_rate },
    { "timeout_ms", true, set_timeout },
    { "retry", true, set_retry },
    { "bulk", false, set_bulk },
    { "mail_bound", false, set_mail_bound },
    { "local", false, set_local },
    { "produces", false, set_produces },
    { "also_produces", false, set_also_produces },
    { "headers", false, set_headers },
    { "peers", true, set_peers },
    { "params", false, set_params },
    { "query", false, set_query },
    { "body", false, set_body },
    { "response", false, set_response },
    { "errors", false, set_errors },
    { "emits", false, set_emits },
    { "examples", true, set_examples },
};

static bool read_keys(struct source *s)
{
    const char *known[ARRAY_LEN(KEYS) + 1] = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++)
        known[i] = KEYS[i].name;
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
        const json_t *v = json_object_get(s->json, KEYS[i].name);
        if (!v && KEYS[i].required)
            return fail(s, KEYS[i].name, "is missing");
        if (v && !KEYS[i].set(s, v))
            return false;
    }
    return known_keys(s->c, s->m->name, s->json, known);
}

static bool consistent(struct source *s)
{
    if (s->m->nparams > 0 && !json_object_get(s->json, "params"))
        return fail(s, "params", "is missing");
    if (s->m->verb && !s->m->rate)
        return fail(s, "rate", "is missing");
    if (s->m->local && !s->m->verb)
        return fail(s, "local", "makes no sense without \"http\"");
    return true;
}

static bool parse_method(struct contract *c, const struct contract_file_tree *f,
                         const json_t *json)
{
    struct contract_method *m = &c->methods[c->nmethods++];
    struct source s = { .c = c, .file = f, .json = json, .m = m };
    m->service = json_string_value(json_object_get(f->root, "service"));
    return read_keys(&s) && consistent(&s);
}

static bool check_event(struct contract *c, const struct contract_file_tree *f,
                        const json_t *json)
{
    static const char *const known[] = { "type",    "version",  "stream", "summary",
                                         "payload", "examples", NULL };
    AUTO_FREE char *why = NULL;
    if (!known_keys(c, f->name, json, known))
        return false;
    const char *type = json_string_value(json_object_get(json, "type"));
    if (!type || !json_string_value(json_object_get(json, "stream")) ||
        json_integer_value(json_object_get(json, "version")) < 1)
        return contract_fail(
            c, xasprintf("%s: an event needs type, stream and version", f->name));
    struct schema *s = schema_compile(json_object_get(json, "payload"), f->root, &why);
    bool good = s != NULL;
    schema_free(&s);
    return good ? true : contract_fail(c, xasprintf("%s: %s: %s", f->name, type, why));
}

bool contract_parse_file(struct contract *c, const struct contract_file_tree *f)
{
    static const char *const known[] = { "service", "numbers",     "types", "methods",
                                         "events",  "description", NULL };
    const json_t *one;
    size_t i;
    if (!known_keys(c, f->name, f->root, known))
        return false;
    if (!json_string_value(json_object_get(f->root, "service")) ||
        json_array_size(json_object_get(f->root, "numbers")) != 2)
        return contract_fail(c, xasprintf("%s: needs service and numbers", f->name));
    json_array_foreach(json_object_get(f->root, "methods"), i,
                       one) if (!parse_method(c, f, one)) return false;
    json_array_foreach(json_object_get(f->root, "events"), i,
                       one) if (!check_event(c, f, one)) return false;
    return true;
}
