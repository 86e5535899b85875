#include "monitor/session_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "monitor/app.h"
#include "svc/log.h"

enum { LIMIT_MS = 2000, AGAIN_MS = 500, KEEP_EVERY_MS = 60000 };

static const struct db_stmt RESTORE = { "session_restore", DB_POINT };
static const struct db_stmt RETIRE = { "session_retire", DB_WRITE };
static const struct db_stmt WRITE = { "session_write", DB_WRITE };
static const struct db_stmt END = { "session_end", DB_WRITE };

enum column { /* of session_restore */
              COL_HASH,
              COL_USER,
              COL_NAME,
              COL_SID,
              COL_ROLE,
              COL_CREATED,
              COL_USED,
};

struct session_store {
    struct monitor_app *app;
    struct loop_timer *again;
    bool read;
    bool writing;
    struct {
        uint64_t serial;
        int64_t used_ms;
        enum access_role role;
    } sent;                                    /* the row under way */
    uint8_t ended[SESSIONS_MAX][SESSION_HASH]; /* rows to delete, the first ended first */
    unsigned nended;
};

/* Sessions count in monotonic time, rows in that of the wall. */
static int64_t wall_us_of(int64_t mono_ms)
{
    return clock_wall_us() - (clock_mono_ms() - mono_ms) * 1000;
}

static int64_t mono_ms_of(int64_t wall_us)
{
    return clock_mono_ms() - (clock_wall_us() - wall_us) / 1000;
}

/* ---- the start ---- */

static bool restore_row(struct session_store *st, const struct db_result *r, int row)
{
    struct session s = { .user_id = db_int(r, row, COL_USER),
                         .born_ms = mono_ms_of(db_int(r, row, COL_CREATED)),
                         .used_ms = mono_ms_of(db_int(r, row, COL_USED)) };
    s.role =
        str_eq(db_text(r, row, COL_ROLE), STR("admin")) ? ACCESS_ADMIN : ACCESS_READER;
    s.kept_ms = s.used_ms;
    s.kept_role = s.role;
    s.has_sid = hex_decode(db_text(r, row, COL_SID), s.sid, sizeof s.sid);
    snprintf(s.name, sizeof s.name, "%.*s", STR_ARG(db_text(r, row, COL_NAME)));
    return hex_decode(db_text(r, row, COL_HASH), s.hash, sizeof s.hash) &&
           access_restore(st->app->access, &s, clock_mono_ms());
}

/* Since when a session must have been opened and used, to live still. */
struct limits {
    char opened[CLOCK_TEXT_SIZE], used[CLOCK_TEXT_SIZE];
};

static void limits_now(const struct session_store *st, struct limits *ret)
{
    const struct monitor_config *cfg = st->app->cfg;
    int64_t now_us = clock_wall_us();
    clock_text(now_us - cfg->session_max_s * 1000000, ret->opened);
    clock_text(now_us - cfg->session_idle_s * 1000000, ret->used);
}

static void on_retired(void *arg, const struct db_result *r)
{
    (void)arg, (void)r; /* they come back in no case; the next start tries again */
}

static void retire_rows(struct session_store *st)
{
    struct limits since;
    limits_now(st, &since);
    struct str params[] = { str_of(since.opened), str_of(since.used) };
    db_query(st->app->svc->db, &RETIRE, params, ARRAY_LEN(params), LIMIT_MS, on_retired,
             st);
}

static void read_rows(void *arg);

static void on_rows(void *arg, const struct db_result *r)
{
    struct session_store *st = arg;
    int restored = 0;
    if (r->status != DB_OK) {
        st->again = loop_timer(st->app->svc->loop, AGAIN_MS, 0, read_rows, st);
        return;
    }
    for (int i = 0; i < r->rows; i++)
        restored += restore_row(st, r, i);
    st->read = true;
    retire_rows(st);
    if (restored > 0)
        log_info("access", "sessions of before are back", F_INT("sessions", restored));
}

static void read_rows(void *arg)
{
    struct session_store *st = arg;
    struct limits since;
    char limit[DB_INT_TEXT];
    limits_now(st, &since);
    struct str params[] = { str_of(since.opened), str_of(since.used),
                            db_int_param(SESSIONS_MAX, limit) };
    st->again = NULL;
    db_query(st->app->svc->db, &RESTORE, params, ARRAY_LEN(params), LIMIT_MS, on_rows,
             st);
}

/* ---- what follows ---- */

static void write_next(struct session_store *st);

/* False: the database is away, and the next tick tries again. */
static bool is_taken(struct session_store *st, const struct db_result *r)
{
    st->writing = false;
    return r->status == DB_OK || r->status == DB_REFUSED;
}

static void on_row_written(void *arg, const struct db_result *r)
{
    struct session_store *st = arg;
    if (!is_taken(st, r))
        return;
    struct session *s =
        access_by_serial(st->app->access, st->sent.serial, clock_mono_ms());
    if (s) {
        s->kept_ms = st->sent.used_ms;
        s->kept_role = st->sent.role;
    }
    write_next(st);
}

static void write_row(struct session_store *st, const struct session *s)
{
    struct arena memory;
    char user[DB_INT_TEXT], created[CLOCK_TEXT_SIZE], used[CLOCK_TEXT_SIZE];
    arena_init(&memory);
    struct str params[] = {
        db_bytes_param(&memory, s->hash, sizeof s->hash),
        db_int_param(s->user_id, user),
        str_of(s->name),
        s->has_sid ? db_bytes_param(&memory, s->sid, sizeof s->sid) : db_null(),
        s->role == ACCESS_ADMIN ? STR("admin") : STR("reader"),
        str_of(clock_text(wall_us_of(s->born_ms), created)),
        str_of(clock_text(wall_us_of(s->used_ms), used)),
    };
    st->sent.serial = s->serial;
    st->sent.used_ms = s->used_ms;
    st->sent.role = s->role;
    db_query(st->app->svc->db, &WRITE, params, ARRAY_LEN(params), LIMIT_MS,
             on_row_written, st);
    arena_deinit(&memory);
}

static void on_end(void *arg, const struct session *s)
{
    struct session_store *st = arg;
    /* With so many waiting the database is away; auth has ended the session as well. */
    if (st->nended < ARRAY_LEN(st->ended))
        memcpy(st->ended[st->nended++], s->hash, SESSION_HASH);
    session_store_tick(st);
}

static void on_row_ended(void *arg, const struct db_result *r)
{
    struct session_store *st = arg;
    if (!is_taken(st, r))
        return;
    st->nended--;
    memmove(st->ended[0], st->ended[1], st->nended * sizeof st->ended[0]);
    write_next(st);
}

static void end_row(struct session_store *st)
{
    struct arena memory;
    arena_init(&memory);
    struct str hash = db_bytes_param(&memory, st->ended[0], SESSION_HASH);
    db_query(st->app->svc->db, &END, &hash, 1, LIMIT_MS, on_row_ended, st);
    arena_deinit(&memory);
}

static bool wants_writing(const struct session *s)
{
    return s->kept_ms == 0 || s->kept_role != s->role ||
           s->used_ms - s->kept_ms >= KEEP_EVERY_MS;
}

static void write_next(struct session_store *st)
{
    const struct session *s = access_first(st->app->access, wants_writing);
    st->writing = st->nended > 0 || s;
    if (st->nended > 0)
        end_row(st);
    else if (s)
        write_row(st, s);
}

void session_store_tick(struct session_store *st)
{
    if (st->app->svc->db && !st->writing)
        write_next(st);
}

bool session_store_busy(struct session_store *st)
{
    if (!db_ready(st->app->svc->db))
        return false;
    session_store_tick(st);
    return st->writing;
}

/* ---- life ---- */

struct session_store *session_store_new(struct monitor_app *app)
{
    struct session_store *st = xcalloc(1, sizeof *st);
    st->app = app;
    st->read = !app->svc->db;
    if (app->svc->db) {
        access_on_end(app->access, on_end, st);
        read_rows(st);
    }
    return st;
}

void session_store_free(struct session_store **stp)
{
    struct session_store *st = *stp;
    if (!st)
        return;
    *stp = NULL;
    loop_timer_cancel(&st->again);
    free(st);
}

bool session_store_read(const struct session_store *st)
{
    return st->read;
}
