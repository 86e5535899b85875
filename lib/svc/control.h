/*
 * The control methods that every daemon answers on its RPC port, open to the monitor's
 * key only: ping, drain, resume, log level (proto/control.json, numbers 1-99).
 */
#ifndef LIB_SVC_CONTROL_H
#define LIB_SVC_CONTROL_H

#include "svc/rpc_server.h"

/* Ended by method NULL; rpc_server_start adds them to the service's own. */
extern const struct rpc_handler CONTROL_HANDLERS[];

#endif
