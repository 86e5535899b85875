#include "mailer/upkeep.h"

#include "base/mem.h"
#include "mailer/app.h"
#include "mailer/job_hint.h"
#include "svc/log.h"
#include "svc/metrics.h"

enum {
    SWEEP_MS = 5000,
    COUNT_MS = 1000,
    TOTALS_EVERY = 10, /* counts of finished jobs: every tenth time */
    RETIRE_MS = 600 * 1000,
    QUERY_TIMEOUT_MS = 5000,
};

static const struct db_stmt JOB_FOLD = { "job_fold", DB_WRITE };
static const struct db_stmt JOB_SWEEP = { "job_sweep", DB_WRITE };
static const struct db_stmt JOB_RETIRE = { "job_retire", DB_WRITE };
static const struct db_stmt JOB_DUE = { "job_due", DB_POINT };
static const struct db_stmt JOB_COUNTS = { "job_counts", DB_LIST };

struct mailer_upkeep {
    struct mailer_app *app;
    struct loop_timer *sweep, *count, *retire;
    unsigned rounds; /* of counting */
    struct mail_counts counts;
    struct metric *ready_gauge, *oldest_gauge;
    bool stopped;
};

static void on_ignored(void *arg, const struct db_result *r)
{
    (void)arg; /* a failure comes round again */
    (void)r;
}

/* --- ending and deleting ----------------------------------------------------------- */

static void tell_ended(struct mailer_upkeep *u, const struct db_result *r, int row)
{
    job_hint_send(u->app->svc, &(struct job_hint){ .job_id = db_text(r, row, 0),
                                                   .state = db_text(r, row, 1),
                                                   .template = db_text(r, row, 2),
                                                   .attempt = db_int(r, row, 3) });
}

static void on_swept(void *arg, const struct db_result *r)
{
    struct mailer_upkeep *u = arg;
    if (u->stopped || r->status != DB_OK)
        return;
    for (int i = 0; i < r->rows; i++) {
        log_warn("mail", "given up", F_SLICE("job_id", db_text(r, i, 0)),
                 F_SLICE("state", db_text(r, i, 1)), F_INT("attempt", db_int(r, i, 3)));
        tell_ended(u, r, i);
    }
}

static void on_sweep(void *arg)
{
    struct mailer_upkeep *u = arg;
    char crashes[DB_INT_TEXT];
    struct str param = db_int_param(VERDICT_CRASHES_MAX, crashes);
    db_query(u->app->svc->db, &JOB_SWEEP, &param, 1, QUERY_TIMEOUT_MS, on_swept, u);
}

static void on_retire(void *arg)
{
    struct mailer_upkeep *u = arg;
    db_query(u->app->svc->db, &JOB_RETIRE, NULL, 0, QUERY_TIMEOUT_MS, on_ignored, u);
}

/* --- counting ---------------------------------------------------------------------- */

static void on_due(void *arg, const struct db_result *r)
{
    struct mailer_upkeep *u = arg;
    if (u->stopped || r->status != DB_OK || r->rows != 1)
        return;
    u->counts.ready = db_int(r, 0, 0);
    u->counts.sending = db_int(r, 0, 1);
    u->counts.oldest_s = db_int(r, 0, 2);
    metric_set(u->ready_gauge, u->counts.ready);
    metric_set(u->oldest_gauge, u->counts.oldest_s);
}

static void on_totals(void *arg, const struct db_result *r)
{
    struct mailer_upkeep *u = arg;
    if (u->stopped || r->status != DB_OK)
        return;
    u->counts.sent = u->counts.dead = 0;
    for (int i = 0; i < r->rows; i++) {
        if (str_eq(db_text(r, i, 0), STR("sent")))
            u->counts.sent = db_int(r, i, 1);
        if (str_eq(db_text(r, i, 0), STR("dead")))
            u->counts.dead = db_int(r, i, 1);
    }
}

static void on_count(void *arg)
{
    struct mailer_upkeep *u = arg;
    struct db *db = u->app->svc->db;
    db_query(db, &JOB_FOLD, NULL, 0, QUERY_TIMEOUT_MS, on_ignored, u);
    db_query(db, &JOB_DUE, NULL, 0, QUERY_TIMEOUT_MS, on_due, u);
    if (u->rounds++ % TOTALS_EVERY == 0)
        db_query(db, &JOB_COUNTS, NULL, 0, QUERY_TIMEOUT_MS, on_totals, u);
}

/* --- life -------------------------------------------------------------------------- */

struct mailer_upkeep *mailer_upkeep_start(struct mailer_app *app)
{
    struct mailer_upkeep *u = xcalloc(1, sizeof *u);
    struct loop *l = app->svc->loop;
    u->app = app;
    u->ready_gauge = metric_gauge("mailer_queue_jobs", "Mails waiting to be sent", "");
    u->oldest_gauge = metric_gauge("mailer_queue_oldest_seconds",
                                   "Wait of the oldest mail that is due", "");
    u->sweep = loop_timer(l, SWEEP_MS, SWEEP_MS, on_sweep, u);
    u->count = loop_timer(l, 0, COUNT_MS, on_count, u);
    u->retire = loop_timer(l, RETIRE_MS, RETIRE_MS, on_retire, u);
    return u;
}

struct mail_counts mailer_upkeep_counts(const struct mailer_upkeep *u)
{
    return u->counts;
}

void mailer_upkeep_stop(struct mailer_upkeep *u)
{
    u->stopped = true;
    loop_timer_cancel(&u->sweep);
    loop_timer_cancel(&u->count);
    loop_timer_cancel(&u->retire);
}
