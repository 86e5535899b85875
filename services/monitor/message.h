/* Members of a telemetry message: absent ones and other types read as empty. */
#ifndef MONITOR_MESSAGE_H
#define MONITOR_MESSAGE_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/* Cut to the room there is. */
static inline void message_text(const json_t *o, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(o, key));
    snprintf(out, size, "%s", text ? text : "");
}

static inline int64_t message_int(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

#endif
