#include "catalog/counts.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum { SLOTS = 64 };

struct slot {
    char key[CATALOG_COUNTS_KEY_MAX];
    size_t n; /* 0: unused */
    int64_t count, until_ms;
    bool dear;
};

struct catalog_counts {
    uint64_t age;
    struct slot slots[SLOTS];
};

/* Who makes keys collide only makes his own searches count again. */
static size_t slot_of(struct str key)
{
    uint64_t h = hash_fnv1a(HASH_START, key.p, key.n);
    return (size_t)((h ^ h >> 32) % SLOTS);
}

struct catalog_counts *catalog_counts_new(void)
{
    return xcalloc(1, sizeof(struct catalog_counts));
}

void catalog_counts_free(struct catalog_counts **c)
{
    free(*c);
    *c = NULL;
}

void catalog_counts_clear(struct catalog_counts *c)
{
    c->age++;
    for (size_t i = 0; i < SLOTS; i++)
        if (!c->slots[i].dear)
            c->slots[i].n = 0;
}

uint64_t catalog_counts_age(const struct catalog_counts *c)
{
    return c->age;
}

bool catalog_counts_find(const struct catalog_counts *c, struct str key, int64_t now_ms,
                         int64_t *ret)
{
    const struct slot *s = &c->slots[slot_of(key)];
    if (s->n == 0 || now_ms >= s->until_ms || !str_eq(key, (struct str){ s->key, s->n }))
        return false;
    *ret = s->count;
    return true;
}

void catalog_counts_keep(struct catalog_counts *c, struct str key, int64_t now_ms,
                         const struct catalog_counted *counted)
{
    struct slot *s = &c->slots[slot_of(key)];
    bool dear = counted->took_ms >= CATALOG_COUNTS_DEAR_MS;
    if (key.n == 0 || key.n > sizeof(s->key) || (counted->age != c->age && !dear))
        return;
    memcpy(s->key, key.p, key.n);
    s->n = key.n;
    s->count = counted->count;
    s->dear = dear;
    s->until_ms = now_ms + CATALOG_COUNTS_KEEP_MS;
}
