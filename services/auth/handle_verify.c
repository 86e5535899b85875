/*
 * auth.verify_email and the page behind the mailed link. The link opens a page and the
 * page's button posts, because mail scanners follow links. AUTH_VERIFY_ON_GET: the link
 * confirms by itself and answers JSON, as the original's.
 */
#include "auth/app.h"
#include "auth/page.h"

#include "base/clock.h"
#include "base/id.h"

enum { PAGE_MAX = 32 * 1024, BAD_REQUEST = 400 };

static const struct db_stmt VERIFY = { "email_verify", DB_WRITE };

static void reply_page(struct call *c, int status, enum auth_page page, struct str token)
{
    AUTO_BUF struct buf body;

    buf_init(&body, PAGE_MAX);
    auth_page_write(page, token, &body);
    auth_reply_html(c, status, buf_get(&body));
}

/* The page's form says so; the link alone never does. */
static bool wants_page(const struct call *c)
{
    return c->body.schema && str_eq(values_get(&c->body, "view")->s, STR("page"));
}

static void refuse(struct call *c)
{
    if (wants_page(c))
        return reply_page(c, BAD_REQUEST, AUTH_PAGE_INVALID, STR(""));
    call_fail(c, ERR_TOKEN_INVALID_LINK);
}

static void on_verified(void *arg, const struct db_result *r)
{
    struct call *c = arg;
    struct auth_app *app = c->app;

    if (r->status != DB_OK)
        return call_fail(c, db_err(&VERIFY, r));
    if (r->rows == 0)
        return refuse(c);
    bool before = db_bool(r, 0, 1);
    if (!before)
        event_publisher_wake(app->events);
    if (wants_page(c))
        return reply_page(c, 0, before ? AUTH_PAGE_ALREADY : AUTH_PAGE_VERIFIED, STR(""));
    record_add(&c->meta, REC_CONTENT_TYPE, STR("application/json")); /* also of GET */
    call_reply(c, 0,
               before ? STR("{\"message\":\"Already verified\"}")
                      : STR("{\"message\":\"Email verified\"}"));
}

static void verify(struct call *c, struct str token)
{
    uint8_t hash[AUTH_LINK_HASH], event_id[16];
    struct auth_app *app = c->app;

    if (token.n != AUTH_LINK_TEXT)
        return refuse(c);
    auth_link_hash(token, hash);
    id_uuid7(event_id);
    struct str params[] = {
        db_bytes_param(&c->arena, hash, sizeof(hash)),
        auth_time_param(c, clock_wall_us()),
        auth_uuid_param(c, event_id),
        auth_request_id(c),
        auth_trace_id(c),
        auth_span_id(c),
        auth_client(c),
    };
    db_query(app->db, &VERIFY, params, ARRAY_LEN(params), call_budget_ms(c), on_verified,
             c);
}

void auth_verify_email(struct call *c)
{
    if (!call_body(c, SCHEMA_FULL))
        return;
    verify(c, values_get(&c->body, "token")->s);
}

void auth_verify_email_page(struct call *c)
{
    const struct auth_app *app = c->app;

    if (!call_query(c))
        return;
    struct str token = values_get(&c->query, "token")->s;
    if (app->cfg->verify_on_get)
        return verify(c, token);
    bool whole = token.n == AUTH_LINK_TEXT;
    if (!auth_takes_html(c))
        return call_fail(c, whole ? ERR_NOT_ACCEPTABLE : ERR_TOKEN_INVALID_LINK);
    if (!whole)
        return reply_page(c, BAD_REQUEST, AUTH_PAGE_INVALID, STR(""));
    reply_page(c, 0, AUTH_PAGE_CONFIRM, token);
}
