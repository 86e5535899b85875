/*
 * The names of users, as auth's events tell them: what `created_by` shows. A user whose
 * name or account changes is written down, known here or not; a name that only appears (a
 * registration) comes with its first product.
 */
#ifndef CATALOG_NAMES_H
#define CATALOG_NAMES_H

#include "svc/svc.h"

struct catalog_app;
struct catalog_names;

/* Follows auth's stream from the cursor of the last run. NULL: logged; auth cannot be
 * called. */
struct catalog_names *catalog_names_start(struct catalog_app *app);
/* Begins no more batches. */
void catalog_names_drain(struct catalog_names *n);
/* A batch is being written. */
bool catalog_names_busy(const struct catalog_names *n);
void catalog_names_beat(const struct catalog_names *n, struct jsonw *w);
/* Once the loop turns no more. NULL is fine. */
void catalog_names_stop(struct catalog_names **n);

/* The rows of event_apply.sql: the newest of each user in the batch. Appends to out. */
void catalog_names_rows(const struct event_batch *batch, struct buf *out);

#endif
