/*
 * Whether mails may be sent at all: a breaker that opens when it is the server or our own
 * set-up that fails, not a mail. And how fast attempts are, which decides how many mails
 * are taken ahead. Pure rules, no I/O: time comes in as a parameter (ms).
 */
#ifndef SERVICES_MAILER_BREAKER_H
#define SERVICES_MAILER_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "mailer/verdict.h"

enum { BREAKER_STRIKES = 3 }; /* failures to reach the server before the queue pauses */

/* Zeroed: closed, nothing known. */
struct breaker {
    unsigned strikes;       /* failures to reach the server in a row */
    unsigned faults;        /* faults of our own set-up in a row */
    int64_t until_ms;       /* no claim before */
    struct mail_result why; /* of the last failure */
};

/* One mail at a time, to see whether it is over. */
bool breaker_open(const struct breaker *b);
/* Our own set-up failed. Returns for how many ms the queue pauses. */
int64_t breaker_fault(struct breaker *b, const struct mail_result *r, int64_t now_ms);
/* The server could not be reached. Returns the pause in ms, 0 for none yet. */
int64_t breaker_strike(struct breaker *b, const struct mail_result *r, int64_t now_ms);
/* The server spoke about a mail. */
void breaker_contact(struct breaker *b);

/* The moving average of attempts' times. Zeroed: slow until many were seen. */
struct pace {
    int64_t mean_us;
    bool known;
};

enum { PACE_FAST_US = 50 * 1000, PACE_START_US = 1000 * 1000 };

void pace_note(struct pace *p, int64_t took_us);
/* How many mails to take ahead of so many connections: what they send within
 * PACE_FAST_US, and none for a server that is slower than that.
 */
unsigned pace_ahead(const struct pace *p, unsigned connections);

#endif
