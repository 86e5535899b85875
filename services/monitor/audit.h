/*
 * What operators did, in the monitor's own schema: a row before anything is done, its
 * outcome afterwards. Nothing is done unrecorded.
 */
#ifndef MONITOR_AUDIT_H
#define MONITOR_AUDIT_H

#include "monitor/api.h"

/* Records that a's caller begins an action; fn gets its id. When it cannot be recorded a
 * is answered and fn not called. */
void audit_begin(struct api *a, const char *action, const char *subject,
                 const char *reason, void (*fn)(struct api *a, int64_t id));
/* How it ended: "done" or "failed". count < 0: nothing to count. Pages hear of it. */
void audit_end(struct monitor_app *app, int64_t id, const char *outcome,
               const char *summary, int64_t count);
/* Something that needs no permission to be recorded first: sign-ins. actor: a name that
 * is known to be one, "" when nobody is known. Lost while the database is away (the log
 * has it too). */
void audit_note(struct monitor_app *app, const char *actor, const char *via,
                const char *client, const char *action, const char *outcome,
                const char *summary);

void handle_audit(struct api *a);

#endif
