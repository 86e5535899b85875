/*
 * One claimed mail on its way: render, hand to the backend, renew the lease before the
 * body, write down the end. A sender carries one mail at a time and is used again.
 */
#ifndef SERVICES_MAILER_SENDER_H
#define SERVICES_MAILER_SENDER_H

#include <stdbool.h>

#include "mailer/verdict.h"
#include "svc/db.h"

struct mailer_app;
struct mailer_sender;

/* How long, in milliseconds, a mail that is handed back should rest; asked when the
 * result is known, before it is written down. */
typedef int64_t sender_result_fn(void *arg, const struct mail_result *r,
                                 const struct mail_verdict *v);
/* The sender is free again. */
typedef void sender_free_fn(void *arg);

struct sender_owner {
    sender_result_fn *result;
    sender_free_fn *free;
    void *arg;
};

struct mailer_sender *mailer_sender_new(struct mailer_app *app,
                                        const struct sender_owner *owner);
/* row of job_claim.sql; claimed_ms: monotonic, when the claim was sent. */
void mailer_sender_start(struct mailer_sender *s, const struct db_result *r, int row,
                         int64_t claimed_ms);
bool mailer_sender_busy(const struct mailer_sender *s);
/* No more timers; answers that still come are ignored. */
void mailer_sender_stop(struct mailer_sender *s);

#endif
