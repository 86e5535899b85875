/*
 * What the mailer knows and every page shows: asked for every few seconds while somebody
 * looks, and kept between. All in the loop's thread.
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
/* Somebody looks: go on asking for the next while. */
void watch_wanted(struct watch *w);
/* Asks what is due. Twice a second. */
void watch_tick(struct watch *w);
/* Something was done: ask anew at once. */
void watch_stale(struct watch *w);

int64_t watch_missed(const struct watch *w); /* 0 when not known */
const char *watch_missed_text(const struct watch *w);
int64_t watch_dead(const struct watch *w);
int64_t watch_oldest_s(const struct watch *w);
/* The queue is paused or its server is away: title and text, each of that size. */
bool watch_queue_stands(const struct watch *w, char *title, char *text, size_t size);
/* The last answer of mailer.queue.status; NULL when there is none. Borrowed. */
const json_t *watch_queue(const struct watch *w);
/* "mails": the last 24 hours by hour. */
void watch_write_mails(const struct watch *w, struct jsonw *out);

#endif
