/* What came of a mail, told to the dashboard: a hint, so it may be lost
 * (proto/PROTOCOL.md, `job`). Nothing secret, no recipient. */
#ifndef SERVICES_MAILER_JOB_HINT_H
#define SERVICES_MAILER_JOB_HINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct svc;

struct job_hint {
    struct str job_id, template, state;
    int64_t attempt;
    /* Only from who had it in hand; worker NULL: nobody. */
    const char *worker;
    int code;
    bool over; /* an attempt is, and it took took_us microseconds */
    int64_t took_us;
    struct str event_id, request_id, trace_id; /* the last two may be empty */
};

/* Sends it; does not wait. */
void job_hint_send(struct svc *svc, const struct job_hint *hint);

#endif
