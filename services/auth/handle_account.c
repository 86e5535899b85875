/* auth.me, auth.logout and auth.logout_all: what a logged-in user asks about himself. */
#include "auth/app.h"

#include <sodium.h>

#include "base/clock.h"
#include "base/id.h"

enum { ANSWER_MAX = 8 * 1024, SID = 16 };

static const struct db_stmt SHOW = { "account_show", DB_POINT };
static const struct db_stmt END = { "session_end", DB_WRITE };
static const struct db_stmt CHANGE = { "user_change", DB_WRITE };

enum account_column { /* of account_show */
                      COL_ID,
                      COL_USERNAME,
                      COL_EMAIL,
                      COL_ROLE,
                      COL_VERIFIED,
                      COL_JOINED,
                      COL_LAST_LOGIN,
                      COL_ACTIVE,
                      COL_ALIVE,
};

/* The session of the token that came; null when it names none. */
static struct str session_param(struct call *c)
{
    struct str sid = call_record(c, REC_SESSION_ID);

    if (sid.n != SID || sodium_is_zero((const uint8_t *)sid.p, SID))
        return db_null();
    return auth_uuid_param(c, (const uint8_t *)sid.p);
}

/* --- me ------------------------------------------------------------------------------
 */

static void write_time(struct jsonw *w, const char *key, const struct db_result *r,
                       int col)
{
    char text[CLOCK_TEXT_SIZE];

    jw_kcstr(w, key, db_is_null(r, 0, col) ? NULL : db_time(r, 0, col, text));
}

static void reply_account(struct call *c, const struct db_result *r)
{
    AUTO_BUF struct buf body;
    struct jsonw w;

    buf_init(&body, ANSWER_MAX);
    jw_begin(&w, &body);
    jw_object(&w);
    jw_kint(&w, "id", db_int(r, 0, COL_ID));
    jw_kstr(&w, "username", db_text(r, 0, COL_USERNAME));
    jw_kstr(&w, "email", db_text(r, 0, COL_EMAIL));
    jw_kstr(&w, "role", db_text(r, 0, COL_ROLE));
    jw_kbool(&w, "is_verified", db_bool(r, 0, COL_VERIFIED));
    write_time(&w, "date_joined", r, COL_JOINED);
    write_time(&w, "last_login", r, COL_LAST_LOGIN);
    jw_object_end(&w);
    jw_end(&w);
    record_add(&c->meta, REC_CACHE_CONTROL, STR("no-store"));
    call_reply(c, 0, buf_get(&body));
}

static void on_account(void *arg, const struct db_result *r)
{
    struct call *c = arg;

    if (r->status != DB_OK)
        return call_fail(c, db_err(&SHOW, r));
    if (r->rows == 0)
        return call_fail(c, ERR_USER_NOT_FOUND);
    if (!db_bool(r, 0, COL_ACTIVE))
        return call_fail(c, ERR_USER_INACTIVE);
    if (!db_bool(r, 0, COL_ALIVE))
        return call_fail(c, ERR_TOKEN_NOT_VALID);
    reply_account(c, r);
}

void auth_me(struct call *c)
{
    struct auth_app *app = c->app;
    struct str params[] = { auth_int_param(c, c->frame.actor_id), session_param(c) };

    db_query(app->db, &SHOW, params, ARRAY_LEN(params), call_budget_ms(c), on_account, c);
}

/* --- logout --------------------------------------------------------------------------
 */

static void on_ended(void *arg, const struct db_result *r)
{
    struct call *c = arg;
    const struct auth_app *app = c->app;

    if (r->status != DB_OK)
        return call_fail(c, db_err(&END, r));
    event_publisher_wake(app->events);
    call_reply(c, 0, STR("{\"message\":\"Logged out\"}"));
}

/* The session of a refresh token sent along; null when it is not a token that works: to
 * log out must not fail because a token is old. */
static struct str refresh_session(struct call *c)
{
    const struct auth_app *app = c->app;
    const struct token_ring *ring = auth_signing_ring(app->signing);
    struct str token = values_get(&c->body, "refresh")->s;
    struct token_claims claims;

    if (!ring || token.n == 0 ||
        token_verify(ring, token, TOKEN_REFRESH, clock_wall_s(), &claims) != TOKEN_OK)
        return db_null();
    return auth_uuid_param(c, claims.sid);
}

void auth_logout(struct call *c)
{
    struct auth_app *app = c->app;

    if (!call_body(c, SCHEMA_FULL))
        return;
    struct str params[] = {
        auth_int_param(c, c->frame.actor_id),
        session_param(c),
        refresh_session(c),
        auth_time_param(c, clock_wall_us()),
        auth_client(c),
        auth_request_id(c),
        auth_trace_id(c),
        auth_span_id(c),
    };
    db_query(app->db, &END, params, ARRAY_LEN(params), call_budget_ms(c), on_ended, c);
}

/* --- everywhere ----------------------------------------------------------------------
 */

static void on_all_ended(void *arg, const struct db_result *r)
{
    struct call *c = arg;
    const struct auth_app *app = c->app;

    if (r->status != DB_OK)
        return call_fail(c, db_err(&CHANGE, r));
    if (r->rows == 0 || !str_eq(db_text(r, 0, 0), STR("done")))
        return call_fail(c, ERR_USER_NOT_FOUND);
    event_publisher_wake(app->events);
    call_reply(c, 0, STR("{\"message\":\"Logged out everywhere\"}"));
}

void auth_logout_all(struct call *c)
{
    struct auth_app *app = c->app;
    struct str user = auth_int_param(c, c->frame.actor_id);
    uint8_t event_id[16];

    id_uuid7(event_id);
    struct str params[] = {
        user,
        db_null(),
        db_null(),
        db_null(),
        STR("true"),
        auth_time_param(c, clock_wall_us()),
        auth_uuid_param(c, event_id),
        auth_request_id(c),
        auth_trace_id(c),
        auth_span_id(c),
        auth_client(c),
        user,
        STR("logout.all"),
    };
    db_query(app->db, &CHANGE, params, ARRAY_LEN(params), call_budget_ms(c), on_all_ended,
             c);
}
