/*
 * The queue of mails: claims due jobs under a lease, has them sent, and writes down how
 * it ended, fenced by the lease's token. Times are the database's. A breaker pauses the
 * whole queue when it is the server or our own set-up that fails, not a mail.
 */
#ifndef SERVICES_MAILER_QUEUE_H
#define SERVICES_MAILER_QUEUE_H

#include "base/jsonw.h"

struct mailer_app;
struct mailer_queue;

struct mailer_queue *mailer_queue_start(struct mailer_app *app);
/* There may be work: looks at once when a sender is free. */
void mailer_queue_wake(struct mailer_queue *q);
/* An operator changed the settings: reads them now instead of within half a second. */
void mailer_queue_changed(struct mailer_queue *q);
/* Claims no more; what is under way is finished. */
void mailer_queue_drain(struct mailer_queue *q);
/* A mail is being sent or its end being written down. */
bool mailer_queue_busy(const struct mailer_queue *q);
/* After backend_close: nothing of the queue runs any more. */
void mailer_queue_stop(struct mailer_queue *q);
/* Members ready, sending, sent, dead, oldest_s, connections, busy, paused (by whomever),
 * held (by an operator). */
void mailer_queue_beat(const struct mailer_queue *q, struct jsonw *w);
/* This replica's members of the answer of mailer.queue.status. */
void mailer_queue_status(const struct mailer_queue *q, struct jsonw *w);

#endif
