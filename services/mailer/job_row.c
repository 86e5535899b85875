#include "mailer/job_row.h"

void row_text(struct jsonw *w, const char *key, const struct db_result *r, int row,
              int col)
{
    if (db_is_null(r, row, col))
        jw_knull(w, key);
    else
        jw_kstr(w, key, db_text(r, row, col));
}

void row_int(struct jsonw *w, const char *key, const struct db_result *r, int row,
             int col)
{
    if (db_is_null(r, row, col))
        jw_knull(w, key);
    else
        jw_kint(w, key, db_int(r, row, col));
}

void job_row_write(struct jsonw *w, const struct db_result *r, int row)
{
    row_text(w, "job_id", r, row, JOB_ID);
    row_text(w, "event_id", r, row, JOB_EVENT);
    row_text(w, "template", r, row, JOB_TEMPLATE);
    row_text(w, "recipient", r, row, JOB_RECIPIENT);
    row_text(w, "state", r, row, JOB_STATE);
    row_int(w, "attempt", r, row, JOB_ATTEMPT);
    row_text(w, "created_at", r, row, JOB_CREATED);
    row_text(w, "run_at", r, row, JOB_RUN);
    row_text(w, "finished_at", r, row, JOB_FINISHED);
    row_int(w, "last_code", r, row, JOB_CODE);
    row_text(w, "last_error", r, row, JOB_ERROR);
    row_text(w, "worker", r, row, JOB_WORKER);
    row_int(w, "user_id", r, row, JOB_USER);
    row_text(w, "expires_at", r, row, JOB_EXPIRES);
    row_text(w, "request_id", r, row, JOB_REQUEST);
    row_text(w, "claimed_at", r, row, JOB_CLAIMED);
}
