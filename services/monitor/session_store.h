/*
 * The sessions of the dashboard in its own schema, so that a restart signs nobody out.
 * Memory is what counts; the rows follow it, one write at a time, each again until the
 * database has taken it. They are read once, at the start. While the database is away
 * everything goes on; after a restart then, who was signed in is not known until it is
 * back.
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
/* Writes what was opened, used or has ended; a row tells the last use to a minute. Twice
 * a second, and whenever something should not wait for that. */
void session_store_tick(struct session_store *s);
/* Something is to be written, and the database is there. */
bool session_store_busy(struct session_store *s);
/* False: what was before the restart is not known yet. */
bool session_store_read(const struct session_store *s);

#endif
