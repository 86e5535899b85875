#include "catalog/anchors.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct anchor {
    int64_t offset, id;
    char created_at[CATALOG_ANCHOR_TEXT];
};

struct catalog_anchors {
    char changes[CATALOG_ANCHOR_TEXT];
    int64_t count;
    unsigned n, victim;
    struct anchor a[CATALOG_ANCHORS_MAX]; /* by offset */
};

struct catalog_anchors *catalog_anchors_new(void)
{
    return xcalloc(1, sizeof(struct catalog_anchors));
}

void catalog_anchors_free(struct catalog_anchors **a)
{
    free(*a);
    *a = NULL;
}

static void copy(char out[static CATALOG_ANCHOR_TEXT], struct str s)
{
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
}

/* The first one whose offset is not less. */
static unsigned first_from(const struct catalog_anchors *a, int64_t offset)
{
    unsigned low = 0, high = a->n;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (a->a[middle].offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void remove_one(struct catalog_anchors *a, unsigned i)
{
    memmove(&a->a[i], &a->a[i + 1], (a->n - i - 1) * sizeof(a->a[0]));
    a->n--;
}

void catalog_anchors_learn(struct catalog_anchors *a, struct str changes, int64_t count,
                           const struct catalog_place *place)
{
    if (changes.n == 0 || changes.n >= CATALOG_ANCHOR_TEXT ||
        place->created_at.n >= CATALOG_ANCHOR_TEXT)
        return;
    if (!str_eq(changes, str_of(a->changes))) {
        copy(a->changes, changes);
        a->count = count;
        a->n = 0;
    }
    unsigned i = first_from(a, place->offset);
    if (i < a->n && a->a[i].offset == place->offset)
        return;
    if (a->n == CATALOG_ANCHORS_MAX) { /* a step that meets all of them in turn */
        a->victim = (a->victim + 191) % CATALOG_ANCHORS_MAX;
        remove_one(a, a->victim);
        i = first_from(a, place->offset);
    }
    memmove(&a->a[i + 1], &a->a[i], (a->n - i) * sizeof(a->a[0]));
    a->n++;
    a->a[i].offset = place->offset;
    a->a[i].id = place->id;
    copy(a->a[i].created_at, place->created_at);
}

/* Behind the last row: everything is newer than this. */
static const struct anchor END = { .created_at = "-infinity" };

struct catalog_route catalog_anchors_route(const struct catalog_anchors *a,
                                           int64_t number, int64_t size)
{
    struct catalog_route r = { .way = CATALOG_FROM_TOP };
    int64_t last = a->count > 0 ? (a->count - 1) / size + 1 : 1;
    if (a->n == 0 || number > last || (number == 0 ? last : number) == 1)
        return r;
    int64_t start = ((number == 0 ? last : number) - 1) * size;
    int64_t end = start + size < a->count ? start + size : a->count;
    unsigned i = first_from(a, start + 1);
    const struct anchor *before = i > 0 ? &a->a[i - 1] : NULL;
    i = first_from(a, end);
    const struct anchor *after = i < a->n ? &a->a[i] : &END;
    int64_t onwards = before ? start - before->offset : start;
    int64_t backwards = (i < a->n ? after->offset : a->count) - end;
    if (!before && onwards <= backwards)
        return r;
    const struct anchor *from = onwards <= backwards ? before : after;
    r.way = onwards <= backwards ? CATALOG_ONWARDS : CATALOG_BACKWARDS;
    r.skip = onwards <= backwards ? onwards : backwards;
    r.rows = end - start;
    r.id = from->id;
    r.created_at = str_of(from->created_at);
    r.changes = str_of(a->changes);
    return r;
}
