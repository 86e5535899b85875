#include "mailer/breaker.h"

enum {
    PAUSE_MIN_MS = 1000,
    PAUSE_MAX_MS = 60 * 1000,
    FAULT_PAUSE_MIN_MS = 5000,
    FAULT_PAUSE_MAX_MS = 300 * 1000,
    PACE_WEIGHT = 8, /* of what was before, against one attempt */
};

bool breaker_open(const struct breaker *b)
{
    return b->faults > 0 || b->strikes >= BREAKER_STRIKES;
}

static int64_t doubled(int64_t least, int64_t most, unsigned times)
{
    int64_t ms = least << (times > 10 ? 10 : times);
    return ms < most ? ms : most;
}

int64_t breaker_fault(struct breaker *b, const struct mail_result *r, int64_t now_ms)
{
    int64_t ms = doubled(FAULT_PAUSE_MIN_MS, FAULT_PAUSE_MAX_MS, b->faults++);
    b->why = *r;
    b->until_ms = now_ms + ms;
    return ms;
}

int64_t breaker_strike(struct breaker *b, const struct mail_result *r, int64_t now_ms)
{
    b->why = *r;
    if (++b->strikes < BREAKER_STRIKES)
        return 0;
    int64_t ms = doubled(PAUSE_MIN_MS, PAUSE_MAX_MS, b->strikes - BREAKER_STRIKES);
    b->until_ms = now_ms + ms;
    return ms;
}

void breaker_contact(struct breaker *b)
{
    *b = (struct breaker){ 0 };
}

void pace_note(struct pace *p, int64_t took_us)
{
    int64_t mean = p->known ? p->mean_us : PACE_START_US;
    p->mean_us = (mean * (PACE_WEIGHT - 1) + took_us) / PACE_WEIGHT;
    p->known = true;
}

unsigned pace_ahead(const struct pace *p, unsigned connections)
{
    if (!p->known || p->mean_us >= PACE_FAST_US)
        return 0;
    return connections * (unsigned)(PACE_FAST_US / (p->mean_us > 0 ? p->mean_us : 1));
}
