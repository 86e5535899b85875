/*
 * What the queue needs besides sending, by timers of its own: ending what is over,
 * deleting what is old, adding up and counting. For the loop's thread.
 */
#ifndef SERVICES_MAILER_UPKEEP_H
#define SERVICES_MAILER_UPKEEP_H

#include <stdint.h>

struct mailer_app;
struct mailer_upkeep;

/* As of the last counting: mails that wait, are leased, were sent, are dead; seconds that
 * the oldest due mail has waited. */
struct mail_counts {
    int64_t ready, sending, sent, dead, oldest_s;
};

struct mailer_upkeep *mailer_upkeep_start(struct mailer_app *app);
struct mail_counts mailer_upkeep_counts(const struct mailer_upkeep *u);
/* No more timers; answers that still come are ignored. Its memory stays for them. */
void mailer_upkeep_stop(struct mailer_upkeep *u);

#endif
