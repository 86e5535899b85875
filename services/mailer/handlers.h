/* The methods of proto/mailer.json. Each answers its call, now or later. */
#ifndef SERVICES_MAILER_HANDLERS_H
#define SERVICES_MAILER_HANDLERS_H

#include "svc/rpc_server.h"

extern const struct rpc_handler MAILER_HANDLERS[];

void mailer_handle_jobs_list(struct call *c);
void mailer_handle_jobs_show(struct call *c);
void mailer_handle_jobs_retry(struct call *c);
void mailer_handle_jobs_revoke(struct call *c);
void mailer_handle_queue_status(struct call *c);
void mailer_handle_queue_pause(struct call *c);
void mailer_handle_queue_resume(struct call *c);
void mailer_handle_queue_settings(struct call *c);
void mailer_handle_stats(struct call *c);
void mailer_handle_actions_list(struct call *c);
void mailer_handle_reconcile(struct call *c);

/* The filter of a body as job_fits and job_where take it. False: the call has been
 * answered. */
bool mailer_read_filter(struct call *c, struct str *ret) MUST_CHECK;

#endif
