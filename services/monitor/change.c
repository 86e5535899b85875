#include "monitor/change.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"

void changes_note(struct changes *c, int64_t wall_us, const char *kind,
                  const char *subject, const char *who, const char *fmt, ...)
{
    struct change *at = &c->ring[c->next];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(at->text, sizeof at->text, fmt, ap);
    va_end(ap);
    /* Ids grow also over a restart: they are times made unique. */
    at->id = wall_us > c->last_id ? wall_us : c->last_id + 1;
    c->last_id = at->id;
    at->wall_us = wall_us;
    snprintf(at->kind, sizeof at->kind, "%s", kind);
    snprintf(at->subject, sizeof at->subject, "%s", subject);
    snprintf(at->who, sizeof at->who, "%s", who);
    c->next = (c->next + 1) % CHANGES_MAX;
    if (c->n < CHANGES_MAX)
        c->n++;
    if (c->heard)
        c->heard(c->arg, at);
}

bool changes_put_older(struct changes *c, const struct change *older)
{
    const struct change *oldest = &c->ring[(c->next + CHANGES_MAX - c->n) % CHANGES_MAX];
    if (c->n == CHANGES_MAX || (c->n > 0 && older->id >= oldest->id))
        return false;
    c->n++;
    c->ring[(c->next + CHANGES_MAX - c->n) % CHANGES_MAX] = *older;
    if (older->id > c->last_id)
        c->last_id = older->id;
    return true;
}

void change_write(const struct change *c, struct jsonw *w)
{
    char at[CLOCK_TEXT_SIZE];
    jw_object(w);
    jw_kint(w, "id", c->id);
    jw_kcstr(w, "at", clock_text(c->wall_us, at));
    jw_kcstr(w, "kind", c->kind);
    jw_kcstr(w, "subject", c->subject);
    jw_kcstr(w, "text", c->text);
    jw_kcstr(w, "who", c->who[0] ? c->who : NULL);
    jw_object_end(w);
}

void changes_write(const struct changes *c, int64_t since_us, unsigned limit,
                   struct jsonw *w)
{
    for (unsigned i = 1; i <= c->n && i <= limit; i++) {
        const struct change *at = &c->ring[(c->next + CHANGES_MAX - i) % CHANGES_MAX];
        if (at->wall_us >= since_us) /* a start may have been noted late */
            change_write(at, w);
    }
}
