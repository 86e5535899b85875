/* A mail as a task of Flower's: states, names, the object (API.md 7). Pure. */
#ifndef MONITOR_FLOWER_TASK_H
#define MONITOR_FLOWER_TASK_H

#include <jansson.h>

#include "base/buf.h"
#include "base/str.h"

/* The state of a mail as Celery calls it. */
const char *flower_state(const json_t *job);
/* A row of the mailer's as a task object. */
json_t *flower_task(const json_t *job);
/* A state of Celery as a term of our search; NULL: none. */
const char *flower_search_of_state(struct str state);
/* The states that tasks have here by name; NULL behind the last. */
const char *flower_state_at(size_t i);
/* A text as Python's repr() writes it. */
void flower_repr(struct buf *out, struct str text);

#endif
