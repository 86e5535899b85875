/*
 * The condition of a filter (`where` of the contract's type `filter`), which says with
 * and, or and not what its other members cannot: from prefix notation in JSON to the
 * jsonpath predicate that the SQL function job_where takes. Pure.
 */
#ifndef SERVICES_MAILER_JOB_WHERE_H
#define SERVICES_MAILER_JOB_WHERE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"

/* Appends the predicate. False: the list is not one whole condition, or a term of it
 * lacks what its `op` needs. */
bool job_where_text(const json_t *list, struct buf *out);

#endif
