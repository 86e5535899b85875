#include "svc/db_private.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

struct waiter {
    int64_t key;
    db_row_fn *fn;
    void *arg;
    int row;
};

/* The keys one statement was asked for in this turn; becomes one query's argument. */
struct lookup_batch {
    struct lookup_batch *next;
    struct statement *stmt;
    const struct db_stmt *as; /* the caller's, for its lane */
    int64_t deadline_ms;      /* the latest of all */
    unsigned n, cap;
    struct waiter *waiters;
};

static void batch_free(void *arg)
{
    struct lookup_batch *b = arg;
    free(b->waiters);
    free(b);
}

static int by_key(const void *a, const void *b)
{
    int64_t x = ((const struct waiter *)a)->key, y = ((const struct waiter *)b)->key;
    return (x > y) - (x < y);
}

/* Index of the first waiter for a key, or b->n. */
static unsigned find_key(const struct lookup_batch *b, int64_t key)
{
    unsigned low = 0, high = b->n;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (b->waiters[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void on_rows(void *arg, const struct db_result *r)
{
    struct lookup_batch *b = arg;
    for (int row = 0; row < r->rows; row++) {
        int64_t key = db_int(r, row, 0);
        for (unsigned i = find_key(b, key); i < b->n && b->waiters[i].key == key; i++)
            b->waiters[i].row = row;
    }
    for (unsigned i = 0; i < b->n; i++)
        b->waiters[i].fn(b->waiters[i].arg, r, b->waiters[i].row);
    batch_free(b);
}

static void batch_send(struct db *db, struct lookup_batch *b)
{
    b->stmt->batch = NULL;
    if (b->n > 1)
        qsort(b->waiters, b->n, sizeof(*b->waiters), by_key);
    AUTO_BUF struct buf keys;
    buf_init(&keys, (size_t)b->n * DB_INT_TEXT + 3);
    buf_char(&keys, '{');
    for (unsigned i = 0; i < b->n; i++) {
        char text[DB_INT_TEXT];
        if (i > 0 && b->waiters[i].key == b->waiters[i - 1].key)
            continue;
        if (i > 0)
            buf_char(&keys, ',');
        buf_str(&keys, db_int_param(b->waiters[i].key, text));
    }
    buf_char(&keys, '}');
    int64_t left = b->deadline_ms - clock_mono_ms();
    struct str param = buf_get(&keys);
    db_query_own(db, b->as, &param, 1, left > 1 ? (uint32_t)left : 1, on_rows, b,
                 batch_free);
}

static struct lookup_batch *batch_new(struct db *db, const struct db_stmt *stmt,
                                      struct statement *s)
{
    struct lookup_batch *b = xcalloc(1, sizeof(*b));
    b->stmt = s;
    b->as = stmt;
    b->next = db->batches;
    db->batches = b;
    s->batch = b;
    return b;
}

void db_lookup(struct db *db, const struct db_stmt *stmt, int64_t key,
               uint32_t timeout_ms, db_row_fn *fn, void *arg)
{
    struct statement *s = stmt_find(db, stmt->name);
    struct lookup_batch *b = s->batch;
    if (!b || b->n == DB_LOOKUP_KEYS_MAX)
        b = batch_new(db, stmt, s);
    if (b->n == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 8;
        b->waiters = xrealloc(b->waiters, b->cap * sizeof(*b->waiters));
    }
    b->waiters[b->n++] = (struct waiter){ key, fn, arg, -1 };
    int64_t deadline = clock_mono_ms() + timeout_ms;
    if (deadline > b->deadline_ms)
        b->deadline_ms = deadline;
    db_kick(db);
}

void lookup_flush(struct db *db)
{
    struct lookup_batch *b = db->batches;
    db->batches = NULL;
    while (b) {
        struct lookup_batch *next = b->next;
        batch_send(db, b);
        b = next;
    }
    /* Queuing them asked for another turn; this one goes on to send them. */
    loop_timer_cancel(&db->kick);
}

void lookup_forget(struct db *db)
{
    for (struct lookup_batch *b = db->batches, *next; b; b = next) {
        next = b->next;
        batch_free(b);
    }
}
