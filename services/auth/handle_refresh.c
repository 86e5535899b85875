/*
 * auth.refresh. With rotation a refresh token works once; a second use within ten seconds
 * is taken for a lost reply and gets the same child again. A later one, or one when the
 * child was used (so its reply was not lost), is taken for theft: the session ends, and
 * with it every token that came of it.
 */
#include "auth/grant.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "svc/log.h"

enum { GRACE_S = 10, REVOKE_TIMEOUT_MS = 5000 };

static const struct db_stmt ROTATE = { "refresh_rotate", DB_WRITE };
static const struct db_stmt STATE = { "refresh_state", DB_POINT };
static const struct db_stmt REVOKE = { "session_revoke", DB_WRITE };

struct refresh {
    struct call *call;
    struct auth_app *app;
    struct token_claims claims;
    struct str jti, sid, user_id; /* of the presented token, as parameters */
    struct auth_grant grant;
};

enum state_column { /* of refresh_state */
                    COL_USERNAME,
                    COL_ROLE,
                    COL_UV,
                    COL_ACTIVE,
                    COL_ALIVE,
                    COL_KNOWN,
                    COL_USED,
                    COL_USED_AT,
                    COL_CHILD,
                    COL_CHILD_ISSUED,
                    COL_CHILD_EXPIRES,
                    COL_CHILD_USED,
};

static void on_revoked(void *arg, const struct db_result *r)
{
    struct refresh *f = arg;

    if (r->status != DB_OK)
        return call_fail(f->call, db_err(&REVOKE, r));
    event_publisher_wake(f->app->events);
    call_fail(f->call, ERR_TOKEN_NOT_VALID);
}

static void revoke(struct refresh *f)
{
    struct call *c = f->call;
    int64_t now_us = clock_wall_us();
    struct str params[] = {
        f->sid,
        auth_time_param(c, now_us),
        f->user_id,
        auth_client(c),
        auth_request_id(c),
        auth_trace_id(c),
        auth_span_id(c),
        auth_time_param(c, now_us - f->app->cfg->mail_cooldown_s * 1000000),
    };

    log_warn("auth", "refresh_reused", F_INT("user_id", f->claims.user_id),
             F_ID("request_id", c->frame.request_id));
    db_query(f->app->db, &REVOKE, params, ARRAY_LEN(params), REVOKE_TIMEOUT_MS,
             on_revoked, f);
}

static void set_user(struct refresh *f, const struct db_result *r)
{
    f->grant.username = db_text(r, 0, COL_USERNAME);
    f->grant.role = db_text(r, 0, COL_ROLE);
    f->grant.uv = db_int(r, 0, COL_UV);
}

static bool within_grace(const struct db_result *r)
{
    if (db_bool(r, 0, COL_CHILD_USED))
        return false;
    struct str text = db_text(r, 0, COL_USED_AT);
    char used_at[32];

    if (text.n == 0 || text.n >= sizeof(used_at))
        return false;
    memcpy(used_at, text.p, text.n);
    used_at[text.n] = '\0';
    return strtod(used_at, NULL) + GRACE_S > (double)clock_wall_us() / 1e6;
}

/* The stored child, signed again. */
static void reply_child(struct refresh *f, const struct db_result *r)
{
    if (!hex_decode(db_text(r, 0, COL_CHILD), f->grant.jti, sizeof(f->grant.jti)))
        return call_fail(f->call, ERR_TOKEN_NOT_VALID);
    f->grant.issued = db_int(r, 0, COL_CHILD_ISSUED);
    f->grant.expires = db_int(r, 0, COL_CHILD_EXPIRES);
    set_user(f, r);
    auth_reply_grant(f->call, &f->grant);
}

/* The reason of a refused rotation, or the whole check when rotation is off. */
static void on_state(void *arg, const struct db_result *r)
{
    struct refresh *f = arg;
    bool rotates = f->app->cfg->refresh_rotation;

    if (r->status != DB_OK)
        return call_fail(f->call, db_err(&STATE, r));
    if (r->rows == 0)
        return call_fail(f->call, ERR_USER_NOT_FOUND);
    if (!db_bool(r, 0, COL_ACTIVE))
        return call_fail(f->call, ERR_USER_INACTIVE);
    if (!db_bool(r, 0, COL_ALIVE) || !db_bool(r, 0, COL_KNOWN))
        return call_fail(f->call, ERR_TOKEN_NOT_VALID);
    if (!rotates) {
        set_user(f, r);
        return auth_reply_grant(f->call, &f->grant);
    }
    if (db_bool(r, 0, COL_USED) && within_grace(r))
        return reply_child(f, r);
    if (db_bool(r, 0, COL_USED))
        return revoke(f);
    call_fail(f->call, ERR_UNAVAILABLE); /* became usable meanwhile: ask again */
}

static void ask_state(struct refresh *f)
{
    struct str params[] = { f->jti, f->sid, f->user_id };

    db_query(f->app->db, &STATE, params, ARRAY_LEN(params), call_budget_ms(f->call),
             on_state, f);
}

static void on_rotated(void *arg, const struct db_result *r)
{
    struct refresh *f = arg;

    if (r->status != DB_OK)
        return call_fail(f->call, db_err(&ROTATE, r));
    if (r->rows == 0)
        return ask_state(f);
    set_user(f, r); /* the first three columns are the same */
    auth_reply_grant(f->call, &f->grant);
}

static void rotate(struct refresh *f)
{
    struct call *c = f->call;
    struct auth_grant *g = &f->grant;

    id_random(g->jti, sizeof(g->jti));
    g->with_refresh = g->renewed = true;
    g->issued = clock_wall_s();
    g->expires = g->issued + f->app->cfg->refresh_s;
    struct str params[] = {
        f->jti,
        f->sid,
        f->user_id,
        auth_time_param(c, g->issued * 1000000),
        auth_uuid_param(c, g->jti),
        auth_time_param(c, g->expires * 1000000),
    };
    db_query(f->app->db, &ROTATE, params, ARRAY_LEN(params), call_budget_ms(c),
             on_rotated, f);
}

void auth_refresh(struct call *c)
{
    if (!call_body(c, SCHEMA_FULL))
        return;
    struct refresh *f = arena_alloc(&c->arena, sizeof(*f));
    struct str token = values_get(&c->body, "refresh")->s;

    f->call = c;
    f->app = c->app;
    const struct token_ring *ring = auth_signing_ring(f->app->signing);
    if (!ring)
        return call_fail(c, ERR_UNAVAILABLE);
    if (token_verify(ring, token, TOKEN_REFRESH, clock_wall_s(), &f->claims) != TOKEN_OK)
        return call_fail(c, ERR_TOKEN_NOT_VALID);
    f->jti = str_of(f->claims.jti);
    f->sid = auth_uuid_param(c, f->claims.sid);
    f->user_id = auth_int_param(c, f->claims.user_id);
    f->grant.user_id = f->claims.user_id;
    memcpy(f->grant.sid, f->claims.sid, sizeof(f->grant.sid));
    if (f->app->cfg->refresh_rotation)
        rotate(f);
    else
        ask_state(f);
}
