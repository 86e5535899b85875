/*
 * auth.login: one answer for a wrong password, an unknown name and an inactive account,
 * and the same work: a name nobody has is compared with a hash nobody has, and is guarded
 * by the same counters (lockout.h).
 */
#include "auth/grant.h"
#include "auth/lockout.h"

#include "base/clock.h"
#include "base/id.h"

static const struct db_stmt LOGIN_SESSION = { "login_session", DB_WRITE };

struct login {
    struct call *call;
    struct auth_app *app;
    struct auth_attempt attempt;
    const char *hash; /* that the password was compared with */
    bool again;       /* for the second time, because the hash was replaced meanwhile */
    struct auth_grant grant;
};

static void reserve(struct login *l);

/* --- answers -------------------------------------------------------------------------
 */

static void count(const char *result)
{
    metric_add(metric_counter("auth_logins_total", "Logins answered", result), 1);
}

static void on_failure_counted(void *arg, struct auth_attempt *a)
{
    struct login *l = arg;

    (void)a;
    count("result=\"refused\"");
    call_fail(l->call, ERR_NO_ACTIVE_ACCOUNT);
}

static void refuse(struct login *l)
{
    auth_attempt_failed(&l->attempt, on_failure_counted, l);
}

static void refuse_locked(struct login *l)
{
    count("result=\"locked\"");
    record_add_u32(&l->call->meta, REC_RETRY_AFTER, l->attempt.retry_s);
    call_fail(l->call, ERR_LOGIN_LOCKED);
}

/* Nothing was compared, or nobody waits for what came of it. */
static void give_up(struct login *l, enum err e)
{
    auth_attempt_release(&l->attempt);
    count("result=\"unavailable\"");
    call_fail(l->call, e);
}

/* --- the session ---------------------------------------------------------------------
 */

static void on_session(void *arg, const struct db_result *r)
{
    struct login *l = arg;

    if (r->status != DB_OK) {
        count("result=\"unavailable\"");
        return call_fail(l->call, db_err(&LOGIN_SESSION, r));
    }
    if (r->rows == 0 && !l->again) { /* another password, a better hash, or inactive */
        l->again = true;
        auth_attempt_release(&l->attempt);
        return reserve(l);
    }
    if (r->rows == 0)
        return refuse(l);
    l->grant.user_id = db_int(r, 0, 0);
    l->grant.username = db_text(r, 0, 1);
    l->grant.role = db_text(r, 0, 2);
    l->grant.uv = db_int(r, 0, 3);
    count("result=\"succeeded\"");
    auth_reply_grant(l->call, &l->grant);
}

static void begin_session(struct login *l, const char *new_hash)
{
    struct call *c = l->call;
    struct auth_grant *g = &l->grant;

    g->with_refresh = true;
    g->issued = clock_wall_s();
    g->expires = g->issued + l->app->cfg->refresh_s;
    id_uuid7(g->sid);
    id_random(g->jti, sizeof(g->jti));
    struct str params[] = {
        auth_int_param(c, l->attempt.user_id),
        str_of(l->hash),
        *new_hash ? arena_dup(&c->arena, str_of(new_hash)) : db_null(),
        auth_time_param(c, g->issued * 1000000),
        auth_uuid_param(c, g->sid),
        auth_uuid_param(c, g->jti),
        auth_time_param(c, g->expires * 1000000),
        auth_user_agent(c),
        auth_client(c),
        auth_request_id(c),
        l->attempt.identity,
        l->attempt.network,
        l->attempt.whole ? STR("t") : STR("f"),
    };
    db_query(l->app->db, &LOGIN_SESSION, params, ARRAY_LEN(params), call_budget_ms(c),
             on_session, l);
}

/* --- the comparison ------------------------------------------------------------------
 */

static bool may_log_in(const struct login *l)
{
    const struct auth_attempt *a = &l->attempt;

    return a->user_id && a->is_active &&
           (a->is_verified || !l->app->cfg->require_verified);
}

static void on_compared(void *arg, const struct hash_result *r)
{
    struct login *l = arg;

    if (!r->ok || !may_log_in(l))
        return refuse(l);
    if (call_gone(l->call)) /* nobody waits for this session */
        return give_up(l, ERR_DEADLINE);
    begin_session(l, r->hash);
}

static void on_reserved(void *arg, struct auth_attempt *a)
{
    struct login *l = arg;

    if (a->verdict == ATTEMPT_LOCKED)
        return refuse_locked(l);
    if (a->verdict == ATTEMPT_NOT_NOW) {
        count("result=\"unavailable\"");
        return call_fail(l->call, a->err);
    }
    if (call_gone(l->call))
        return give_up(l, ERR_DEADLINE);
    l->hash = a->hash;
    struct str password = values_get(&l->call->body, "password")->s;
    if (!hash_pool_verify(l->app->hashes, password, l->hash, on_compared, l))
        give_up(l, ERR_OVERLOADED);
}

static void reserve(struct login *l)
{
    auth_attempt_reserve(&l->attempt, on_reserved, l);
}

void auth_login(struct call *c)
{
    if (!call_body(c, SCHEMA_FULL))
        return;
    struct login *l = arena_alloc(&c->arena, sizeof(*l));

    l->call = c;
    l->app = c->app;
    if (!auth_signing_ring(l->app->signing))
        return call_fail(c, ERR_UNAVAILABLE);
    auth_attempt_init(&l->attempt, c, values_get(&c->body, "username")->s);
    reserve(l);
}
