#include "monitor/session_store.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/id.h"
#include "monitor/app.h"
#include "svc/log.h"

enum { LIMIT_MS = 2000, AGAIN_MS = 500, KEEP_EVERY_MS = 60000 };

static const struct db_stmt RESTORE = { "session_restore", DB_WRITE };
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
    if (restored > 0)
        log_info("access", "sessions of before are back", F_INT("sessions", restored));
}

static void read_rows(void *arg)
{
    struct session_store *st = arg;
    const struct monitor_config *cfg = st->app->cfg;
    int64_t now_us = clock_wall_us();
    char opened[CLOCK_TEXT_SIZE], used[CLOCK_TEXT_SIZE], limit[DB_INT_TEXT];
    struct str params[] = {
        str_of(clock_text(now_us - cfg->session_max_s * 1000000, opened)),
        str_of(clock_text(now_us - cfg->session_idle_s * 1000000, used)),
        db_int_param(SESSIONS_MAX, limit),
    };
    st->again = NULL;
    db_query(st->app->svc->db, &RESTORE, params, ARRAY_LEN(params), LIMIT_MS, on_rows,
             st);
}

/* ---- what follows ---- */

static void on_written(void *arg, const struct db_result *r)
{
    (void)arg, (void)r; /* the next use writes the whole row again */
}

static void on_end(void *arg, const struct session *s)
{
    struct session_store *st = arg;
    struct arena memory;
    arena_init(&memory);
    struct str hash = db_bytes_param(&memory, s->hash, sizeof s->hash);
    db_query(st->app->svc->db, &END, &hash, 1, LIMIT_MS, on_written, st);
    arena_deinit(&memory);
}

static void write_row(void *arg, struct session *s)
{
    struct session_store *st = arg;
    bool known = s->kept_ms != 0 && s->kept_role == s->role;
    if (known && s->used_ms - s->kept_ms < KEEP_EVERY_MS)
        return;
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
    db_query(st->app->svc->db, &WRITE, params, ARRAY_LEN(params), LIMIT_MS, on_written,
             st);
    s->kept_ms = s->used_ms;
    s->kept_role = s->role;
    arena_deinit(&memory);
}

void session_store_tick(struct session_store *st)
{
    if (st->app->svc->db)
        access_each(st->app->access, write_row, st);
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
