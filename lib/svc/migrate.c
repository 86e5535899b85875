#include "svc/migrate.h"

#include <ctype.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "svc/migrate_private.h"

enum { CHECKSUM_TEXT = 2 * crypto_hash_sha256_BYTES + 1 };

/* One numbered file and what the database knows about it. */
struct step {
    const struct embed_file *file;
    int version;
    char checksum[CHECKSUM_TEXT];
    bool applied, changed;
    char applied_at[CLOCK_TEXT_SIZE];
};

struct steps {
    struct step *at;
    size_t n;
    int unknown; /* applied versions that this build has no file for */
};

/* ---- the files --------------------------------------------------------------- */

static int by_version(const void *a, const void *b)
{
    const struct step *x = a, *y = b;
    return (x->version > y->version) - (x->version < y->version);
}

/* The digits a file's name or a row begins with; 0 when they are no number of ours. */
static int read_version(const char *text)
{
    long version = strtol(text, NULL, 10);
    return version > 0 && version <= INT_MAX ? (int)version : 0;
}

static void add_step(struct steps *steps, const struct embed_file *f)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    struct step *s = &steps->at[steps->n++];
    *s = (struct step){ .file = f, .version = read_version(f->name) };
    crypto_hash_sha256(hash, (const unsigned char *)f->data, f->size);
    hex_encode(hash, sizeof(hash), s->checksum);
}

/* False, said: two files of one number. */
static bool collect(const struct migrate_config *cfg, struct steps *steps)
{
    size_t n = 0;
    for (const struct embed_file *const *set = cfg->sql_sets; set && *set; set++)
        for (const struct embed_file *f = *set; f->name; f++)
            n++;
    steps->at = xcalloc(n + 1, sizeof(*steps->at));
    for (const struct embed_file *const *set = cfg->sql_sets; set && *set; set++)
        for (const struct embed_file *f = *set; f->name; f++)
            if (isdigit((unsigned char)f->name[0]))
                add_step(steps, f);
    qsort(steps->at, steps->n, sizeof(*steps->at), by_version);
    for (size_t i = 0; i < steps->n; i++) {
        bool twice = i > 0 && steps->at[i].version == steps->at[i - 1].version;
        if (steps->at[i].version < 1 || twice) {
            fprintf(stderr, "%s: %s has no number of its own\n", cfg->service,
                    steps->at[i].file->name);
            return false;
        }
    }
    return true;
}

/* ---- what was applied -------------------------------------------------------- */

static void note_applied(struct steps *steps, const PGresult *res, int row)
{
    int version = read_version(PQgetvalue(res, row, 0));
    for (size_t i = 0; i < steps->n; i++) {
        struct step *s = &steps->at[i];
        if (s->version != version)
            continue;
        s->applied = true;
        s->changed = strcmp(s->checksum, PQgetvalue(res, row, 1)) != 0;
        snprintf(s->applied_at, sizeof(s->applied_at), "%s", PQgetvalue(res, row, 2));
        return;
    }
    steps->unknown++;
}

static bool read_applied(struct migrate *m, struct steps *steps)
{
    PGresult *res = migrate_query(
        m,
        "select version, checksum,"
        " to_char(applied_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
        " from schema_migration where version > 0",
        NULL);
    if (!res)
        return false;
    steps->unknown = 0;
    for (int row = 0; row < PQntuples(res); row++)
        note_applied(steps, res, row);
    PQclear(res);
    return true;
}

/* 0, or 78 with a sentence for every file that is not what was applied. */
static int check_unchanged(const struct migrate *m, const struct steps *steps)
{
    int code = 0;
    for (size_t i = 0; i < steps->n; i++) {
        if (!steps->at[i].changed)
            continue;
        fprintf(stderr,
                "%s: %s was changed after it had been applied; put it back and write a "
                "new file instead\n",
                m->cfg->service, steps->at[i].file->name);
        code = EXIT_CONFIG;
    }
    return code;
}

/* ---- applying ---------------------------------------------------------------- */

/* Version 0 is the row that concurrent runs lock in turn. */
static bool make_table(struct migrate *m)
{
    return migrate_exec(m, "create table if not exists schema_migration ("
                           " version integer primary key,"
                           " name text not null,"
                           " checksum text not null,"
                           " applied_at timestamptz not null)") &&
           (m->single_role ||
            migrate_exec(m, "revoke insert, update, delete on schema_migration from %s",
                         m->q_runtime)) &&
           migrate_exec(m, "insert into schema_migration values (0, 'lock', '', now())"
                           " on conflict do nothing");
}

static bool run(struct migrate *m, const char *sql)
{
    PGresult *res = PQexec(m->pg, sql);
    ExecStatusType status = PQresultStatus(res);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    m->collided = !ok && migrate_collided(res);
    PQclear(res);
    return ok;
}

static bool note_step(struct migrate *m, const struct step *s)
{
    char version[16];
    snprintf(version, sizeof(version), "%d", s->version);
    const char *const params[] = { version, s->file->name, s->checksum };
    PGresult *res = PQexecParams(
        m->pg, "insert into schema_migration values ($1, $2, $3, clock_timestamp())", 3,
        NULL, params, NULL, NULL, 0);
    bool ok = PQresultStatus(res) == PGRES_COMMAND_OK;
    PQclear(res);
    return ok;
}

static int apply_step(struct migrate *m, const struct step *s)
{
    int64_t start = clock_mono_ms();
    bool ran = run(m, s->file->data);
    if (!ran && migrate_may_try_again(m)) {
        run(m, "rollback"); /* another service took the same step, of an extension say */
        return 0;
    }
    if (!ran || !note_step(m, s)) {
        migrate_complain(m, s->file->name);
        run(m, "rollback");
        return EXIT_BUG;
    }
    if (!run(m, "commit")) {
        migrate_complain(m, s->file->name);
        return EXIT_BUG;
    }
    printf("%s: applied %s (%lld ms)\n", m->cfg->service, s->file->name,
           (long long)(clock_mono_ms() - start));
    return 0;
}

static struct step *first_pending(struct steps *steps)
{
    for (size_t i = 0; i < steps->n; i++)
        if (!steps->at[i].applied)
            return &steps->at[i];
    return NULL;
}

/* One transaction per file; each looks again, under the lock, at what a concurrent run
 * may have done meanwhile. *ret_left: whether there may be more. */
static int apply_next(struct migrate *m, struct steps *steps, bool *ret_left)
{
    *ret_left = false;
    if (!run(m, "begin") ||
        !run(m, "select from schema_migration where version = 0 for update")) {
        migrate_complain(m, "the lock cannot be had");
        return EXIT_BUG;
    }
    int code = read_applied(m, steps) ? check_unchanged(m, steps) : EXIT_BUG;
    struct step *next = code == 0 ? first_pending(steps) : NULL;
    if (!next) {
        run(m, "rollback");
        return code;
    }
    *ret_left = true;
    return apply_step(m, next);
}

/* A table that was rebuilt, or filled, looks unknown to the planner and unseen to its
 * indexes until a vacuum comes by, which nothing else would call. It works without,
 * slower. Empty ones are left alone: one that was never looked at is planned for as if it
 * had some pages, which is what a plan that is kept needs; one known to be empty is not.
 */
static void vacuum(struct migrate *m)
{
    PGresult *tables = migrate_query(
        m,
        "select format('vacuum (analyze) %I.%I', schemaname, tablename)"
        " from pg_tables where schemaname = $1"
        " and pg_relation_size(format('%I.%I', schemaname, tablename)::regclass) > 0",
        m->cfg->service);
    for (int row = 0; tables && row < PQntuples(tables); row++)
        if (!run(m, PQgetvalue(tables, row, 0)))
            migrate_complain(m, "a table is not vacuumed");
    PQclear(tables);
}

static int apply_all(struct migrate *m, struct steps *steps)
{
    bool left = true;
    int code = 0;
    unsigned rounds = 0;
    for (; code == 0 && left; rounds++)
        code = apply_next(m, steps, &left);
    if (code != 0)
        return code;
    if (rounds > 1) /* the last one found nothing left */
        vacuum(m);
    if (steps->unknown > 0)
        fprintf(stderr,
                "%s: warning: the database is newer than this build by %d file%s\n",
                m->cfg->service, steps->unknown, steps->unknown == 1 ? "" : "s");
    printf("%s: up to date, version %d\n", m->cfg->service,
           steps->n ? steps->at[steps->n - 1].version : 0);
    return 0;
}

/* ---- status ------------------------------------------------------------------ */

static int status(struct migrate *m, struct steps *steps)
{
    if (migrate_is(m,
                   "select exists (select from pg_tables"
                   " where schemaname = $1 and tablename = 'schema_migration')",
                   m->cfg->service) &&
        (!migrate_exec(m, "set search_path = %s", m->q_schema) ||
         !read_applied(m, steps)))
        return EXIT_BUG;
    for (size_t i = 0; i < steps->n; i++) {
        const struct step *s = &steps->at[i];
        printf("%-40s %s%s%s\n", s->file->name, s->applied ? "applied " : "pending",
               s->applied_at, s->changed ? "  CHANGED SINCE" : "");
    }
    if (steps->unknown > 0)
        printf("and %d applied that this build does not have\n", steps->unknown);
    return check_unchanged(m, steps);
}

/* ---- the verb ---------------------------------------------------------------- */

static bool name_roles(struct migrate *m)
{
    const char *service = m->cfg->service, *database = PQdb(m->pg);
    m->owner = xasprintf("%s_%s_owner", database, service);
    m->runtime = xasprintf("%s_%s", database, service);
    m->q_owner = PQescapeIdentifier(m->pg, m->owner, strlen(m->owner));
    m->q_runtime = PQescapeIdentifier(m->pg, m->runtime, strlen(m->runtime));
    m->q_schema = PQescapeIdentifier(m->pg, service, strlen(service));
    return m->q_owner && m->q_runtime && m->q_schema;
}

static int migrate_connected(struct migrate *m, struct steps *steps, bool status_only)
{
    if (!name_roles(m)) {
        migrate_complain(m, "the names of the roles cannot be quoted");
        return EXIT_CONFIG;
    }
    if (status_only)
        return status(m, steps);
    if (!migrate_make_roles(m) || !make_table(m))
        return EXIT_BUG;
    return apply_all(m, steps);
}

int migrate_run(const struct migrate_config *cfg, bool status_only)
{
    struct migrate m = { .cfg = cfg };
    struct steps steps = { 0 };
    int code = collect(cfg, &steps) ? 0 : EXIT_BUG;
    if (code == 0) {
        m.pg = migrate_connect(cfg);
        code = m.pg ? migrate_connected(&m, &steps, status_only) : EXIT_MISSING;
    }
    PQfreemem(m.q_owner);
    PQfreemem(m.q_runtime);
    PQfreemem(m.q_schema);
    PQfinish(m.pg);
    free(m.owner);
    free(m.runtime);
    free(steps.at);
    return code;
}
