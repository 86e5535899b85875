/*
 * What a daemon tells the monitor: a beat a second, a farewell on a clean stop, and hints
 * (job transitions, spans of slow, failed or mail-bound requests). A PUB that connects to
 * the monitor's SUB; losing any of it loses nothing but a picture. proto/PROTOCOL.md 7
 * holds the formats.
 */
#ifndef LIB_SVC_TELEMETRY_H
#define LIB_SVC_TELEMETRY_H

#include <stdint.h>

#include "base/str.h"

struct svc;
struct telemetry;

/* Follows MONITOR_TELEMETRY; beats start with the loop. Empty setting: NULL, and every
 * function below accepts NULL. */
struct telemetry *telemetry_start(struct svc *svc, const char *endpoints);
/* Sends the farewell and closes. */
void telemetry_stop(struct telemetry **t);
/* A message of a kind ("job", "span", "note") with a JSON object as payload. */
void telemetry_send(struct telemetry *t, const char *kind, struct str json);
/* A finished request or hop: kept by the monitor when slow, failed or mail-bound. */
struct telemetry_span {
    const uint8_t *request_id, *trace_id;
    const char *name; /* "auth.register", "sql user_register" */
    int64_t start_us; /* wall */
    int64_t duration_us;
    int status; /* HTTP status or enum err */
};
void telemetry_span(struct telemetry *t, const struct telemetry_span *span);

#endif
