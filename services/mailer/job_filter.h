/*
 * What lists of mails are asked for, from a request's JSON to the parameters of
 * job_list.sql and job_pick.sql. Pure. The meaning of a filter is the SQL functions
 * job_fits and job_where; its form is the contract's type `filter`.
 */
#ifndef SERVICES_MAILER_JOB_FILTER_H
#define SERVICES_MAILER_JOB_FILTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

/* The object that job_fits and job_where take; filter has been checked by the contract,
 * or is NULL for no filter. False, with a sentence in *ret_why: a value that the contract
 * cannot check. Memory from the arena. */
bool job_filter_text(const json_t *filter, struct arena *a, struct str *ret,
                     const char **ret_why);

enum job_sort { JOB_SORT_CREATED, JOB_SORT_RUN, JOB_SORT_FINISHED, JOB_SORT_ATTEMPT };
/* False: no order of that name. */
bool job_sort_parse(struct str name, enum job_sort *ret);
const char *job_sort_name(enum job_sort sort);

/* Where a page lies: behind the row with this key in the direction of reading. */
struct job_place {
    bool back;   /* towards the beginning of the list */
    int64_t key; /* microseconds since 1970, -1 for never; or an attempt */
    char job_id[40];
};

enum { JOB_PLACE_TEXT = 80 };
/* "n.<key>.<job id>" and "p....": what `next` and `previous` of a page say. */
bool job_place_parse(struct str text, struct job_place *ret);
char *job_place_text(const struct job_place *p, char out[static JOB_PLACE_TEXT]);

#endif
