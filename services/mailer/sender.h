/*
 * One claimed mail on its way: render, hand to the backend, write down the end. While the
 * lease is young it is proof enough that nobody else may send the mail; when the body's
 * turn comes later than that, the lease is renewed first (docs/adr/0005). A sender
 * carries one mail at a time and is used again.
 */
#ifndef SERVICES_MAILER_SENDER_H
#define SERVICES_MAILER_SENDER_H

#include <stdbool.h>

#include "mailer/ends.h"
#include "mailer/verdict.h"

struct mailer_app;
struct mailer_sender;

/* How long, in milliseconds, a mail that is handed back should rest; asked when the
 * result is known, before it is written down. */
typedef int64_t sender_result_fn(void *arg, const struct mail_result *r,
                                 const struct mail_verdict *v);
/* The sender is free again. */
typedef void sender_free_fn(void *arg, struct mailer_sender *s);

struct sender_owner {
    sender_result_fn *result;
    sender_free_fn *free;
    void *arg;
};

/* ends: shared, outlives it. */
struct mailer_sender *mailer_sender_new(struct mailer_app *app, struct mailer_ends *ends,
                                        const struct sender_owner *owner);
/* row of job_claim.sql; claimed_ms: by clock_boot_ms, before the claim was sent. */
void mailer_sender_start(struct mailer_sender *s, const struct db_result *r, int row,
                         int64_t claimed_ms);
bool mailer_sender_busy(const struct mailer_sender *s);
/* The mail is one over which a worker died or hung: nothing may be in hand beside it. */
bool mailer_sender_suspect(const struct mailer_sender *s);
/* Gives the mail back to the queue when no connection has begun it for min_ms since it
 * was claimed. False: it is under way, or waits for less. */
bool mailer_sender_recall(struct mailer_sender *s, int64_t min_ms);
/* No more timers; answers that still come are ignored. */
void mailer_sender_stop(struct mailer_sender *s);

#endif
