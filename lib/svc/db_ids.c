#include "svc/db_private.h"

#include <stdlib.h>

#include "base/mem.h"

struct id_waiter {
    void (*fn)(void *arg, int64_t id);
    void *arg;
};

struct db_ids {
    struct db *db;
    const struct db_stmt *stmt;
    int block;
    int64_t *ids; /* a stack; room for two blocks */
    int n;
    bool fetching;
    bool freed;                /* while fetching: the answer frees */
    struct id_waiter *waiters; /* oldest first */
    unsigned nwaiters, cap;
};

static void ids_release(struct db_ids *ids)
{
    free(ids->ids);
    free(ids->waiters);
    free(ids);
}

static void ids_drop(void *arg)
{
    struct db_ids *ids = arg;
    ids->fetching = false;
    if (ids->freed)
        ids_release(ids);
}

/* Each waiter gets one, or all get 0 when the fetch failed. */
static void serve(struct db_ids *ids, bool failed)
{
    unsigned served = 0, owed = ids->nwaiters;
    while (served < owed && (ids->n > 0 || failed)) {
        struct id_waiter w = ids->waiters[served++];
        w.fn(w.arg, ids->n > 0 ? ids->ids[--ids->n] : 0);
    }
    /* Callbacks may have asked for more: those stand behind `owed`. */
    for (unsigned i = served; i < ids->nwaiters; i++)
        ids->waiters[i - served] = ids->waiters[i];
    ids->nwaiters -= served;
}

static void fetch(struct db_ids *ids, uint32_t timeout_ms);

static void on_block(void *arg, const struct db_result *r)
{
    struct db_ids *ids = arg;
    if (ids->freed) {
        ids_release(ids);
        return;
    }
    for (int row = r->rows - 1; row >= 0 && ids->n < 2 * ids->block; row--) {
        int64_t id = db_int(r, row, 0);
        if (id > 0)
            ids->ids[ids->n++] = id;
    }
    serve(ids, r->rows == 0);
    ids->fetching = false;
    if (ids->nwaiters > 0)
        fetch(ids, 2000);
}

static void fetch(struct db_ids *ids, uint32_t timeout_ms)
{
    char text[DB_INT_TEXT];
    struct str count = db_int_param(ids->block, text);
    ids->fetching = true;
    db_query_own(ids->db, ids->stmt, &count, 1, timeout_ms, on_block, ids, ids_drop);
}

struct db_ids *db_ids_new(struct db *db, const struct db_stmt *stmt, int block)
{
    struct db_ids *ids = xcalloc(1, sizeof(*ids));
    ids->db = db;
    ids->stmt = stmt;
    ids->block = block > 0 ? block : 1;
    ids->ids = xcalloc(2 * (size_t)ids->block, sizeof(*ids->ids));
    return ids;
}

void db_ids_take(struct db_ids *ids, uint32_t timeout_ms,
                 void (*fn)(void *arg, int64_t id), void *arg)
{
    if (ids->n > 0 && ids->nwaiters == 0) {
        int64_t id = ids->ids[--ids->n];
        if (ids->n <= ids->block / 4 && !ids->fetching)
            fetch(ids, 2000);
        fn(arg, id);
        return;
    }
    if (ids->nwaiters == ids->cap) {
        ids->cap = ids->cap ? ids->cap * 2 : 8;
        ids->waiters = xrealloc(ids->waiters, ids->cap * sizeof(*ids->waiters));
    }
    ids->waiters[ids->nwaiters++] = (struct id_waiter){ fn, arg };
    if (!ids->fetching)
        fetch(ids, timeout_ms);
}

void db_ids_free(struct db_ids **idsp)
{
    struct db_ids *ids = *idsp;
    *idsp = NULL;
    if (!ids)
        return;
    if (ids->fetching)
        ids->freed = true;
    else
        ids_release(ids);
}
