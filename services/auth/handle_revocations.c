/*
 * auth.revocations: everything a gateway that starts must refuse, and the place in the
 * stream from which it follows on. Long answers are pulled: the continuation holds the
 * first page's epoch and head, and the last row given. Rows that commit behind it have
 * their event behind that head.
 */
#include "auth/app.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum {
    PAGE = 5000,
    ANSWER_MAX = 2 * 1024 * 1024,
    EPOCH = 36,
};

static const struct db_stmt LIST = { "revocation_list", DB_LIST };

enum revocation_column { /* of revocation_list */
                         COL_EPOCH,
                         COL_HEAD,
                         COL_ID,
                         COL_SID,
                         COL_USER,
                         COL_MIN_UV,
                         COL_AT,
                         COL_CAUSE,
};

struct listing {
    struct call *call;
    struct str epoch; /* of the first page; empty while this is it */
    int64_t head, after;
};

static bool is_session(const struct db_result *r, int row)
{
    return db_is_null(r, row, COL_MIN_UV);
}

static void write_session(struct jsonw *w, const struct db_result *r, int row)
{
    jw_object(w);
    jw_kstr(w, "sid", db_text(r, row, COL_SID));
    jw_kint(w, "at", db_int(r, row, COL_AT));
    jw_object_end(w);
}

static void write_user(struct jsonw *w, const struct db_result *r, int row)
{
    jw_object(w);
    jw_kint(w, "id", db_int(r, row, COL_USER));
    jw_kint(w, "min_uv", db_int(r, row, COL_MIN_UV));
    jw_kint(w, "at", db_int(r, row, COL_AT));
    jw_kstr(w, "cause", db_text(r, row, COL_CAUSE));
    jw_object_end(w);
}

static void write_rows(struct jsonw *w, const char *key, const struct db_result *r,
                       bool sessions)
{
    jw_key(w, key);
    jw_array(w);
    for (int i = 0; i < r->rows && !db_is_null(r, i, COL_ID); i++) {
        if (is_session(r, i) != sessions)
            continue;
        if (sessions)
            write_session(w, r, i);
        else
            write_user(w, r, i);
    }
    jw_array_end(w);
}

static void add_continuation(const struct listing *l, const struct db_result *r)
{
    char text[128];
    int n = snprintf(text, sizeof(text), "%.*s %lld %lld", STR_ARG(l->epoch),
                     (long long)l->head, (long long)db_int(r, r->rows - 1, COL_ID));

    record_add(&l->call->meta, REC_CONTINUATION, (struct str){ text, (size_t)n });
}

static void on_listed(void *arg, const struct db_result *r)
{
    struct listing *l = arg;
    struct call *c = l->call;
    AUTO_BUF struct buf body = { .max = ANSWER_MAX };
    struct jsonw w;

    if (r->status != DB_OK)
        return call_fail(c, db_err(&LIST, r));
    if (r->rows == 0)
        return call_fail(c, ERR_UNAVAILABLE);
    if (l->epoch.n == 0) {
        l->epoch = db_text(r, 0, COL_EPOCH);
        l->head = db_int(r, 0, COL_HEAD);
    }
    jw_begin(&w, &body);
    jw_object(&w);
    jw_kstr(&w, "epoch", l->epoch);
    jw_kint(&w, "head", l->head);
    write_rows(&w, "sessions", r, true);
    write_rows(&w, "users", r, false);
    jw_object_end(&w);
    jw_end(&w);
    if (r->rows == PAGE)
        add_continuation(l, r);
    call_reply(c, 0, buf_get(&body));
}

/* "<epoch> <head> <row>"; true also when there is none. */
static bool read_continuation(struct listing *l)
{
    struct str rest = call_record(l->call, REC_CONTINUATION);

    if (rest.n == 0)
        return true;
    l->epoch = str_cut(&rest, ' ');
    struct str head = str_cut(&rest, ' ');
    return l->epoch.n == EPOCH && str_to_i64(head, &l->head) && l->head >= 0 &&
           str_to_i64(rest, &l->after) && l->after >= 0;
}

void auth_revocations(struct call *c)
{
    struct auth_app *app = c->app;
    struct listing *l = arena_alloc(&c->arena, sizeof(*l));
    int64_t keep_us = auth_revocation_keep_us(app);

    *l = (struct listing){ .call = c };
    if (!read_continuation(l))
        return call_fail(c, ERR_BAD_REQUEST);
    struct str params[] = {
        STR("user"),
        auth_time_param(c, clock_wall_us() - keep_us),
        auth_int_param(c, l->after),
        auth_int_param(c, PAGE),
    };
    db_query(app->db, &LIST, params, ARRAY_LEN(params), call_budget_ms(c), on_listed, l);
}
