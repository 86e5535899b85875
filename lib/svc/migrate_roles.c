#include "svc/migrate_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

/* What every session of the runtime role starts with. A query of ours takes
 * milliseconds; these end what went wrong. */
static const struct {
    const char *name, *value;
    int since; /* server version */
} SETTINGS[] = {
    { "statement_timeout", "5s", 0 },
    { "lock_timeout", "2s", 0 },
    { "idle_in_transaction_session_timeout", "5s", 0 },
    { "client_connection_check_interval", "1s", 140000 },
};

static bool role_exists(struct migrate *m, const char *role)
{
    return migrate_is(m, "select exists (select from pg_roles where rolname = $1)", role);
}

static bool make_role(struct migrate *m, const char *role, const char *quoted,
                      const char *kind)
{
    if (role_exists(m, role))
        return true;
    if (!migrate_exec(m, "create role %s %s", quoted, kind))
        return false;
    printf("%s: created role %s (%s)\n", m->cfg->service, role, kind);
    return true;
}

/* Hashed here, so that no server log ever shows the password. */
static bool set_password(struct migrate *m)
{
    struct str password = secret_expose(m->cfg->password);
    if (password.n == 0)
        return true;
    char *hash = PQencryptPasswordConn(m->pg, password.p, m->runtime, NULL);
    char *literal = hash ? PQescapeLiteral(m->pg, hash, strlen(hash)) : NULL;
    bool ok = literal &&
              migrate_exec(m, "alter role %s login password %s", m->q_runtime, literal);
    if (!literal)
        migrate_complain(m, "the password cannot be hashed");
    PQfreemem(hash);
    PQfreemem(literal);
    return ok;
}

static bool set_settings(struct migrate *m, const char *q_database)
{
    for (size_t i = 0; i < ARRAY_LEN(SETTINGS); i++) {
        if (PQserverVersion(m->pg) < SETTINGS[i].since)
            continue;
        if (!migrate_exec(m, "alter role %s in database %s set %s = '%s'", m->q_runtime,
                          q_database, SETTINGS[i].name, SETTINGS[i].value))
            return false;
    }
    return migrate_exec(m, "alter role %s in database %s set search_path = %s",
                        m->q_runtime, q_database, m->q_schema);
}

/* Only the owner of the database may give these; without them, extensions that a
 * migration would like are left out, and connecting is allowed to all by default. */
static bool give_database(struct migrate *m, const char *q_database)
{
    bool allowed;
    AUTO_FREE char *create =
        xasprintf("grant create on database %s to %s", q_database, m->q_owner);
    AUTO_FREE char *connect =
        xasprintf("grant connect on database %s to %s", q_database, m->q_runtime);
    return migrate_exec_if_allowed(m, &allowed, create) &&
           migrate_exec_if_allowed(m, &allowed, connect);
}

static bool make_schema(struct migrate *m)
{
    const char *s = m->q_schema, *owner = m->q_owner, *runtime = m->q_runtime;
    if (!migrate_is(m, "select exists (select from pg_namespace where nspname = $1)",
                    m->cfg->service) &&
        !migrate_exec(m, "create schema %s authorization %s", s, owner))
        return false;
    return migrate_exec(m, "grant usage on schema %s to %s", s, runtime) &&
           migrate_exec(m,
                        "alter default privileges for role %s in schema %s "
                        "grant select, insert, update, delete on tables to %s",
                        owner, s, runtime) &&
           migrate_exec(m,
                        "alter default privileges for role %s in schema %s "
                        "grant usage on sequences to %s",
                        owner, s, runtime);
}

static bool make_two_roles(struct migrate *m, const char *q_database)
{
    return make_role(m, m->owner, m->q_owner, "nologin") &&
           make_role(m, m->runtime, m->q_runtime, "login") &&
           migrate_exec(m, "grant %s to current_user", m->q_owner) && set_password(m) &&
           set_settings(m, q_database) && give_database(m, q_database) &&
           make_schema(m) && migrate_exec(m, "set role %s", m->q_owner);
}

static bool make_single_role(struct migrate *m)
{
    fprintf(stderr,
            "%s: warning: %s may not create roles, so the service will work as %s, which "
            "owns its tables; set POSTGRES_RUNTIME_USER=%s for the daemon\n",
            m->cfg->service, m->cfg->db.user, m->cfg->db.user, m->cfg->db.user);
    return migrate_is(m, "select exists (select from pg_namespace where nspname = $1)",
                      m->cfg->service) ||
           migrate_exec(m, "create schema %s", m->q_schema);
}

/* An extension belongs to the database. In the schema of the service that came first the
 * others could not use it, because they may not look in there. Services work without it,
 * with slower searches. */
static bool share_extension(struct migrate *m)
{
    bool allowed;
    if (!migrate_exec_if_allowed(m, &allowed,
                                 "create extension if not exists pg_trgm schema public"))
        return false;
    if (!migrate_is(m,
                    "select exists (select from pg_extension e"
                    " join pg_namespace n on n.oid = e.extnamespace"
                    " where e.extname = 'pg_trgm' and n.nspname <> 'public')",
                    NULL))
        return true;
    return migrate_exec_if_allowed(m, &allowed,
                                   "alter extension pg_trgm set schema public");
}

bool migrate_make_roles(struct migrate *m)
{
    m->single_role = !migrate_is(m,
                                 "select rolsuper or rolcreaterole from pg_roles "
                                 "where rolname = current_user",
                                 NULL);
    const char *database = PQdb(m->pg);
    char *q_database = PQescapeIdentifier(m->pg, database, strlen(database));
    bool ok = q_database && share_extension(m) &&
              (m->single_role ? make_single_role(m) : make_two_roles(m, q_database)) &&
              migrate_exec(m, "set search_path = %s", m->q_schema);
    PQfreemem(q_database);
    return ok;
}
