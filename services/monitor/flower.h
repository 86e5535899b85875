/* Flower's API and metrics (API.md 7). */
#ifndef MONITOR_FLOWER_H
#define MONITOR_FLOWER_H

#include "monitor/api.h"

struct monitor_app;

/* Answers with a document; o: taken. */
void flower_reply(struct api *a, json_t *o);
/* The names of all tasks there are; the caller's. */
json_t *flower_registered(const struct monitor_app *app);

/* handle_flower.c */
void handle_flower_workers(struct api *a);
void handle_flower_queues(struct api *a);
void handle_flower_revoke(struct api *a);
void handle_flower_shutdown(struct api *a);
void handle_flower_grow(struct api *a);
void handle_flower_shrink(struct api *a);
void handle_flower_rate(struct api *a);

/* handle_flower_tasks.c */
void handle_flower_tasks(struct api *a);
void handle_flower_task(struct api *a);
void handle_flower_result(struct api *a);
void handle_flower_types(struct api *a);

/* handle_metrics.c */
void handle_metrics(struct api *a);

#endif
