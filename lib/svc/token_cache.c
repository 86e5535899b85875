/*
 * Verified access tokens, so that a keep-alive client pays for its signature once. Sets
 * of four entries; a full set gives up the one that ends first. The whole token is
 * compared, so a collision can never lend one token's claims to another.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/id.h"
#include "base/mem.h"
#include "svc/token.h"

enum { WAYS = 4, KEEP_S = 60 };

struct entry {
    int64_t until; /* seconds; 0 = empty */
    size_t n;
    char *token;
    struct token_claims *claims;
};

struct token_cache {
    unsigned sets;
    uint64_t seed;
    struct entry *entries;
};

struct token_cache *token_cache_new(unsigned entries)
{
    struct token_cache *c = xcalloc(1, sizeof(*c));

    c->sets = entries / WAYS > 0 ? entries / WAYS : 1;
    c->entries = xcalloc((size_t)c->sets * WAYS, sizeof(*c->entries));
    id_random(&c->seed, sizeof(c->seed));
    return c;
}

static void entry_clear(struct entry *e)
{
    free(e->token);
    free(e->claims);
    *e = (struct entry){ 0 };
}

void token_cache_clear(struct token_cache *c)
{
    for (size_t i = 0; i < (size_t)c->sets * WAYS; i++)
        entry_clear(&c->entries[i]);
}

void token_cache_free(struct token_cache **c)
{
    if (!*c)
        return;
    token_cache_clear(*c);
    free((*c)->entries);
    free(*c);
    *c = NULL;
}

/* By the end of the token, where the signature is: enough to spread valid ones, and only
 * valid ones are ever stored. */
static struct entry *set_of(const struct token_cache *c, struct str token)
{
    size_t from = token.n > 32 ? token.n - 32 : 0;
    uint64_t h = hash_fnv1a(HASH_START ^ c->seed, token.p + from, token.n - from);

    return &c->entries[(size_t)(h >> 16) % c->sets * WAYS];
}

static struct entry *find(struct entry *set, struct str token, int64_t now)
{
    for (int i = 0; i < WAYS; i++) {
        struct entry *e = &set[i];
        if (e->until > now && e->n == token.n && memcmp(e->token, token.p, token.n) == 0)
            return e;
    }
    return NULL;
}

static void store(struct entry *set, struct str token, int64_t now,
                  const struct token_claims *claims)
{
    struct entry *victim = &set[0];

    for (int i = 1; i < WAYS; i++)
        if (set[i].until < victim->until)
            victim = &set[i];
    entry_clear(victim);
    victim->until = claims->exp < now + KEEP_S ? claims->exp : now + KEEP_S;
    victim->n = token.n;
    victim->token = xstrndup(token.p, token.n);
    victim->claims = xmalloc(sizeof(*claims));
    *victim->claims = *claims;
}

enum token_verdict token_verify_cached(struct token_cache *c, const struct token_ring *r,
                                       struct str token, int64_t now,
                                       struct token_claims *ret)
{
    struct entry *set = set_of(c, token);
    const struct entry *hit = find(set, token, now);

    if (hit) {
        *ret = *hit->claims;
        return TOKEN_OK;
    }
    enum token_verdict verdict = token_verify(r, token, TOKEN_ACCESS, now, ret);
    if (verdict == TOKEN_OK)
        store(set, token, now, ret);
    return verdict;
}
