#include "svc/contract.h"

#include <string.h>

#include "base/mem.h"
#include "svc/contract_internal.h"

extern const struct embed_file embed_proto[];

bool contract_fail(struct contract *c, char *sentence)
{
    if (c->why)
        free(sentence);
    else
        c->why = sentence;
    return false;
}

static bool parse_json(struct contract *c, const struct embed_file *file, json_t **ret)
{
    json_error_t e;
    *ret = json_loadb(file->data, file->size, JSON_REJECT_DUPLICATES, &e);
    if (*ret)
        return true;
    return contract_fail(c, xasprintf("%s: line %d: %s", file->name, e.line, e.text));
}

static bool read_files(struct contract *c, const struct embed_file *set)
{
    size_t n = 0;
    while (set[n].name)
        n++;
    c->files = arena_alloc(&c->arena, (n + 1) * sizeof *c->files);
    for (size_t i = 0; i < n; i++) {
        struct contract_file_tree *f = &c->files[c->nfiles++];
        f->name = set[i].name;
        if (!parse_json(c, &set[i], &f->root))
            return false;
        if (strcmp(f->name, "errors.json") == 0)
            c->errors = json_object_get(f->root, "errors");
    }
    return c->errors ? true : contract_fail(c, xstrdup("errors.json is missing"));
}

static bool parse_files(struct contract *c)
{
    for (size_t i = 0; i < c->nfiles; i++)
        c->cap += json_array_size(json_object_get(c->files[i].root, "methods"));
    c->methods = xcalloc(c->cap, sizeof *c->methods);
    for (size_t i = 0; i < c->nfiles; i++)
        if (strcmp(c->files[i].name, "errors.json") != 0 &&
            !contract_parse_file(c, &c->files[i]))
            return false;
    return c->nmethods > 0 || contract_fail(c, xstrdup("no file holds a method"));
}

static int by_number(const void *a, const void *b)
{
    const struct contract_method *x = a, *y = b;
    return x->number - y->number;
}

static int by_name(const void *a, const void *b)
{
    const struct contract_method *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static bool refuse_twins(struct contract *c)
{
    for (size_t i = 1; i < c->nmethods; i++) {
        const struct contract_method *m = &c->methods[i];
        if (m[-1].number == m->number)
            return contract_fail(
                c, xasprintf("%s and %s have the same number", m[-1].name, m->name));
        if (strcmp(c->by_name[i - 1]->name, c->by_name[i]->name) == 0)
            return contract_fail(
                c, xasprintf("two methods have the name %s", c->by_name[i]->name));
    }
    return true;
}

static bool index_methods(struct contract *c)
{
    qsort(c->methods, c->nmethods, sizeof *c->methods, by_number);
    c->by_name = xcalloc(c->nmethods, sizeof *c->by_name);
    for (size_t i = 0; i < c->nmethods; i++)
        c->by_name[i] = &c->methods[i];
    qsort(c->by_name, c->nmethods, sizeof *c->by_name, by_name);
    if (!refuse_twins(c))
        return false;
    for (size_t i = 0; i < c->nmethods; i++)
        if (c->methods[i].verb && !contract_add_route(c, &c->methods[i]))
            return false;
    return true;
}

static bool load(struct contract *c, const struct embed_file *set)
{
    return read_files(c, set) && parse_files(c) && index_methods(c);
}

struct contract *contract_load_set(const struct embed_file *set, char **ret_why)
{
    struct contract *c = xcalloc(1, sizeof *c);
    arena_init(&c->arena);
    if (load(c, set))
        return c;
    *ret_why = c->why;
    c->why = NULL;
    contract_free(&c);
    return NULL;
}

struct contract *contract_load(char **ret_why)
{
    return contract_load_set(embed_proto, ret_why);
}

static void free_schema(const struct schema *s)
{
    struct schema *mine = (struct schema *)(uintptr_t)s;
    if (mine)
        schema_free(&mine);
}

void contract_free(struct contract **c)
{
    if (!*c)
        return;
    for (size_t i = 0; i < (*c)->nmethods; i++) {
        free_schema((*c)->methods[i].body);
        free_schema((*c)->methods[i].query);
        free_schema((*c)->methods[i].response);
    }
    for (size_t i = 0; i < (*c)->nfiles; i++)
        json_decref((*c)->files[i].root);
    free((*c)->methods);
    free((*c)->by_name);
    free((*c)->why);
    arena_deinit(&(*c)->arena);
    free(*c);
    *c = NULL;
}

const struct contract_method *contract_by_name(const struct contract *c, const char *name)
{
    const struct contract_method key = { .name = name }, *wanted = &key;
    const struct contract_method *const *found =
        bsearch(&wanted, c->by_name, c->nmethods, sizeof *c->by_name, by_name);
    return found ? *found : NULL;
}

const struct contract_method *contract_methods(const struct contract *c, size_t *ret_n)
{
    *ret_n = c->nmethods;
    return c->methods;
}

struct str contract_file(const char *name)
{
    return embed_find(embed_proto, name);
}

bool contract_peer_allowed(const struct contract_method *m, const char *peer)
{
    if (strcmp(m->service, peer) == 0)
        return true; /* the service's own key: its verb `call` */
    for (const char *const *p = m->peers; *p; p++)
        if (strcmp(*p, peer) == 0)
            return true;
    return false;
}
