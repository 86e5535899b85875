#include "gateway/limit_table.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "base/mem.h"

enum { WAYS = 8, LOCKS = 16 };

struct bucket {
    uint64_t key; /* 0: empty */
    int64_t full_us[LIMIT_RULES_MAX];
};

struct set {
    struct bucket way[WAYS];
};

struct limit_table {
    unsigned char seed[crypto_shorthash_KEYBYTES];
    pthread_mutex_t lock[LOCKS];
    unsigned nsets; /* a power of two */
    struct set *set;
};

struct limit_table *limit_table_new(unsigned buckets)
{
    struct limit_table *t = xcalloc(1, sizeof *t);
    t->nsets = LOCKS;
    while (t->nsets * WAYS < buckets)
        t->nsets *= 2;
    t->set = xcalloc(t->nsets, sizeof *t->set);
    randombytes_buf(t->seed, sizeof t->seed);
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_init(&t->lock[i], NULL);
    return t;
}

void limit_table_free(struct limit_table **tp)
{
    struct limit_table *t = *tp;
    if (!t)
        return;
    *tp = NULL;
    for (int i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&t->lock[i]);
    free(t->set);
    free(t);
}

uint64_t limit_table_key(const struct limit_table *t, const void *data, size_t n)
{
    uint64_t key;
    crypto_shorthash((unsigned char *)&key, data, n, t->seed);
    return key ? key : 1;
}

/* ---- places ---- */

static int64_t latest(const struct bucket *b)
{
    int64_t at = 0;
    for (int i = 0; i < LIMIT_RULES_MAX; i++)
        if (b->full_us[i] > at)
            at = b->full_us[i];
    return at;
}

static struct bucket *find(struct set *set, uint64_t key)
{
    for (int i = 0; i < WAYS; i++)
        if (set->way[i].key == key)
            return &set->way[i];
    return NULL;
}

static struct bucket *nearest_to_full(struct set *set)
{
    struct bucket *found = &set->way[0];
    for (int i = 1; i < WAYS; i++)
        if (latest(&set->way[i]) < latest(found))
            found = &set->way[i];
    return found;
}

static struct bucket *place_for(struct set *set, uint64_t key)
{
    struct bucket *b = find(set, key);
    if (b)
        return b;
    b = nearest_to_full(set);
    *b = (struct bucket){ .key = key };
    return b;
}

/* ---- use ---- */

static struct set *lock_set(struct limit_table *t, uint64_t key, pthread_mutex_t **ret)
{
    size_t at = key & (t->nsets - 1);
    *ret = &t->lock[at % LOCKS];
    pthread_mutex_lock(*ret);
    return &t->set[at];
}

struct limit_verdict limit_table_look(struct limit_table *t, uint64_t key,
                                      const struct limit *l, int64_t now_us)
{
    static const struct bucket FULL;
    pthread_mutex_t *lock;
    const struct bucket *b = find(lock_set(t, key, &lock), key);
    struct limit_verdict v = limit_look(l, (b ? b : &FULL)->full_us, now_us);
    pthread_mutex_unlock(lock);
    return v;
}

struct limit_verdict limit_table_take(struct limit_table *t, uint64_t key,
                                      const struct limit *l, int64_t now_us)
{
    pthread_mutex_t *lock;
    struct bucket *b = place_for(lock_set(t, key, &lock), key);
    struct limit_verdict v = limit_take(l, b->full_us, now_us);
    pthread_mutex_unlock(lock);
    return v;
}
