/*
 * What one replica did lately: the last beats for rates, the last minute for a picture,
 * and the slots of time that history keeps. Pure: time comes in as a parameter.
 */
#ifndef MONITOR_SAMPLE_H
#define MONITOR_SAMPLE_H

#include "monitor/figures.h"

enum {
    SAMPLE_WINDOW = 11, /* beats: ten seconds between the first and the last */
    SAMPLE_SPARK = 64,  /* seconds */
    SPARK_SHOWN = 60,
    TIERS = 4,
};

/* Seconds of a slot in each tier, and how long its rows are kept. */
extern const int64_t TIER_STEP_S[TIERS], TIER_KEPT_S[TIERS];

struct sample {
    struct {
        int64_t at_us;
        struct figures totals;
    } beats[SAMPLE_WINDOW]; /* ring */
    unsigned next, n;
    struct {
        int64_t second;
        double rate;
    } spark[SAMPLE_SPARK];
    struct {
        int64_t start_s; /* 0: nothing in it */
        struct figure_slot slot;
        bool changed; /* since it was taken last */
    } tier[TIERS];
};

/* A slot that is to be kept: called when it is over, and for long ones in between (the
 * row is then written again). */
typedef void sample_keep_fn(void *arg, int tier, int64_t start_s,
                            const struct figure_slot *slot);

/* A beat. restarted: another process than the one before, its totals count from 0. The
 * first beat of all only tells where the totals stand. */
void sample_beat(struct sample *s, const struct figures *totals,
                 const int64_t gauges[static FIGURE_GAUGES], int64_t wall_us,
                 bool restarted, sample_keep_fn *keep, void *arg);
/* Hands over what is over by now (all: everything), for replicas that fell silent. */
void sample_flush(struct sample *s, int64_t wall_us, bool all, sample_keep_fn *keep,
                  void *arg);
/* Hands over what a long slot has so far. */
void sample_checkpoint(struct sample *s, sample_keep_fn *keep, void *arg);
/* All that was counted since its start, as the last beat told; false: nothing yet. */
bool sample_totals(const struct sample *s, struct figures *ret);
/* What was counted in the window, and its length in seconds (0: not known yet, or the
 * last beat is older than 3 s). */
double sample_window(const struct sample *s, int64_t wall_us, struct figures *ret);
/* The rate of the main figure in each of the last 60 seconds, added to out, oldest
 * first. */
void sample_spark(const struct sample *s, int64_t wall_us,
                  double out[static SPARK_SHOWN]);
/* What a service is measured by: HTTP requests, mails, or RPC requests. */
int64_t figures_main(const struct figures *f);

#endif
