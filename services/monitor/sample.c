#include "monitor/sample.h"

const int64_t TIER_STEP_S[TIERS] = { 10, 60, 600, 3600 };
const int64_t TIER_KEPT_S[TIERS] = { 6 * 3600, 7 * 86400, 30 * 86400, 90 * 86400 };

enum { SECOND_US = 1000000, FRESH_US = 3 * SECOND_US };

int64_t figures_main(const struct figures *f)
{
    if (f->has_time & 1u << TIME_HTTP)
        return figures_count(&f->time[TIME_HTTP]);
    if (f->has_counter & 1u << COUNT_SENT)
        return f->counter[COUNT_SENT];
    return figures_count(&f->time[TIME_RPC]);
}

static unsigned newest(const struct sample *s)
{
    return (s->next + SAMPLE_WINDOW - 1) % SAMPLE_WINDOW;
}

static void note_spark(struct sample *s, const struct figures *delta, int64_t from_us,
                       int64_t wall_us)
{
    double seconds = (double)(wall_us - from_us) / SECOND_US;
    int64_t second = wall_us / SECOND_US;
    if (seconds <= 0.2)
        return;
    double rate = (double)figures_main(delta) / seconds;
    /* A late beat speaks for the seconds that had none. */
    for (int64_t t = second; t > from_us / SECOND_US && t > second - SPARK_SHOWN; t--) {
        s->spark[t % SAMPLE_SPARK].second = t;
        s->spark[t % SAMPLE_SPARK].rate = rate;
    }
}

static void take(struct sample *s, int tier, sample_keep_fn *keep, void *arg)
{
    if (s->tier[tier].start_s && s->tier[tier].changed)
        keep(arg, tier, s->tier[tier].start_s, &s->tier[tier].slot);
    s->tier[tier].changed = false;
}

void sample_flush(struct sample *s, int64_t wall_us, bool all, sample_keep_fn *keep,
                  void *arg)
{
    for (int i = 0; i < TIERS; i++) {
        int64_t start_s = s->tier[i].start_s;
        if (!start_s || (!all && wall_us / SECOND_US < start_s + TIER_STEP_S[i]))
            continue;
        take(s, i, keep, arg);
        s->tier[i].start_s = 0;
        s->tier[i].slot = (struct figure_slot){ 0 };
    }
}

void sample_checkpoint(struct sample *s, sample_keep_fn *keep, void *arg)
{
    for (int i = 1; i < TIERS; i++)
        take(s, i, keep, arg);
}

static void add_to_slots(struct sample *s, const struct figures *delta,
                         const int64_t *gauges, int64_t wall_us)
{
    struct figure_slot one = { .beats = 1 };
    if (delta)
        one.f = *delta;
    for (size_t g = 0; g < FIGURE_GAUGES; g++)
        if (gauges[g] >= 0)
            gauge_note(&one.gauge[g], gauges[g]);
    for (int i = 0; i < TIERS; i++) {
        int64_t second = wall_us / SECOND_US;
        if (!s->tier[i].start_s)
            s->tier[i].start_s = second - second % TIER_STEP_S[i];
        figure_slot_add(&s->tier[i].slot, &one);
        s->tier[i].changed = true;
    }
}

void sample_beat(struct sample *s, const struct figures *totals,
                 const int64_t gauges[static FIGURE_GAUGES], int64_t wall_us,
                 bool restarted, sample_keep_fn *keep, void *arg)
{
    static const struct figures ZERO;
    struct figures delta;
    bool first = s->n == 0;
    int64_t before_us = first ? wall_us : s->beats[newest(s)].at_us;
    sample_flush(s, wall_us, false, keep, arg);
    if (!first) {
        figures_between(totals, restarted ? &ZERO : &s->beats[newest(s)].totals, &delta);
        note_spark(s, &delta, before_us, wall_us);
    }
    add_to_slots(s, first ? NULL : &delta, gauges, wall_us);
    if (restarted)
        s->n = 0; /* rates begin anew */
    s->beats[s->next].at_us = wall_us;
    s->beats[s->next].totals = *totals;
    s->next = (s->next + 1) % SAMPLE_WINDOW;
    if (s->n < SAMPLE_WINDOW)
        s->n++;
}

bool sample_totals(const struct sample *s, struct figures *ret)
{
    if (s->n == 0)
        return false;
    *ret = s->beats[(s->next + SAMPLE_WINDOW - 1) % SAMPLE_WINDOW].totals;
    return true;
}

double sample_window(const struct sample *s, int64_t wall_us, struct figures *ret)
{
    *ret = (struct figures){ 0 };
    if (s->n < 2)
        return 0;
    unsigned last = newest(s);
    unsigned first = (s->next + SAMPLE_WINDOW - s->n) % SAMPLE_WINDOW;
    int64_t span_us = s->beats[last].at_us - s->beats[first].at_us;
    if (wall_us - s->beats[last].at_us > FRESH_US || span_us <= 0)
        return 0;
    figures_between(&s->beats[last].totals, &s->beats[first].totals, ret);
    return (double)span_us / SECOND_US;
}

void sample_spark(const struct sample *s, int64_t wall_us, double out[static SPARK_SHOWN])
{
    int64_t end = wall_us / SECOND_US; /* this second is not over */
    for (int64_t i = 0; i < SPARK_SHOWN; i++) {
        int64_t t = end - SPARK_SHOWN + i;
        if (t >= 0 && s->spark[t % SAMPLE_SPARK].second == t)
            out[i] += s->spark[t % SAMPLE_SPARK].rate;
    }
}
