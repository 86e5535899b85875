/* control.describe: what this process is, how it is set, what it has counted. */
#ifndef LIB_SVC_DESCRIBE_H
#define LIB_SVC_DESCRIBE_H

#include "svc/rpc_server.h"

/* The handler of the control method. Secrets are told as "set" or "not set". */
void describe_handle(struct call *c);

#endif
