/*
 * auth.forgot_password and auth.resend_verification: both only write down what was asked,
 * with the same statement and the same answer for every address (link_request.c goes on).
 */
#include "auth/app.h"
#include "auth/identity.h"
#include "auth/link_request.h"

#include "base/clock.h"

static const struct db_stmt ADD = { "link_request_add", DB_WRITE };

struct request {
    struct call *call;
    struct str answer;
};

static void on_added(void *arg, const struct db_result *r)
{
    struct request *q = arg;
    struct auth_app *app = q->call->app;

    if (r->status != DB_OK)
        return call_fail(q->call, db_err(&ADD, r));
    auth_link_requests_wake(app->link_requests);
    call_reply(q->call, 0, q->answer);
}

static void request_link(struct call *c, struct str purpose, struct str answer)
{
    struct auth_app *app = c->app;

    if (!call_body(c, SCHEMA_FULL))
        return;
    struct request *q = arena_alloc(&c->arena, sizeof(*q));
    struct str params[] = {
        purpose,
        str_of(auth_email_key(&c->arena, values_get(&c->body, "email")->s)),
        auth_time_param(c, clock_wall_us()),
        auth_client(c),
        auth_request_id(c),
        auth_trace_id(c),
        auth_span_id(c),
    };

    q->call = c;
    q->answer = answer;
    db_query(app->db, &ADD, params, ARRAY_LEN(params), call_budget_ms(c), on_added, q);
}

void auth_forgot_password(struct call *c)
{
    request_link(c, STR("reset"), STR("{\"message\":\"Password reset email sent\"}"));
}

void auth_resend_verification(struct call *c)
{
    request_link(c, STR("verify"),
                 STR("{\"message\":\"If the address belongs to an unverified account, a "
                     "new link is on its way\"}"));
}
