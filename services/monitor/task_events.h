/* How often what happened to mails, by worker and template: counted from the mailers'
 * hints. Bounded; pure. */
#ifndef MONITOR_TASK_EVENTS_H
#define MONITOR_TASK_EVENTS_H

#include <jansson.h>

#include "base/buf.h"

struct task_events;

struct task_events *task_events_new(void);
void task_events_free(struct task_events **t);
/* The data of a job message from a mailer. */
void task_events_note(struct task_events *t, const char *worker, const json_t *data);
/* Samples of flower_events_total. */
void task_events_print(const struct task_events *t, struct buf *out);

#endif
