/*
 * What the mailer knows and every page shows: asked for every few seconds while somebody
 * looks, more rarely otherwise, and kept between. What has not been answered, or not for
 * long, is not known, which is never the same as none. All in the loop's thread.
 */
#ifndef MONITOR_WATCH_H
#define MONITOR_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/jsonw.h"

struct monitor_app;
struct watch;

struct watch *watch_new(struct monitor_app *app);
void watch_free(struct watch **w);
/* Somebody looks: ask often for the next while. */
void watch_wanted(struct watch *w);
/* Asks what is due. Twice a second. */
void watch_tick(struct watch *w);
/* Something was done: ask anew at once. */
void watch_stale(struct watch *w);

/* People without their mail, mails that were given up, the wait of the oldest one that is
 * due; below 0: not known. */
int64_t watch_missed(const struct watch *w);
const char *watch_missed_text(const struct watch *w);
int64_t watch_dead(const struct watch *w);
int64_t watch_oldest_s(const struct watch *w);
/* A member with such a figure: null when it is not known. */
void watch_write_figure(struct jsonw *out, const char *key, int64_t figure);

/* What is not known for so long that it should be told. */
enum watch_gap {
    WATCH_KNOWN,
    WATCH_NO_ANSWER,    /* the mailer's counts */
    WATCH_NOT_COMPARED, /* who did not get their mail: it needs auth too */
};
/* ret_since_us: when it was known last. */
enum watch_gap watch_gap(const struct watch *w, int64_t *ret_since_us);
/* The queue is paused or its server is away: title and text, each of that size. */
bool watch_queue_stands(const struct watch *w, char *title, char *text, size_t size);
/* The last answer of mailer.queue.status; NULL when it is not known. Borrowed. */
const json_t *watch_queue(const struct watch *w);
/* "mails": the last 24 hours by hour; nulls while they are not known. */
void watch_write_mails(const struct watch *w, struct jsonw *out);

#endif
