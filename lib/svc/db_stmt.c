#include "svc/db_private.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char *const STATUS_NAMES[DB_STATUSES] = {
    [DB_OK] = "ok",
    [DB_CONFLICT] = "conflict",
    [DB_FOREIGN_KEY] = "foreign_key",
    [DB_REFUSED] = "refused",
    [DB_TIMEOUT] = "timeout",
    [DB_UNAVAILABLE] = "unavailable",
    [DB_BUSY] = "busy",
    [DB_UNKNOWN] = "unknown",
};

static int by_name(const void *a, const void *b)
{
    const struct statement *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static bool is_query(const struct embed_file *f)
{
    size_t n = strlen(f->name);
    return !isdigit((unsigned char)f->name[0]) && n > 4 &&
           strcmp(f->name + n - 4, ".sql") == 0;
}

static void add(struct db *db, const struct embed_file *f)
{
    struct statement *s = &db->stmts[db->nstmts++];
    *s = (struct statement){ .name = xstrndup(f->name, strlen(f->name) - 4),
                             .sql = f->data,
                             .logged_ms = -1000000 };
}

void stmt_load(struct db *db, const struct embed_file *const *sets)
{
    size_t n = 0;
    for (const struct embed_file *const *set = sets; set && *set; set++)
        for (const struct embed_file *f = *set; f->name; f++)
            n++;
    db->stmts = xcalloc(n + 1, sizeof(*db->stmts));
    for (const struct embed_file *const *set = sets; set && *set; set++)
        for (const struct embed_file *f = *set; f->name; f++)
            if (is_query(f))
                add(db, f);
    qsort(db->stmts, (size_t)db->nstmts, sizeof(*db->stmts), by_name);
    for (int i = 0; i < db->nstmts; i++)
        db->stmts[i].index = i;
}

void stmt_unload(struct db *db)
{
    for (int i = 0; i < db->nstmts; i++)
        free(db->stmts[i].name);
    free(db->stmts);
}

struct statement *stmt_find(struct db *db, const char *name)
{
    int low = 0, high = db->nstmts - 1;
    while (low <= high) {
        int middle = (low + high) / 2;
        int order = strcmp(name, db->stmts[middle].name);
        if (order == 0)
            return &db->stmts[middle];
        if (order < 0)
            high = middle - 1;
        else
            low = middle + 1;
    }
    BUG("a statement without its file in sql/");
}

void stmt_count(struct statement *s, enum db_status status)
{
    if (!s->count[status]) {
        AUTO_FREE char *labels =
            xasprintf("statement=\"%s\",status=\"%s\"", s->name, STATUS_NAMES[status]);
        s->count[status] = metric_counter(
            "db_queries_total", "Database queries by statement and outcome", labels);
    }
    metric_add(s->count[status], 1);
}
