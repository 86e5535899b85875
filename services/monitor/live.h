/*
 * The live stream of API.md 4: server-sent events to a bounded number of pages. One text
 * is made for all; a slow page skips pictures of the moment and is told to load anew when
 * it missed an event. All in the loop's thread.
 */
#ifndef MONITOR_LIVE_H
#define MONITOR_LIVE_H

#include "base/str.h"

struct api;
struct live;
struct monitor_app;

struct live *live_new(struct monitor_app *app);
/* Every page is let go; before the listener is stopped. */
void live_free(struct live **l);
/* No page is taken any more, those that are there are let go. */
void live_drain(struct live *l);

/* An event that a page which reconnects gets later. json: one line. */
void live_say(struct live *l, const char *event, struct str json);
/* A mail changed: at most so many a second are passed on, the rest is counted. */
void live_say_mail(struct live *l, struct str json);
/* Once a second: the overview, heartbeats, ends of sessions. */
void live_tick(struct live *l);
unsigned live_count(const struct live *l);

void handle_live(struct api *a);

#endif
