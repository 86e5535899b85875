/* One blocking query for a verb, as the daemon's own role. */
#include <stdio.h>

#include "svc/migrate_private.h"
#include "svc/svc_private.h"

enum { PARAMS_MAX = 16 };

static bool take_result(struct svc *svc, PGconn *pg, PGresult *res, char **ret_text)
{
    ExecStatusType status = PQresultStatus(res);
    bool ok = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
    if (!ok) {
        struct str why = str_trim(str_of(PQerrorMessage(pg)));
        fprintf(stderr, "%s: %.*s\n", svc->def->name, STR_ARG(why));
        return false;
    }
    bool has = PQntuples(res) > 0 && PQnfields(res) > 0 && !PQgetisnull(res, 0, 0);
    *ret_text = has ? xstrdup(PQgetvalue(res, 0, 0)) : NULL;
    return true;
}

bool svc_query_once(struct svc *svc, const char *sql, const struct str *params,
                    unsigned n, char **ret_text)
{
    struct migrate_config cfg = { .service = svc->def->name };
    const char *values[PARAMS_MAX] = { NULL };
    char *copies[PARAMS_MAX] = { NULL };
    if (n > PARAMS_MAX)
        BUG("too many parameters");
    if (!svc_db_config(svc, &cfg.db))
        return false;
    PGconn *pg = migrate_connect(&cfg);
    if (!pg)
        return false;
    for (unsigned i = 0; i < n; i++) {
        copies[i] = params[i].p ? xstrndup(params[i].p, params[i].n) : NULL;
        values[i] = copies[i];
    }
    if (cfg.db.schema) {
        char *quoted = PQescapeIdentifier(pg, cfg.db.schema, strlen(cfg.db.schema));
        AUTO_FREE char *set = xasprintf("set search_path = %s", quoted);
        PQclear(PQexec(pg, set));
        PQfreemem(quoted);
    }
    PGresult *res = PQexecParams(pg, sql, (int)n, NULL, values, NULL, NULL, 0);
    bool ok = take_result(svc, pg, res, ret_text);
    PQclear(res);
    PQfinish(pg);
    for (unsigned i = 0; i < n; i++)
        free(copies[i]);
    return ok;
}
