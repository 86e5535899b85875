/* The mail jobs as the dashboard sees them: mailer.jobs.list and mailer.jobs.show. */
#ifndef SERVICES_MAILER_HANDLE_JOBS_H
#define SERVICES_MAILER_HANDLE_JOBS_H

#include "svc/rpc_server.h"

void mailer_handle_jobs_list(struct call *c);
void mailer_handle_jobs_show(struct call *c);

#endif
