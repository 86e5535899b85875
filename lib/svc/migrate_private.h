/* What the files of `migrate` share; nobody else includes it. All of it blocks. */
#ifndef LIB_SVC_MIGRATE_PRIVATE_H
#define LIB_SVC_MIGRATE_PRIVATE_H

#include <libpq-fe.h>

#include "base/mem.h"
#include "svc/exit.h"
#include "svc/migrate.h"

struct migrate {
    const struct migrate_config *cfg;
    PGconn *pg;
    bool single_role;
    bool collided; /* what failed last lost a race for a row of a system table */
    int collisions;
    char *owner, *runtime;                /* role names */
    char *q_owner, *q_runtime, *q_schema; /* the same as quoted identifiers */
};

/* migrate_conn.c. Failures are one sentence on stderr. */

/* Waits a while for a server that is starting. NULL: said. */
PGconn *migrate_connect(const struct migrate_config *cfg);
/* Runs statements; conflicts with a concurrent run are tried again and "exists already"
 * counts as done. */
bool migrate_exec(struct migrate *m, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same, but a refusal for want of privilege is no failure: *ret_allowed says. */
bool migrate_exec_if_allowed(struct migrate *m, bool *ret_allowed, const char *sql);
/* Runs without any second try; NULL: said. PQclear the result. */
PGresult *migrate_query(struct migrate *m, const char *sql, const char *param);
/* True when the query gives a row whose first column is true. */
bool migrate_is(struct migrate *m, const char *sql, const char *param);
/* Whether this failure is a concurrent run's doing, so that a second try may go well. */
bool migrate_collided(const PGresult *res);
/* False: tried often enough. Sleeps for a moment otherwise. */
bool migrate_may_try_again(struct migrate *m);
void migrate_complain(const struct migrate *m, const char *what);

/* migrate_roles.c: roles, schema and privileges. */
bool migrate_make_roles(struct migrate *m);

#endif
