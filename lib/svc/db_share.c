/*
 * Many who ask for the same list at the same time are answered by one query: the front
 * page of a busy shop, a search that everybody repeats. Only a query that has not been
 * sent yet is joined, so that nobody sees a state older than his question.
 */
#include "svc/db_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* Over the statement and every value; null differs from empty. Never 0. */
static uint64_t hash(const struct db_request *r)
{
    uint64_t h = HASH_START ^ (uint64_t)r->stmt->index;
    for (unsigned i = 0; i < r->n; i++) {
        struct str value = str_of(r->params[i]);
        h = hash_fnv1a(h, r->params[i] ? "=" : "", 1);
        h = hash_fnv1a(h, value.p, value.n);
    }
    return h ? h : 1;
}

static bool same_value(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same(const struct db_request *a, const struct db_request *b)
{
    if (a->sameness != b->sameness || a->stmt != b->stmt || a->lane != b->lane ||
        a->anew != b->anew || a->n != b->n)
        return false;
    for (unsigned i = 0; i < a->n; i++)
        if (!same_value(a->params[i], b->params[i]))
            return false;
    return true;
}

static struct db_request **slot_of(struct db *db, const struct db_request *r)
{
    /* The top bits of a product depend on all of it (Knuth, multiplicative hashing). */
    return &db->shared[r->sameness * 0x9e3779b97f4a7c15u >> (64 - DB_SHARED_BITS)];
}

static void add_twin(struct db_request *r, const struct db_request *late)
{
    struct twin *t = xmalloc(sizeof(*t));
    *t = (struct twin){ NULL, late->fn, late->arg };
    if (!r->twins)
        r->twins_end = &r->twins;
    *r->twins_end = t;
    r->twins_end = &t->next;
    if (r->deadline_ms < late->deadline_ms)
        r->deadline_ms = late->deadline_ms;
}

bool share_join(struct db *db, struct db_request *r)
{
    if (!DB_TRAITS[r->lane].shares || r->drop || r->refused)
        return false;
    r->sameness = hash(r);
    struct db_request **slot = slot_of(db, r);
    if (!*slot || !same(*slot, r)) {
        *slot = r; /* who stood there is sent as it is */
        return false;
    }
    add_twin(*slot, r);
    metric_add(db->merged, 1);
    return true;
}

void share_end(struct db *db, const struct db_request *r)
{
    struct db_request **slot = slot_of(db, r);
    if (*slot == r)
        *slot = NULL;
}

static struct twin *take_twin(struct db_request *r)
{
    struct twin *t = r->twins;
    if (t)
        r->twins = t->next;
    return t;
}

void share_answer(struct db_request *r, const struct db_result *result)
{
    for (struct twin *t; (t = take_twin(r));) {
        t->fn(t->arg, result);
        free(t);
    }
}

void share_forget(struct db_request *r)
{
    for (struct twin *t; (t = take_twin(r));)
        free(t);
}
