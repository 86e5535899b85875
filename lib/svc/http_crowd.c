#include "svc/http_crowd.h"

#include "base/hash.h"
#include "base/id.h"
#include "svc/address.h"

enum { FREE_SHARE = 16 };

void http_crowd_init(struct http_crowd *c, unsigned limit)
{
    unsigned spare = limit / FREE_SHARE > 0 ? limit / FREE_SHARE : 1;
    *c = (struct http_crowd){ .places = limit > spare ? limit - spare : 1 };
    id_random(&c->seed, sizeof c->seed);
}

static unsigned group_of(const struct http_crowd *c, const char *client)
{
    struct address a = { { 0 } };
    if (address_parse(str_of(client), &a))
        a = address_client(&a);
    uint64_t h = hash_fnv1a(HASH_START ^ c->seed, a.b, sizeof a.b);
    return (unsigned)(h >> 32) % HTTP_CROWD_GROUPS;
}

bool http_crowd_enter(struct http_crowd *c, struct http_crowd_member *m,
                      const char *client)
{
    m->group = group_of(c, client);
    c->count[m->group]++;
    c->n++;
    return http_crowd_is_full(c);
}

bool http_crowd_is_full(const struct http_crowd *c)
{
    return c->n > c->places;
}

void http_crowd_told(struct http_crowd *c, struct http_crowd_member *m)
{
    if (m->leaving)
        return;
    m->leaving = true;
    c->count[m->group]--;
    c->n--;
}

void http_crowd_leave(struct http_crowd *c, struct http_crowd_member *m)
{
    http_crowd_told(c, m);
}

bool http_crowd_before(const struct http_crowd *c, const struct http_crowd_member *a,
                       const struct http_crowd_member *b)
{
    if (a->leaving || atomic_load_explicit(&a->ours, memory_order_relaxed))
        return false;
    if (!b)
        return true;
    unsigned na = c->count[a->group], nb = c->count[b->group];
    if (na != nb)
        return na > nb;
    return atomic_load_explicit(&a->waits_ms, memory_order_relaxed) <
           atomic_load_explicit(&b->waits_ms, memory_order_relaxed);
}
