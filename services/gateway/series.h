/* The request metrics, by handles that the hot path only adds to. */
#ifndef GATEWAY_SERIES_H
#define GATEWAY_SERIES_H

#include <stdint.h>

#include "svc/contract.h"
#include "svc/token.h"

struct gateway_metrics;

/* One series per method of the contract that has a path, and one for the rest. */
struct gateway_metrics *gateway_metrics_new(const struct contract *contract);
void gateway_metrics_free(struct gateway_metrics **m);

void gateway_metrics_began(struct gateway_metrics *m);
/* shown: the method, or NULL when none was matched. Any thread. */
void gateway_metrics_ended(struct gateway_metrics *m, const struct contract_method *shown,
                           int status, int64_t duration_us);
/* A token was refused. */
void gateway_metrics_token(struct gateway_metrics *m, enum token_verdict cause);

#endif
