/*
 * What the files of the database library share; nobody else includes it.
 *
 *   db.c         queues, the end of a turn, deadlines
 *   db_conn.c    one connection's life: connecting, losing, backing off
 *   db_pipe.c    one connection's pipeline: sending, receiving, judging errors
 *   db_host.c    the server's name as addresses
 *   db_stmt.c    the statements of the embedded files and their metrics
 *   db_lookup.c  merged point reads      db_share.c  equal lists that are read once
 *   db_ids.c     ids fetched ahead
 *   db_result.c  columns and parameters
 */
#ifndef LIB_SVC_DB_PRIVATE_H
#define LIB_SVC_DB_PRIVATE_H

#include <libpq-fe.h>

#include "base/mem.h"
#include "svc/db.h"
#include "svc/metrics.h"

enum {
    DB_STATUSES = DB_UNKNOWN + 1,
    DB_TICK_MS = 25,          /* how exactly deadlines are kept */
    DB_PENDING_MAX = 10000,   /* queries of a lane waiting for a connection */
    DB_ATTEMPTS_MAX = 3,      /* sends of one query after 40001 and the like */
    DB_RESENDS_MAX = 20,      /* sends of one read behind failing neighbours */
    DB_LOOKUP_KEYS_MAX = 512, /* keys of one merged read */
    DB_SHARED_BITS = 6,
};

struct statement {
    char *name;
    const char *sql; /* of the embedded file */
    int index;
    int64_t logged_ms; /* last refusal written to the log */
    struct metric *count[DB_STATUSES];
    struct lookup_batch *batch; /* keys collected in this turn */
};

/* Somebody else who asked for the very same. */
struct twin {
    struct twin *next;
    db_fn *fn;
    void *arg;
};

struct db_request {
    struct db_request *next;
    struct twin *twins, **twins_end;
    uint64_t sameness; /* hash of statement and parameters; 0: has no twins */
    struct statement *stmt;
    enum db_lane lane;
    db_fn *fn;
    void *arg;
    void (*drop)(void *arg); /* frees arg when db_close forgets the query; may be NULL */
    int64_t deadline_ms, start_us;
    unsigned attempts, resends;
    bool sent, answered;
    bool refused; /* its PREPARE failed */
    bool anew;    /* sent with its text, not by its prepared name */
    enum db_status verdict;
    unsigned n;
    const char *params[];
};

struct request_list {
    struct db_request *head, **tail; /* tail is NULL for an empty, fresh list */
    unsigned n;
};

enum slot_kind { SLOT_SETUP, SLOT_PREPARE, SLOT_QUERY, SLOT_SYNC };

struct slot {
    enum slot_kind kind;
    struct db_request *request; /* SLOT_PREPARE: the query it is for */
};

/* Answers owed by one connection, oldest first. */
struct slot_ring {
    struct slot *slots;
    unsigned head, n, cap; /* cap is a power of two */
};

enum conn_state { CONN_DOWN, CONN_CONNECTING, CONN_READY, CONN_STATES };

struct db_conn {
    struct db *db;
    enum db_lane lane;
    enum conn_state state;
    PGconn *pg;
    struct loop_source *source;
    struct loop_timer *timer; /* DOWN: when to try; CONNECTING: when to give up */
    struct slot_ring owed;
    unsigned in_flight; /* queries of `owed` */
    bool *prepared;     /* by statement index */
    bool in_pipeline;   /* connected, at least being set up */
    bool unsynced;      /* queries were sent after the last sync */
    bool unflushed;
    bool broken; /* to be closed as soon as nobody is iterating over it */
    int backoff_ms;
    int64_t progress_ms; /* monotonic: last answer, or first query after a pause */
};

struct db {
    struct loop *loop;
    struct db_config cfg;    /* strings copied */
    struct statement *stmts; /* sorted by name */
    int nstmts;
    struct request_list pending[DB_LANES];
    struct request_list delayed; /* retried after the next tick */
    struct db_conn *conns[DB_LANES];
    unsigned accepted;            /* queries not answered */
    struct lookup_batch *batches; /* of this turn */
    struct db_request
        *shared[1 << DB_SHARED_BITS]; /* by sameness: waits, may get twins */
    struct loop_timer *tick, *kick;
    struct metric *duration[DB_LANES], *merged;
    struct metric *states[DB_LANES][CONN_STATES];
    struct resolver *resolver; /* NULL: libpq takes cfg.host as it is */
    char *names, *addresses;   /* comma lists for libpq; NULL until known */
    bool said_down;            /* the log knows that no connection can be made */
};

/* What makes the lanes different. */
struct db_lane_traits {
    const char *name;
    unsigned in_flight_max; /* queries one connection may owe */
    int stuck_ms;           /* without any answer, the oldest query being overdue */
    const char *plans;      /* plan_cache_mode */
    const char *whole;      /* enable_seqscan */
    const char *bitmaps;    /* enable_bitmapscan */
    const char *jump_cost;  /* random_page_cost; NULL: the server's */
    bool optional;          /* may have no connection at all */
    bool shares;            /* equal queries that wait are one */
};
extern const struct db_lane_traits DB_TRAITS[DB_LANES];

/* db.c */
void request_push(struct request_list *l, struct db_request *r);
/* Puts `front` before everything in l and leaves it empty. */
void request_prepend(struct request_list *l, struct request_list *front);
struct db_request *request_pop(struct request_list *l);
/* Calls back (unless its deadline did already), counts and frees. res may be NULL. */
void request_finish(struct db *db, struct db_request *r, enum db_status s, PGresult *res);
/* A query whose memory is the library's own: as db_query, with a way to drop arg. */
void db_query_own(struct db *db, const struct db_stmt *stmt, const struct str *params,
                  unsigned n, uint32_t timeout_ms, db_fn *fn, void *arg,
                  void (*drop)(void *));
/* Something is queued: the end of this turn, or at once when that has passed, sends. */
void db_kick(struct db *db);

/* db_conn.c */
void conn_init(struct db_conn *c, struct db *db, enum db_lane lane);
void conn_deinit(struct db_conn *c);
/* The session is set up: queries may be sent. */
void conn_ready(struct db_conn *c);
/* The server's addresses are known: those that wait for them connect now. */
void conn_start_all(struct db *db);
/* Closes, hands back or answers what was owed, reconnects after a pause. */
void conn_lost(struct db_conn *c, const char *why);
/* Watches for what libpq wants next; closes when it cannot write. */
void conn_flush(struct db_conn *c);

/* db_pipe.c */
void pipe_setup(struct db_conn *c);
void pipe_send(struct db_conn *c, struct db_request *r);
void pipe_sync(struct db_conn *c);
/* Takes every answer that is there. */
void pipe_drain(struct db_conn *c);
/* The oldest query owed; NULL when there is none. */
struct db_request *pipe_head(const struct db_conn *c);
bool slot_pop(struct slot_ring *ring, struct slot *ret);
struct slot *slot_at(const struct slot_ring *ring, unsigned nth);

/* db_stmt.c */
void stmt_load(struct db *db, const struct embed_file *const *sets);
void stmt_unload(struct db *db);
/* A name without a file is our bug. */
struct statement *stmt_find(struct db *db, const char *name);
void stmt_count(struct statement *s, enum db_status status);

/* db_host.c */
void host_start(struct db *db);
/* False while a name is still being looked up. */
bool host_known(const struct db *db);
void host_stop(struct db *db);

/* db_share.c */
/* Joins an equal query that waits: true, and r is not needed. Otherwise r may be joined.
 */
bool share_join(struct db *db, struct db_request *r);
/* r waits no more: nobody may join it. */
void share_end(struct db *db, const struct db_request *r);
/* Calls the twins of r back, and frees them. */
void share_answer(struct db_request *r, const struct db_result *result);
/* Frees the twins of r. */
void share_forget(struct db_request *r);

/* db_lookup.c */
void lookup_flush(struct db *db);
void lookup_forget(struct db *db);

#endif
