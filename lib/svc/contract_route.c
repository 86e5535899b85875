#include <string.h>

#include "base/mem.h"
#include "svc/contract_internal.h"

const char *const CONTRACT_VERB[CONTRACT_VERBS] = { "GET", "POST", "PUT", "PATCH",
                                                    "DELETE" };

struct parts {
    struct str part[CONTRACT_PATH_PARTS];
    unsigned n;
};

/* False when it is no absolute path or has more parts than any of ours. An empty part at
 * the end is dropped: both slash forms are one path. */
static bool split(struct str path, struct parts *ret)
{
    ret->n = 0;
    if (path.n == 0 || path.p[0] != '/')
        return false;
    struct str rest = { path.p + 1, path.n - 1 };
    while (rest.p) {
        struct str part = str_cut(&rest, '/');
        if (!rest.p && part.n == 0)
            break;
        if (ret->n == CONTRACT_PATH_PARTS)
            return false;
        ret->part[ret->n++] = part;
    }
    return true;
}

static const struct route *find_literal(const struct route *r, struct str part)
{
    for (const struct route *child = r->children; child; child = child->next)
        if (str_eq(child->literal, part))
            return child;
    return NULL;
}

/* Names go before parameters; steps back when a name leads nowhere. */
static const struct route *walk(const struct route *r, const struct parts *parts,
                                unsigned i, struct route_match *m)
{
    if (i == parts->n)
        return r->any ? r : NULL;
    const struct route *child = find_literal(r, parts->part[i]);
    const struct route *end = child ? walk(child, parts, i + 1, m) : NULL;
    if (end || !r->param || parts->part[i].n == 0)
        return end;
    unsigned nparams = m->nparams;
    if (nparams == CONTRACT_PATH_PARAMS)
        return NULL;
    m->params[m->nparams++] = parts->part[i];
    end = walk(r->param, parts, i + 1, m);
    if (!end)
        m->nparams = nparams;
    return end;
}

static const struct contract_method *method_for(const struct route *r, struct str verb)
{
    if (str_eq(verb, STR("HEAD")))
        verb = STR("GET");
    for (unsigned i = 0; i < CONTRACT_VERBS; i++)
        if (str_eq(verb, str_of(CONTRACT_VERB[i])))
            return r->methods[i];
    return NULL;
}

bool contract_route(const struct contract *c, struct str verb, struct str path,
                    struct route_match *ret)
{
    struct parts parts;
    ret->nparams = 0;
    if (!split(path, &parts))
        return false;
    const struct route *end = walk(&c->routes, &parts, 0, ret);
    if (!end)
        return false;
    ret->method = method_for(end, verb);
    ret->any = end->any;
    memcpy(ret->allow, end->allow, sizeof ret->allow);
    return true;
}

/* --- building ---------------------------------------------------------------------- */

static void write_allow(struct route *r)
{
    size_t n = 0;
    for (unsigned i = 0; i < CONTRACT_VERBS; i++)
        if (r->methods[i])
            n += (size_t)snprintf(r->allow + n, sizeof r->allow - n, "%s, ",
                                  CONTRACT_VERB[i]);
    snprintf(r->allow + n, sizeof r->allow - n, "%sOPTIONS",
             r->methods[0] ? "HEAD, " : "");
}

static struct route *child_for(struct contract *c, struct route *r, struct str part)
{
    if (part.n > 0 && part.p[0] == '{') {
        if (!r->param)
            r->param = arena_alloc(&c->arena, sizeof *r->param);
        return r->param;
    }
    struct route *child = (struct route *)(uintptr_t)find_literal(r, part);
    if (child)
        return child;
    child = arena_alloc(&c->arena, sizeof *child);
    child->literal = part;
    child->next = r->children;
    r->children = child;
    return child;
}

static int verb_index(const char *verb)
{
    for (int i = 0; i < CONTRACT_VERBS; i++)
        if (strcmp(CONTRACT_VERB[i], verb) == 0)
            return i;
    return -1;
}

bool contract_add_route(struct contract *c, const struct contract_method *m)
{
    struct parts parts;
    struct route *r = &c->routes;
    int verb = verb_index(m->verb);
    if (verb < 0)
        return contract_fail(c, xasprintf("%s: unknown verb \"%s\"", m->name, m->verb));
    if (!split(str_of(m->path), &parts))
        return contract_fail(c, xasprintf("%s: bad path \"%s\"", m->name, m->path));
    for (unsigned i = 0; i < parts.n; i++)
        r = child_for(c, r, parts.part[i]);
    if (r->methods[verb])
        return contract_fail(c, xasprintf("%s: %s %s belongs to %s already", m->name,
                                          m->verb, m->path, r->methods[verb]->name));
    r->methods[verb] = m;
    if (!r->any)
        r->any = m;
    write_allow(r);
    return true;
}
