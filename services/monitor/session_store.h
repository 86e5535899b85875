/*
 * The sessions of the dashboard in its own schema, so that a restart signs nobody out.
 * Memory is what counts; the rows follow it, and are read once, at the start. While the
 * database is away everything goes on, and a restart then asks people to sign in again.
 */
#ifndef MONITOR_SESSION_STORE_H
#define MONITOR_SESSION_STORE_H

#include <stdbool.h>

struct monitor_app;
struct session_store;

/* Reads what there is, again and again until the database answers. After access_new. */
struct session_store *session_store_new(struct monitor_app *app);
/* Once the loop turns no more; before access_free. */
void session_store_free(struct session_store **s);
/* Writes what was opened or used; a row tells the last use to a minute. Twice a second.
 */
void session_store_tick(struct session_store *s);
/* False: what was before the restart is not known yet. */
bool session_store_read(const struct session_store *s);

#endif
