/*
 * auth.mail.expected, auth.users.resend_verification, auth.users.correct_email: what an
 * operator needs when somebody did not get the verification mail. A reset mail is never
 * sent again or redirected: only its owner's mailbox asks for one.
 */
#include <stdio.h>

#include "auth/app.h"
#include "auth/identity.h"
#include "auth/link.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"

/* ---- who should have had a mail ---------------------------------------------- */

enum { REPLY_MAX = 2 * 1024 * 1024, LIMIT_DEFAULT = 500, CURSOR_TEXT = 64 };

static const struct db_stmt EXPECTED = { "mail_expected", DB_LIST };

enum expected_column {
    COL_ID,
    COL_EVENT,
    COL_SEQ,
    COL_TYPE,
    COL_USER,
    COL_NAME,
    COL_EMAIL,
    COL_CREATED,
    COL_EXPIRES,
    COL_EXISTS,
    COL_ACTIVE,
    COL_VERIFIED,
    COL_CREATED_US,
};

struct expecting {
    struct call *call;
    int limit;
};

static void write_text(struct jsonw *w, const char *key, const struct db_result *r,
                       int row, int col)
{
    if (db_is_null(r, row, col))
        jw_knull(w, key);
    else
        jw_kstr(w, key, db_text(r, row, col));
}

static void write_expected(struct jsonw *w, const struct db_result *r, int row)
{
    jw_object(w);
    write_text(w, "event_id", r, row, COL_EVENT);
    if (db_is_null(r, row, COL_SEQ))
        jw_knull(w, "seq");
    else
        jw_kint(w, "seq", db_int(r, row, COL_SEQ));
    write_text(w, "type", r, row, COL_TYPE);
    jw_kint(w, "user_id", db_int(r, row, COL_USER));
    write_text(w, "username", r, row, COL_NAME);
    jw_kstr(w, "email", db_text(r, row, COL_EMAIL));
    write_text(w, "created_at", r, row, COL_CREATED);
    write_text(w, "expires_at", r, row, COL_EXPIRES);
    jw_kbool(w, "exists", db_bool(r, row, COL_EXISTS));
    jw_kbool(w, "active", db_bool(r, row, COL_ACTIVE));
    jw_kbool(w, "verified", db_bool(r, row, COL_VERIFIED));
    jw_object_end(w);
}

static void on_expected(void *arg, const struct db_result *r)
{
    struct expecting *x = arg;
    AUTO_BUF struct buf out = { .max = REPLY_MAX };
    char next[CURSOR_TEXT] = "";
    struct jsonw w;

    if (r->status != DB_OK)
        return call_fail(x->call, db_err(&EXPECTED, r));
    jw_begin(&w, &out);
    jw_object(&w);
    jw_key(&w, "events");
    jw_array(&w);
    for (int i = 0; i < r->rows; i++)
        write_expected(&w, r, i);
    jw_array_end(&w);
    if (r->rows == x->limit)
        snprintf(next, sizeof(next), "%lld.%lld",
                 (long long)db_int(r, r->rows - 1, COL_CREATED_US),
                 (long long)db_int(r, r->rows - 1, COL_ID));
    jw_kcstr(&w, "next", next[0] ? next : NULL);
    jw_object_end(&w);
    jw_end(&w);
    call_reply(x->call, 0, buf_get(&out));
}

/* "<microseconds>.<id>", as `next` gave it. */
static bool read_cursor(struct call *c, struct str cursor, struct str *ret_since,
                        struct str *ret_id)
{
    int64_t us, id;

    *ret_id = cursor;
    if (!str_to_i64(str_cut(ret_id, '.'), &us) || us < 0 || us >= INT64_C(1) << 57)
        return false;
    *ret_since = auth_time_param(c, us);
    return str_to_i64(*ret_id, &id) && id > 0;
}

void auth_mail_expected(struct call *c)
{
    if (!call_body(c, SCHEMA_FULL))
        return;
    struct expecting *x = arena_alloc(&c->arena, sizeof(*x));
    const struct value *cursor = values_get(&c->body, "cursor");
    const struct value *limit = values_get(&c->body, "limit");
    struct str since = values_get(&c->body, "since")->s, id = STR("0");

    x->call = c;
    x->limit = limit->kind == VALUE_INT ? (int)limit->i : LIMIT_DEFAULT;
    if (cursor->kind == VALUE_STR && cursor->s.n > 0 &&
        !read_cursor(c, cursor->s, &since, &id))
        return call_fail_field(c, "cursor", "This is not the `next` of another page.");
    struct str params[] = { since, id, values_get(&c->body, "until")->s,
                            auth_int_param(c, x->limit) };
    db_query(((struct auth_app *)c->app)->db, &EXPECTED, params, ARRAY_LEN(params),
             call_budget_ms(c), on_expected, x);
}

/* ---- sending the verification mail again ------------------------------------- */

static const struct db_stmt RENEW = { "verification_renew", DB_WRITE };

struct renewal {
    struct call *call;
    struct str event_id, expires;
};

static void refuse(struct call *c, const char *why)
{
    AUTO_BUF struct buf out;
    struct jsonw w;

    buf_init(&out, 512);
    jw_begin(&w, &out);
    jw_object(&w);
    jw_kcstr(&w, "detail", why);
    jw_object_end(&w);
    jw_end(&w);
    call_fail_details(c, ERR_CONFLICT, buf_get(&out));
}

static bool refused(struct call *c, struct str what)
{
    static const struct {
        const char *what, *why;
    } REASONS[] = {
        { "inactive", "The account is not active." },
        { "verified", "The address is confirmed already." },
        { "no_address", "The account has no address." },
    };

    for (size_t i = 0; i < ARRAY_LEN(REASONS); i++) {
        if (!str_eq(what, str_of(REASONS[i].what)))
            continue;
        refuse(c, REASONS[i].why);
        return true;
    }
    return false;
}

static void on_renewed(void *arg, const struct db_result *r)
{
    struct renewal *n = arg;
    struct call *c = n->call;
    AUTO_BUF struct buf out = { .max = 1024 };
    struct jsonw w;

    if (r->status == DB_CONFLICT)
        return call_fail_field(c, "email", "A user with that email already exists.");
    if (r->status != DB_OK || r->rows != 1)
        return call_fail(c, db_err(&RENEW, r));
    if (str_eq(db_text(r, 0, 0), STR("missing")))
        return call_fail(c, ERR_NOT_FOUND);
    if (refused(c, db_text(r, 0, 0)))
        return;
    event_publisher_wake(((struct auth_app *)c->app)->events);
    jw_begin(&w, &out);
    jw_object(&w);
    jw_kint(&w, "user_id", values_get(&c->body, "user_id")->i);
    jw_kstr(&w, "email", db_text(r, 0, 1));
    jw_kstr(&w, "event_id", n->event_id);
    jw_kstr(&w, "expires_at", n->expires);
    jw_object_end(&w);
    jw_end(&w);
    call_reply(c, 0, buf_get(&out));
}

static void renew(struct call *c, struct str email, struct str email_key)
{
    struct auth_app *app = c->app;
    const struct auth_config *cfg = app->cfg;
    struct renewal *n = arena_alloc(&c->arena, sizeof(*n));
    struct auth_link link = auth_link_make(app, &c->arena);
    int64_t now_us = clock_wall_us();
    uint8_t event_id[16];

    id_uuid7(event_id);
    n->call = c;
    n->event_id = auth_uuid_param(c, event_id);
    n->expires = auth_time_param(c, now_us + cfg->verify_s * 1000000);
    struct str params[] = {
        auth_int_param(c, values_get(&c->body, "user_id")->i),
        auth_time_param(c, now_us),
        link.hash,
        link.sealed,
        n->event_id,
        str_of(cfg->public_url),
        n->expires,
        auth_int_param(c, c->frame.actor_id),
        values_get(&c->body, "reason")->s,
        auth_request_id(c),
        auth_trace_id(c),
        auth_span_id(c),
        auth_client(c),
        email,
        email_key,
    };
    db_query(app->db, &RENEW, params, ARRAY_LEN(params), call_budget_ms(c), on_renewed,
             n);
}

void auth_users_resend_verification(struct call *c)
{
    if (call_body(c, SCHEMA_FULL))
        renew(c, db_null(), db_null());
}

void auth_users_correct_email(struct call *c)
{
    if (!call_body(c, SCHEMA_FULL))
        return;
    struct str email = values_get(&c->body, "email")->s;

    renew(c, email, str_of(auth_email_key(&c->arena, email)));
}
