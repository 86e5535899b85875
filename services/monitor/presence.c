#include "monitor/presence.h"

#include <stdio.h>

static struct presence *find(struct presences *t, struct str service)
{
    for (unsigned i = 0; i < t->n; i++)
        if (str_eq(str_of(t->p[i].service), service))
            return &t->p[i];
    if (t->n == PRESENCE_SERVICES || service.n >= sizeof t->p[0].service)
        return NULL;
    struct presence *p = &t->p[t->n++];
    *p = (struct presence){ .enough = true };
    snprintf(p->service, sizeof p->service, "%.*s", STR_ARG(service));
    return p;
}

void presence_note(struct presences *t, struct str service, int64_t wanted,
                   const struct presence_count *count, int64_t now_ms, int64_t wall_us)
{
    struct presence *p = find(t, service);
    if (!p)
        return;
    bool enough = count->serving >= wanted;
    if (p->enough && !enough) {
        p->since_ms = now_ms;
        p->since_us = wall_us;
    }
    p->enough = enough;
    p->wanted = wanted;
    p->count = *count;
    p->heard = p->heard || count->serving + count->draining + count->stopped > 0;
}

bool presence_is_missed(const struct presence *p, int64_t now_ms)
{
    int64_t grace_ms = p->heard ? PRESENCE_GRACE_MS : PRESENCE_START_MS;
    return !p->enough && now_ms - p->since_ms >= grace_ms;
}
