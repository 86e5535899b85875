/*
 * From events to jobs: which event asks for which mail, and the one statement that writes
 * inbox, jobs and cursor together.
 */
#ifndef SERVICES_MAILER_INTAKE_H
#define SERVICES_MAILER_INTAKE_H

#include "svc/events.h"
#include "svc/svc.h"

struct mailer_app;
struct mailer_intake;

/* Reads the cursor, then follows auth's stream; tries again until the database answers.
 * Never NULL. */
struct mailer_intake *mailer_intake_start(struct mailer_app *app);
void mailer_intake_stop(struct mailer_intake *in);
/* False while the stream is not being followed; *ret_why says why. */
bool mailer_intake_ready(const struct mailer_intake *in, const char **ret_why);
/* A statement of a batch is under way. */
bool mailer_intake_busy(const struct mailer_intake *in);
void mailer_intake_beat(const struct mailer_intake *in, struct jsonw *w);

/* Appends the two arrays of event_apply.sql for a batch. domain: of message ids. */
void mailer_intake_rows(const struct event_batch *batch, struct str domain,
                        struct buf *ret_inbox, struct buf *ret_jobs);

#endif
