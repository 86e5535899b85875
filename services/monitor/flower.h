/* Flower's API and metrics (API.md 7). */
#ifndef MONITOR_FLOWER_H
#define MONITOR_FLOWER_H

#include "monitor/api.h"

/* The state of a mail as Celery calls it. */
const char *flower_state(const json_t *job);

/* handle_flower.c */
void handle_flower_workers(struct api *a);
void handle_flower_tasks(struct api *a);
void handle_flower_task(struct api *a);
void handle_flower_result(struct api *a);
void handle_flower_types(struct api *a);
void handle_flower_queues(struct api *a);
void handle_flower_revoke(struct api *a);
void handle_flower_shutdown(struct api *a);
void handle_flower_grow(struct api *a);
void handle_flower_shrink(struct api *a);
void handle_flower_rate(struct api *a);

/* handle_metrics.c */
void handle_metrics(struct api *a);

#endif
