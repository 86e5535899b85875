/* Open addressing, at most half full, so that a look-up ends after a step or two. Nothing
 * is ever taken out: a copy leaves behind what has ended. */
#include "gateway/revocation_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"

enum { SLOTS_MIN = 64, KEY = 16 };
enum kind { EMPTY, SESSION, USER };

struct entry {
    uint8_t key[KEY]; /* a session's id; a user's, padded with zeros */
    int64_t min_uv;
    int64_t until;
    uint8_t kind, cause;
};

struct revocation_set {
    size_t slots, count; /* slots is a power of two */
    uint64_t seed;
    struct entry *entries;
};

struct revocation_set *revocation_set_new(size_t room)
{
    struct revocation_set *s = xcalloc(1, sizeof *s);
    s->slots = SLOTS_MIN;
    while (s->slots / 2 < room)
        s->slots *= 2;
    s->entries = xcalloc(s->slots, sizeof *s->entries);
    id_random(&s->seed, sizeof s->seed);
    return s;
}

void revocation_set_free(struct revocation_set **sp)
{
    struct revocation_set *s = *sp;
    if (!s)
        return;
    *sp = NULL;
    free(s->entries);
    free(s);
}

size_t revocation_set_count(const struct revocation_set *s)
{
    return s->count;
}

size_t revocation_set_room(const struct revocation_set *s)
{
    return s->slots / 2;
}

size_t revocation_set_living(const struct revocation_set *s, int64_t now)
{
    size_t n = 0;
    for (size_t i = 0; i < s->slots; i++)
        n += s->entries[i].kind != EMPTY && s->entries[i].until > now;
    return n;
}

/* The finaliser of MurmurHash3 over both halves of the key. */
static size_t hash(const struct revocation_set *s, enum kind kind, const uint8_t *key)
{
    uint64_t half[2];
    memcpy(half, key, KEY);
    uint64_t h = half[0] ^ (half[1] * 0x9e3779b97f4a7c15u) ^ s->seed ^ (uint64_t)kind;
    h ^= h >> 33;
    h *= 0xff51afd7ed558ccdu;
    h ^= h >> 33;
    h *= 0xc4ceb9fe1a85ec53u;
    h ^= h >> 33;
    return (size_t)h;
}

/* Its entry, or the empty one where it would be; there always is one. */
static struct entry *find(const struct revocation_set *s, enum kind kind,
                          const uint8_t *key)
{
    size_t at = hash(s, kind, key) & (s->slots - 1);
    for (;; at = (at + 1) & (s->slots - 1)) {
        struct entry *e = &s->entries[at];
        if (e->kind == EMPTY || (e->kind == kind && memcmp(e->key, key, KEY) == 0))
            return e;
    }
}

static bool put(struct revocation_set *s, const struct entry *in)
{
    struct entry *e = find(s, in->kind, in->key);
    if (e->kind == EMPTY) {
        if (s->count >= s->slots / 2)
            return false;
        s->count++;
        *e = *in;
        return true;
    }
    int64_t until = e->until > in->until ? e->until : in->until;
    if (in->min_uv >= e->min_uv)
        *e = *in;
    e->until = until;
    return true;
}

bool revocation_set_add_session(struct revocation_set *s, const uint8_t sid[static 16],
                                int64_t until)
{
    struct entry e = { .kind = SESSION, .cause = REVOKED_ENDED, .until = until };
    memcpy(e.key, sid, KEY);
    return put(s, &e);
}

static void user_key(int64_t user_id, uint8_t key[static KEY])
{
    memset(key, 0, KEY);
    memcpy(key, &user_id, sizeof user_id);
}

bool revocation_set_add_user(struct revocation_set *s, int64_t user_id, int64_t min_uv,
                             enum revocation_cause cause, int64_t until)
{
    struct entry e = {
        .kind = USER, .cause = (uint8_t)cause, .min_uv = min_uv, .until = until
    };
    user_key(user_id, e.key);
    return put(s, &e);
}

struct revocation_set *revocation_set_copy(const struct revocation_set *s, int64_t now,
                                           size_t more)
{
    struct revocation_set *copy =
        revocation_set_new(2 * revocation_set_living(s, now) + more);
    for (size_t i = 0; i < s->slots; i++)
        if (s->entries[i].kind != EMPTY && s->entries[i].until > now)
            put(copy, &s->entries[i]);
    return copy;
}

enum revocation_cause revocation_set_check(const struct revocation_set *s,
                                           const uint8_t sid[static 16], int64_t user_id,
                                           int64_t uv, int64_t now)
{
    uint8_t key[KEY];
    user_key(user_id, key);
    const struct entry *user = find(s, USER, key);
    if (user->kind == USER && user->until > now && uv < user->min_uv)
        return user->cause;
    const struct entry *session = find(s, SESSION, sid);
    return session->kind == SESSION && session->until > now ? REVOKED_ENDED : REVOKED_NOT;
}
