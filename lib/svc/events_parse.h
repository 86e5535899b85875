/*
 * From an event's JSON (as published, or an item of a pull) to struct event. Nothing here
 * trusts the sender: what cannot be read becomes an event of type EVENT_MALFORMED, so
 * that one bad event never stops those behind it.
 */
#ifndef LIB_SVC_EVENTS_PARSE_H
#define LIB_SVC_EVENTS_PARSE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/arena.h"
#include "svc/events.h"

/* The type of an event that has a number but cannot be understood. */
#define EVENT_MALFORMED "malformed"

/* Fills *ret with memory of the arena. False when there is not even a sequence number.
 * epoch: of the stream; names a malformed event. */
bool event_parse(const json_t *in, const char *epoch, struct arena *a, struct event *ret);
/* RFC 3339 with Z or an offset to wall microseconds; false when it is none. */
bool event_parse_time(const char *text, int64_t *ret_us);

#endif
