/*
 * The ends of attempts on their way into the database. Ends that come while a statement
 * is under way wait and go together in the next one, so that many mails share a commit;
 * each is fenced by its own lease token. When a batch fails, its ends go one by one, so
 * that one that cannot be written holds up no other. For the loop's thread.
 */
#ifndef SERVICES_MAILER_ENDS_H
#define SERVICES_MAILER_ENDS_H

#include <stdbool.h>

#include "base/str.h"
#include "svc/db.h"
#include "svc/loop.h"

struct mailer_ends;

/* What became of it. status DB_OK with an empty state: fenced, somebody else owns the
 * job. */
struct end_answer {
    enum db_status status;
    struct str state; /* of the job now; valid during the call */
    int attempt;      /* counted for the job now */
};
typedef void ends_fn(void *arg, const struct end_answer *a);

/* Lives in the caller from mailer_ends_write until fn was called. */
struct mail_end {
    struct str job_id; /* as Postgres prints it */
    struct str row;    /* element of the array that job_finish.sql takes */
    ends_fn *fn;
    void *arg;
    struct mail_end *next; /* ours, as is the rest */
    bool alone;            /* a batch with it failed */
};

struct mailer_ends *mailer_ends_new(struct loop *l, struct db *db);
/* Calls fn exactly once, never before this returned: with the answer, or with the
 * failure, after which it may be written again. */
void mailer_ends_write(struct mailer_ends *e, struct mail_end *end);
/* Calls nothing any more. Its memory stays, because an answer of the database may name
 * it. */
void mailer_ends_stop(struct mailer_ends *e);

#endif
