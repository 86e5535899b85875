#include "monitor/scale.h"

#include <stdio.h>
#include <string.h>

static struct scale *find(struct scales *t, const char *service)
{
    for (unsigned i = 0; i < t->n; i++)
        if (strcmp(t->s[i].service, service) == 0)
            return &t->s[i];
    if (t->n == SCALE_SERVICES)
        return NULL;
    struct scale *s = &t->s[t->n++];
    *s = (struct scale){ .told = -1, .seen = -1 };
    snprintf(s->service, sizeof s->service, "%s", service);
    return s;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* What crashed and is gone for good is not a decision of anybody. */
static void take_off_lost(struct scale *s, int members)
{
    if (members < s->told)
        s->told -= least(s->lost, s->told - members);
    s->lost = 0;
}

/* A broken one keeps its place until somebody has taken it. */
static int meant(const struct scale *s, int live, int broken)
{
    if (s->told < 0)
        return live + broken;
    return live > s->told ? live : least(s->told, live + broken);
}

void scale_note(struct scales *t, struct changes *c, const char *service, int live,
                int broken, int64_t now_ms, int64_t wall_us)
{
    struct scale *s = find(t, service);
    if (!s)
        return;
    take_off_lost(s, live + broken);
    int now = meant(s, live, broken);
    if (now != s->seen) {
        s->seen = now;
        s->since_ms = now_ms;
    }
    if (now == s->told || now_ms - s->since_ms < SCALE_SETTLE_MS)
        return;
    if (s->told >= 0)
        changes_note(c, wall_us, "scaled", service, "", "%s scaled %d \u2192 %d", service,
                     s->told, now);
    s->told = now;
}

void scale_lost(struct scales *t, const char *service)
{
    struct scale *s = find(t, service);
    if (s)
        s->lost++;
}
