#include "svc/migrate_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"

enum { START_WAIT_MS = 10000, TRIES = 12 };

/* 20 to 100 ms, so that two runs that met do not meet again. */
static void pause_a_little(void)
{
    uint8_t random;
    id_random(&random, sizeof(random));
    long ms = 20 + random * 80 / 255;
    nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

void migrate_complain(const struct migrate *m, const char *what)
{
    struct str detail = str_trim(str_of(PQerrorMessage(m->pg)));
    fprintf(stderr, "%s: %s: %.*s\n", m->cfg->service, what, STR_ARG(detail));
}

/* ---- connecting -------------------------------------------------------------- */

static PGconn *connect_once(const struct db_config *db, PGPing *ret_ping)
{
    struct str password = secret_expose(db->password);
    const char *const names[] = { "host",
                                  "port",
                                  "dbname",
                                  "user",
                                  "sslmode",
                                  "password",
                                  "connect_timeout",
                                  "application_name",
                                  "client_encoding",
                                  "target_session_attrs",
                                  NULL };
    const char *const values[] = { db->host,    db->port,
                                   db->dbname,  db->user,
                                   db->sslmode, password.n ? password.p : NULL,
                                   "3",         db->application,
                                   "UTF8",      "read-write",
                                   NULL };
    PGconn *pg = PQconnectdbParams(names, values, 0);
    *ret_ping =
        PQstatus(pg) == CONNECTION_OK ? PQPING_OK : PQpingParams(names, values, 0);
    return pg;
}

static void ignore_notice(void *arg, const PGresult *res)
{
    (void)arg;
    (void)res;
}

/* What to look at: whether anybody answers, or who answers refuses us. */
static const char *what_failed(PGPing ping)
{
    return ping == PQPING_OK ? "Postgres answers and refuses "
                               "(POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB)"
                             : "cannot reach Postgres (POSTGRES_HOST, POSTGRES_PORT)";
}

PGconn *migrate_connect(const struct migrate_config *cfg)
{
    int64_t end = clock_mono_ms() + START_WAIT_MS;
    for (;;) {
        PGPing ping;
        PGconn *pg = connect_once(&cfg->db, &ping);
        if (PQstatus(pg) == CONNECTION_OK) {
            PQsetNoticeReceiver(pg, ignore_notice, NULL);
            return pg;
        }
        bool starting = ping == PQPING_REJECT || ping == PQPING_NO_RESPONSE;
        if (!starting || clock_mono_ms() >= end) {
            struct migrate m = { .cfg = cfg, .pg = pg };
            migrate_complain(&m, what_failed(ping));
            PQfinish(pg);
            return NULL;
        }
        PQfinish(pg);
        for (int i = 0; i < 5; i++)
            pause_a_little();
    }
}

/* ---- statements -------------------------------------------------------------- */

enum outcome { DONE, AGAIN, DENIED, FAILED };

static const struct {
    const char *sqlstate;
    enum outcome outcome;
} CONFLICTS[] = {
    { "42710", DONE },  /* role exists */
    { "42P06", DONE },  /* schema exists */
    { "42P07", DONE },  /* table exists */
    { "XX000", AGAIN }, /* "tuple concurrently updated" */
    { "23505", AGAIN }, /* a system table's unique index */
    { "40001", AGAIN },  { "40P01", AGAIN },
    { "42501", DENIED }, { "58P01", DENIED }, /* no such extension on the server ... */
    { "0A000", DENIED },                      /* ... in the words of newer ones */
    { "3F000", DENIED },                      /* no such schema */
};

static enum outcome try_exec(struct migrate *m, const char *sql)
{
    PGresult *res = PQexec(m->pg, sql);
    ExecStatusType status = PQresultStatus(res);
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    enum outcome outcome =
        status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? DONE : FAILED;
    for (size_t i = 0; outcome == FAILED && state && i < ARRAY_LEN(CONFLICTS); i++)
        if (strcmp(state, CONFLICTS[i].sqlstate) == 0) {
            outcome = CONFLICTS[i].outcome;
            break;
        }
    PQclear(res);
    return outcome;
}

bool migrate_collided(const PGresult *res)
{
    static const char *const STATES[] = { "XX000", "40001", "40P01", "42710" };
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *schema = PQresultErrorField(res, PG_DIAG_SCHEMA_NAME);
    if (!state)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(STATES); i++)
        if (strcmp(state, STATES[i]) == 0)
            return true;
    return strcmp(state, "23505") == 0 && schema && strcmp(schema, "pg_catalog") == 0;
}

bool migrate_may_try_again(struct migrate *m)
{
    if (!m->collided || ++m->collisions >= TRIES)
        return false;
    pause_a_little();
    return true;
}

static enum outcome exec_retry(struct migrate *m, const char *sql)
{
    enum outcome outcome = AGAIN;
    for (int i = 0; i < TRIES && outcome == AGAIN; i++) {
        if (i > 0)
            pause_a_little();
        outcome = try_exec(m, sql);
    }
    return outcome;
}

bool migrate_exec(struct migrate *m, const char *fmt, ...)
{
    char *sql = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&sql, fmt, ap);
    va_end(ap);
    if (n < 0)
        BUG("bad format");
    bool ok = exec_retry(m, sql) == DONE;
    free(sql);
    if (!ok)
        migrate_complain(m, "the database refused a step");
    return ok;
}

bool migrate_exec_if_allowed(struct migrate *m, bool *ret_allowed, const char *sql)
{
    enum outcome outcome = exec_retry(m, sql);
    *ret_allowed = outcome == DONE;
    if (outcome == DONE || outcome == DENIED)
        return true;
    migrate_complain(m, "the database refused a step");
    return false;
}

PGresult *migrate_query(struct migrate *m, const char *sql, const char *param)
{
    PGresult *res = PQexecParams(m->pg, sql, param ? 1 : 0, NULL, &param, NULL, NULL, 0);
    if (PQresultStatus(res) == PGRES_TUPLES_OK)
        return res;
    migrate_complain(m, "the database refused a question");
    PQclear(res);
    return NULL;
}

bool migrate_is(struct migrate *m, const char *sql, const char *param)
{
    PGresult *res = migrate_query(m, sql, param);
    bool yes = res && PQntuples(res) > 0 && strcmp(PQgetvalue(res, 0, 0), "t") == 0;
    PQclear(res);
    return yes;
}
