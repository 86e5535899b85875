#include "gateway/cors.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

enum { ORIGINS_MAX = 32, ORIGIN_MAX = 256 };

struct gateway_cors {
    char *origin[ORIGINS_MAX]; /* as browsers write them, in lower case */
    unsigned n;
    bool all;
};

/* A scheme, a host, perhaps a port; nothing behind it. */
static bool is_origin(struct str s)
{
    const struct str schemes[] = { STR("http://"), STR("https://") };
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (s.n < schemes[i].n ||
            !str_eq_ci((struct str){ s.p, schemes[i].n }, schemes[i]))
            continue;
        struct str host = { s.p + schemes[i].n, s.n - schemes[i].n };
        for (size_t j = 0; j < host.n; j++)
            if (!isalnum((unsigned char)host.p[j]) && !strchr(".-:[]", host.p[j]))
                return false;
        return host.n > 0 && s.n < ORIGIN_MAX;
    }
    return false;
}

static bool add(struct gateway_cors *c, struct str member)
{
    if (str_eq(member, STR("*")))
        return c->all = true;
    if (!is_origin(member) || c->n == ORIGINS_MAX)
        return false;
    char *copy = xstrndup(member.p, member.n);
    for (char *p = copy; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    c->origin[c->n++] = copy;
    return true;
}

struct gateway_cors *gateway_cors_new(const char *origins, struct str *ret_bad)
{
    struct gateway_cors *c = xcalloc(1, sizeof *c);
    for (struct str rest = str_of(origins); rest.n > 0;) {
        struct str member = str_trim(str_cut(&rest, ','));
        if (member.n == 0 || add(c, member))
            continue;
        *ret_bad = member;
        gateway_cors_free(&c);
        return NULL;
    }
    return c;
}

void gateway_cors_free(struct gateway_cors **cp)
{
    struct gateway_cors *c = *cp;
    if (!c)
        return;
    *cp = NULL;
    for (unsigned i = 0; i < c->n; i++)
        free(c->origin[i]);
    free(c);
}

bool gateway_cors_used(const struct gateway_cors *c)
{
    return c->all || c->n > 0;
}

const char *gateway_cors_allow(const struct gateway_cors *c, struct str origin)
{
    if (origin.n == 0)
        return NULL;
    if (c->all)
        return "*";
    for (unsigned i = 0; i < c->n; i++)
        if (str_eq(str_of(c->origin[i]), origin))
            return c->origin[i];
    return NULL;
}
