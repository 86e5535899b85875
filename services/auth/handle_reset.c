/*
 * auth.reset_password and the page behind the mailed link. The password is looked at
 * before the link is spent, and hashed only for a link that works; the statement decides
 * again, and alone, whether the link still counts.
 */
#include "auth/lockout.h"
#include "auth/page.h"

#include "base/clock.h"
#include "base/id.h"

enum { PAGE_MAX = 32 * 1024, DETAILS_MAX = 4096, BAD_REQUEST = 400 };
enum { PROBLEMS_MAX = AUTH_PASSWORD_PROBLEMS + 1 };

static const struct db_stmt USER = { "password_reset_user", DB_POINT };
static const struct db_stmt RESET = { "password_reset", DB_WRITE };

struct reset {
    struct call *call;
    struct auth_app *app;
    struct str token, uid;    /* as they came; uid may be empty */
    struct str hash, user_id; /* parameters; user_id null when nobody said it */
    struct str password;
    struct auth_attempt guard; /* whose locks end */
};

/* --- answers -------------------------------------------------------------------------
 */

static bool wants_page(const struct call *c)
{
    return str_eq(values_get(&c->body, "view")->s, STR("page"));
}

static void reply_page(struct call *c, int status, enum auth_page page)
{
    AUTO_BUF struct buf html;

    buf_init(&html, PAGE_MAX);
    auth_page_write(page, STR(""), &html);
    auth_reply_html(c, status, buf_get(&html));
}

static void reply_form(struct call *c, int status, const struct auth_reset_form *form)
{
    AUTO_BUF struct buf html;

    buf_init(&html, PAGE_MAX);
    auth_page_write_reset(form, &html);
    auth_reply_html(c, status, buf_get(&html));
}

static void refuse_link(struct call *c)
{
    if (wants_page(c))
        return reply_page(c, BAD_REQUEST, AUTH_PAGE_INVALID);
    call_fail(c, ERR_TOKEN_INVALID_LINK);
}

static void write_list(struct jsonw *w, const char *field, const char *const *messages,
                       unsigned n)
{
    if (n == 0)
        return;
    jw_key(w, field);
    jw_array(w);
    for (unsigned i = 0; i < n; i++)
        jw_str(w, str_of(messages[i]));
    jw_array_end(w);
}

/* The last of the messages may be password2's. */
static void refuse_password(struct reset *s, const char *const *problems, unsigned n,
                            bool differs)
{
    AUTO_BUF struct buf details = { .max = DETAILS_MAX };
    struct jsonw w;

    if (wants_page(s->call))
        return reply_form(s->call, BAD_REQUEST,
                          &(struct auth_reset_form){ s->uid, s->token, problems, n });
    jw_begin(&w, &details);
    jw_object(&w);
    write_list(&w, "password", problems, n - differs);
    write_list(&w, "password2", problems + n - differs, differs);
    jw_object_end(&w);
    jw_end(&w);
    call_fail_details(s->call, ERR_VALIDATION, buf_get(&details));
}

/* --- the steps -----------------------------------------------------------------------
 */

static void on_reset(void *arg, const struct db_result *r)
{
    struct reset *s = arg;

    if (r->status != DB_OK)
        return call_fail(s->call, db_err(&RESET, r));
    if (r->rows == 0) /* spent or replaced while the password was hashed */
        return refuse_link(s->call);
    event_publisher_wake(s->app->events);
    if (wants_page(s->call))
        return reply_page(s->call, 0, AUTH_PAGE_RESET_DONE);
    call_reply(s->call, 0, STR("{\"message\":\"Password reset successful\"}"));
}

static void on_hashed(void *arg, const struct hash_result *r)
{
    struct reset *s = arg;
    struct call *c = s->call;
    uint8_t event_id[16];

    if (r->weak)
        return refuse_password(s, (const char *[]){ AUTH_PASSWORD_COMMON }, 1, false);
    if (call_gone(c) || !r->ok)
        return call_fail(c, ERR_UNAVAILABLE);
    id_uuid7(event_id);
    struct str params[] = {
        s->hash,
        s->user_id,
        str_of(r->hash),
        auth_time_param(c, clock_wall_us()),
        auth_uuid_param(c, event_id),
        auth_request_id(c),
        auth_trace_id(c),
        auth_span_id(c),
        auth_client(c),
        s->guard.identity,
        s->guard.network,
    };
    db_query(s->app->db, &RESET, params, ARRAY_LEN(params), call_budget_ms(c), on_reset,
             s);
}

/* True when there were problems: they have been answered. */
static bool check_password(struct reset *s, struct str username, struct str email)
{
    const struct values *body = &s->call->body;
    const char *problems[PROBLEMS_MAX];
    unsigned n =
        auth_password_problems(&s->app->policy, s->password, username, email, problems);
    bool differs = values_has(body, "password2") &&
                   !str_eq(values_get(body, "password2")->s, s->password);

    if (differs)
        problems[n++] = "The two password fields didn't match.";
    if (n > 0)
        refuse_password(s, problems, n, differs);
    return n > 0;
}

static void on_user(void *arg, const struct db_result *r)
{
    struct reset *s = arg;

    if (r->status != DB_OK)
        return call_fail(s->call, db_err(&USER, r));
    if (r->rows == 0)
        return refuse_link(s->call);
    if (check_password(s, db_text(r, 0, 0), db_text(r, 0, 1)))
        return;
    auth_attempt_init(&s->guard, s->call, db_text(r, 0, 0));
    if (!hash_pool_hash(s->app->hashes, s->password, on_hashed, s))
        call_fail(s->call, ERR_OVERLOADED);
}

/* --- what was sent -------------------------------------------------------------------
 */

/* The body's, or the query's, which says whose it is as the original's link does. False:
 * such a link was never mailed. */
static bool read_link(struct reset *s)
{
    const struct call *c = s->call;
    bool in_body = values_get(&c->body, "token")->s.n > 0;
    const struct values *from = in_body ? &c->body : &c->query;
    int64_t id;

    s->token = values_get(from, "token")->s;
    s->uid = values_get(from, "uid")->s;
    if (s->uid.n > 0 && str_to_i64(s->uid, &id) && id > 0)
        s->user_id = s->uid;
    else if (s->uid.n > 0 || !in_body)
        return false;
    return s->token.n == AUTH_LINK_TEXT;
}

/* By either of its names; NULL without. */
static struct str password_of(const struct call *c)
{
    static const char *const NAMES[] = { "password", "new_password" };

    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
        if (values_has(&c->body, NAMES[i]))
            return values_get(&c->body, NAMES[i])->s;
    return (struct str){ NULL, 0 };
}

void auth_reset_password(struct call *c)
{
    uint8_t hash[AUTH_LINK_HASH];

    if (!call_query(c) || !call_body(c, SCHEMA_FULL))
        return;
    struct reset *s = arena_alloc(&c->arena, sizeof(*s));
    s->call = c;
    s->app = c->app;
    s->password = password_of(c);
    if (!s->password.p)
        return call_fail_field(c, "password", "This field is required.");
    if (!read_link(s))
        return refuse_link(c);
    auth_link_hash(s->token, hash);
    s->hash = db_bytes_param(&c->arena, hash, sizeof(hash));
    struct str params[] = { s->hash, s->user_id, auth_time_param(c, clock_wall_us()) };
    db_query(s->app->db, &USER, params, ARRAY_LEN(params), call_budget_ms(c), on_user, s);
}

void auth_reset_password_page(struct call *c)
{
    if (!call_query(c))
        return;
    struct auth_reset_form form = { .uid = values_get(&c->query, "uid")->s,
                                    .token = values_get(&c->query, "token")->s };
    bool whole = form.token.n == AUTH_LINK_TEXT;
    if (!auth_takes_html(c))
        return call_fail(c, whole ? ERR_NOT_ACCEPTABLE : ERR_TOKEN_INVALID_LINK);
    if (!whole)
        return reply_page(c, BAD_REQUEST, AUTH_PAGE_INVALID);
    reply_form(c, 0, &form);
}
