/* What mails there are, as the mailer's contract says. */
#ifndef MONITOR_MAIL_KINDS_H
#define MONITOR_MAIL_KINDS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"

/* An array of names ("verification"); the caller's. */
json_t *mail_kinds_new(void);
/* Is it one of them, as a task of Flower's ("mailer.verification")? */
bool mail_kinds_has_task(const json_t *kinds, struct str task);

#endif
