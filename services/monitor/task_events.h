/* How often what happened to mails and how long it took, by worker and template: counted
 * from the mailers' hints. Bounded; pure. */
#ifndef MONITOR_TASK_EVENTS_H
#define MONITOR_TASK_EVENTS_H

#include <jansson.h>

#include "base/buf.h"
#include "svc/metrics.h"

struct task_events;

struct task_events *task_events_new(void);
void task_events_free(struct task_events **t);
/* The data of a job message from a mailer. */
void task_events_note(struct task_events *t, const char *worker, const json_t *data);
/* Samples of flower_events_total. */
void task_events_print(const struct task_events *t, struct buf *out);
/* Calls fn for each worker and template whose attempts were heard of. */
typedef void task_events_time_fn(void *arg, const char *worker, const char *template,
                                 const struct metric_sum *times);
void task_events_each_time(const struct task_events *t, task_events_time_fn *fn,
                           void *arg);

#endif
