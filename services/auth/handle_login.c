/*
 * auth.login. One answer for a wrong password, an unknown name and an inactive account,
 * and the same work: a name nobody has is compared with a hash nobody has.
 */
#include "auth/grant.h"

#include "base/clock.h"
#include "base/id.h"
#include "svc/log.h"

enum { AUDIT_TIMEOUT_MS = 2000 };

static const struct db_stmt LOGIN_USER = { "login_user", DB_POINT };
static const struct db_stmt LOGIN_SESSION = { "login_session", DB_WRITE };
static const struct db_stmt LOGIN_FAILED = { "login_failed", DB_WRITE };

struct login {
    struct call *call;
    struct auth_app *app;
    int64_t user_id;  /* 0: nobody has this name */
    const char *hash; /* that the password is compared with */
    bool may;         /* active, and verified where that is asked for */
    int64_t now_us;
    struct auth_grant grant;
};

static void on_audited(void *arg, const struct db_result *r)
{
    (void)arg, (void)r; /* the answer has gone; a failure was logged with the query */
}

static void refuse(struct login *l)
{
    struct call *c = l->call;
    struct str params[] = {
        auth_time_param(c, clock_wall_us()),
        l->user_id ? auth_int_param(c, l->user_id) : db_null(),
        auth_client(c),
        auth_request_id(c),
    };

    db_query(l->app->db, &LOGIN_FAILED, params, ARRAY_LEN(params), AUDIT_TIMEOUT_MS,
             on_audited, l->app);
    call_fail(c, ERR_NO_ACTIVE_ACCOUNT);
}

static void on_session(void *arg, const struct db_result *r)
{
    struct login *l = arg;

    if (r->status != DB_OK)
        return call_fail(l->call, db_err(&LOGIN_SESSION, r));
    if (r->rows == 0) /* changed since it was read: another password, or inactive */
        return refuse(l);
    l->grant.user_id = db_int(r, 0, 0);
    l->grant.username = db_text(r, 0, 1);
    l->grant.role = db_text(r, 0, 2);
    l->grant.uv = db_int(r, 0, 3);
    auth_reply_grant(l->call, &l->grant);
}

static void begin_session(struct login *l, const char *new_hash)
{
    struct call *c = l->call;
    struct auth_grant *g = &l->grant;

    l->now_us = clock_wall_us();
    g->with_refresh = true;
    g->issued = l->now_us / 1000000;
    g->expires = g->issued + l->app->cfg->refresh_s;
    id_uuid7(g->sid);
    id_random(g->jti, sizeof(g->jti));
    struct str params[] = {
        auth_int_param(c, l->user_id),
        str_of(l->hash),
        *new_hash ? arena_dup(&c->arena, str_of(new_hash)) : db_null(),
        auth_time_param(c, g->issued * 1000000),
        auth_uuid_param(c, g->sid),
        auth_uuid_param(c, g->jti),
        auth_time_param(c, g->expires * 1000000),
        auth_user_agent(c),
        auth_client(c),
        auth_request_id(c),
    };
    db_query(l->app->db, &LOGIN_SESSION, params, ARRAY_LEN(params), call_budget_ms(c),
             on_session, l);
}

static void on_compared(void *arg, const struct hash_result *r)
{
    struct login *l = arg;

    if (call_gone(l->call)) /* nobody waits for this session */
        return call_fail(l->call, ERR_DEADLINE);
    if (!r->ok || !l->user_id || !l->may)
        return refuse(l);
    begin_session(l, r->hash);
}

static void on_user(void *arg, const struct db_result *r)
{
    struct login *l = arg;
    struct call *c = l->call;

    if (r->status != DB_OK)
        return call_fail(c, db_err(&LOGIN_USER, r));
    if (r->rows > 0) {
        l->user_id = db_int(r, 0, 0);
        l->hash = arena_str(&c->arena, db_text(r, 0, 1));
        l->may = db_bool(r, 0, 2) && (db_bool(r, 0, 3) || !l->app->cfg->require_verified);
    }
    if (call_gone(c))
        return call_fail(c, ERR_DEADLINE);
    struct str password = values_get(&c->body, "password")->s;
    if (!hash_pool_verify(l->app->hashes, password, l->hash, on_compared, l))
        call_fail(c, ERR_OVERLOADED);
}

void auth_login(struct call *c)
{
    if (!call_body(c, SCHEMA_FULL))
        return;
    struct login *l = arena_alloc(&c->arena, sizeof(*l));
    struct str username = values_get(&c->body, "username")->s;

    l->call = c;
    l->app = c->app;
    if (!auth_signing_ring(l->app->signing))
        return call_fail(c, ERR_UNAVAILABLE);
    db_query(l->app->db, &LOGIN_USER, &username, 1, call_budget_ms(c), on_user, l);
}
