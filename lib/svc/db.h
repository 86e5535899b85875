/*
 * Postgres: libpq in pipeline mode, non-blocking, with our own deadline, reconnecting by
 * itself. Each query is a file sql/<name>.sql with parameters only, prepared under that
 * name on every connection.
 *
 * Lanes keep kinds of work apart: a slow search stalls no item, a failing write aborts no
 * neighbour.
 *   DB_POINT  reads by key; all of one loop turn under one sync
 *   DB_LIST   lists; their own connection, one sync a turn
 *   DB_SEARCH what may take long: filters, searches, counts; a few connections, one query
 *             each at a time, planned for its values. A service that has none says 0.
 *   DB_WRITE  a transaction each: one statement, its own sync, a few connections
 */
#ifndef LIB_SVC_DB_H
#define LIB_SVC_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"
#include "svc/embed.h"
#include "svc/loop.h"

struct db;

enum db_lane { DB_POINT, DB_LIST, DB_WRITE, DB_SEARCH, DB_LANES };

enum db_status {
    DB_OK,
    DB_CONFLICT,    /* 23505 unique violation: db_constraint names it */
    DB_FOREIGN_KEY, /* 23503 */
    DB_REFUSED,     /* any other error of the statement: our bug or bad data; logged */
    DB_TIMEOUT,     /* the deadline passed before an answer; a write's outcome: unknown */
    DB_UNAVAILABLE, /* no connection; nothing was sent */
    DB_BUSY,        /* none was free in time; nothing was sent */
    DB_UNKNOWN,     /* connection lost with a write in flight */
};

struct db_stmt {
    const char *name; /* the file's name without .sql */
    enum db_lane lane;
};

struct pg_result; /* libpq's PGresult; only db.c looks inside */

struct db_result {
    enum db_status status;
    struct pg_result *pg;
    int rows; /* returned ones; 0 for a write without RETURNING and after an error */
};

/* Exactly once per query, in the loop's thread, never before db_query returned; r and
 * what it gives out is valid during the call. */
typedef void db_fn(void *arg, const struct db_result *r);

struct db_config {
    const char *host, *port, *dbname, *user, *sslmode;
    const struct secret *password;
    const char *application;   /* application_name */
    const char *schema;        /* set as search_path after connect when single-role */
    int connections[DB_LANES]; /* at least 1 is made, DB_SEARCH excepted */
};

/* Starts connecting; queries wait for it (until their deadline). sql: the service's
 * embedded files, ended by a NULL name; those beginning with a digit are migrations and
 * are skipped. */
struct db *db_open(struct loop *l, const struct db_config *cfg,
                   const struct embed_file *const *sql_sets);
/* Forgets what is owed: no callback is called any more. The loop must not turn again
 * (its hook stays). */
void db_close(struct db **db);
/* At least one connection of every lane is usable. */
bool db_ready(const struct db *db);
/* Queries accepted and not answered. */
unsigned db_in_flight(const struct db *db);

/* Sends a prepared statement with text parameters (NULL pointer in p = SQL null). The
 * values are copied. timeout_ms: our deadline, measured from now. Equal queries of the
 * lanes DB_LIST and DB_SEARCH that wait to be sent are sent once, with the latest
 * deadline of them; each is called back. */
void db_query(struct db *db, const struct db_stmt *stmt, const struct str *params,
              unsigned n, uint32_t timeout_ms, db_fn *fn, void *arg);

/* The same, planned for these values instead of prepared once: for lists whose best index
 * depends on what is asked for. DB_LIST only: the other lanes plan by key. */
void db_query_anew(struct db *db, const struct db_stmt *stmt, const struct str *params,
                   unsigned n, uint32_t timeout_ms, db_fn *fn, void *arg);

/* A point read merged with its neighbours: the statement takes one bigint[] and returns
 * the key as column 0; all keys of one turn go out as one query, equal keys once. Its
 * deadline is the latest of them all.
 * fn is called with row = the row of this key, or -1 when there is none (or r->status is
 * not DB_OK). */
typedef void db_row_fn(void *arg, const struct db_result *r, int row);
void db_lookup(struct db *db, const struct db_stmt *stmt, int64_t key,
               uint32_t timeout_ms, db_row_fn *fn, void *arg);

/* Columns by position. Text as Postgres prints it; empty for null. */
struct str db_text(const struct db_result *r, int row, int col);
bool db_is_null(const struct db_result *r, int row, int col);
int64_t db_int(const struct db_result *r, int row, int col); /* 0 for null */
bool db_bool(const struct db_result *r, int row, int col);
/* A timestamptz as the API prints times (RFC 3339 in UTC, 6 digits or no fraction); ""
 * for null. Returns out. */
char *db_time(const struct db_result *r, int row, int col,
              char out[static CLOCK_TEXT_SIZE]);
/* After DB_CONFLICT / DB_FOREIGN_KEY: the constraint's name, borrowed; "" otherwise. */
const char *db_constraint(const struct db_result *r);
/* The error a client gets for a status: ERR_UNAVAILABLE, ERR_DEADLINE, ... For DB_TIMEOUT
 * and DB_UNKNOWN of a write: ERR_OUTCOME_UNKNOWN. */
enum err db_err(const struct db_stmt *stmt, const struct db_result *r);

/* Parameters. */
static inline struct str db_null(void)
{
    return (struct str){ 0 };
}
enum { DB_INT_TEXT = STR_INT_TEXT };
struct str db_int_param(int64_t v, char buf[static DB_INT_TEXT]);
struct arena;
/* bytea in hex form ("\x..."), memory from the arena. */
struct str db_bytes_param(struct arena *a, const void *data, size_t n);

/* Ids fetched ahead: nextval blocks, so that reply, event and idempotency row can be
 * written before the one statement is sent. fn gets 0 when none could be had in time; it
 * is called before db_ids_take returns when one is at hand.
 * The statement returns the ids of a block (one column, n rows), takes the count. */
struct db_ids;
struct db_ids *db_ids_new(struct db *db, const struct db_stmt *stmt, int block);
void db_ids_take(struct db_ids *ids, uint32_t timeout_ms,
                 void (*fn)(void *arg, int64_t id), void *arg);
void db_ids_free(struct db_ids **ids);

#endif
