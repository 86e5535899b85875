/* A row of job_list.sql or job_show.sql as JSON: their first columns are the same. */
#ifndef SERVICES_MAILER_JOB_ROW_H
#define SERVICES_MAILER_JOB_ROW_H

#include "base/jsonw.h"
#include "svc/db.h"

enum job_column {
    JOB_ID,
    JOB_EVENT,
    JOB_TEMPLATE,
    JOB_RECIPIENT,
    JOB_STATE,
    JOB_ATTEMPT,
    JOB_CREATED,
    JOB_RUN,
    JOB_FINISHED,
    JOB_CODE,
    JOB_ERROR,
    JOB_WORKER,
    JOB_USER,
    JOB_EXPIRES,
    JOB_REQUEST,
    JOB_CLAIMED,
    JOB_COLUMNS,
};

/* A column as text or number under a key; null stays null. */
void row_text(struct jsonw *w, const char *key, const struct db_result *r, int row,
              int col);
void row_int(struct jsonw *w, const char *key, const struct db_result *r, int row,
             int col);
/* The members of the contract's type `job`, into an open object. */
void job_row_write(struct jsonw *w, const struct db_result *r, int row);

#endif
