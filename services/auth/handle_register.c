/*
 * auth.register: check everything, hash the password, then one statement that makes the
 * account, the link's hash, the event and the stored answer appear together or not at
 * all. Answer, event and stored answer are written before that statement is sent.
 *
 * AUTH_ENUMERATION_SAFE: when the address is taken, the same is done and answered, but
 * the address stays its owner's: it is no key of the new account, no link is mailed to
 * it, and the owner gets a mail that says so. Whoever registered cannot tell by anything
 * they may do with the account.
 */
#include "auth/app.h"
#include "auth/identity.h"
#include "auth/link.h"

#include <sodium.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/utf8.h"
#include "svc/log.h"

enum { KEY_MAX = 255, BODY_MAX = 4096, IDEMPOTENCY_HOURS = 24, REQUEST_HASH = 32 };

static const struct db_stmt TAKEN = { "user_taken", DB_POINT };
static const struct db_stmt STORED = { "idempotency_find", DB_POINT };
static const struct db_stmt REGISTER = { "user_register", DB_WRITE };

static const char NAME_TAKEN[] = "A user with that username already exists.";
static const char EMAIL_TAKEN[] = "A user with that email already exists.";

struct registration {
    struct call *call;
    struct auth_app *app;
    struct str username, username_key, email, email_key; /* email_key null when blank */
    struct str owner_key; /* email_key when it is somebody else's and stays so, or null */
    struct str password;
    struct str key; /* Idempotency-Key, null when there is none */
    uint8_t request_hash[REQUEST_HASH];
    const char *username_problem, *password2_problem, *email_problem;
    const char *password_problems[AUTH_PASSWORD_PROBLEMS];
    unsigned npassword_problems;
    const char *hash;
    struct str answer;
    bool conflict; /* the insert failed: what the stored answer says decides */
    const char *conflict_field, *conflict_message;
};

/* --- field errors --------------------------------------------------------------------
 */

static void write_list(struct jsonw *w, const char *field, const char *const *messages,
                       unsigned n)
{
    if (n == 0 || !messages[0])
        return;
    jw_key(w, field);
    jw_array(w);
    for (unsigned i = 0; i < n; i++)
        jw_str(w, str_of(messages[i]));
    jw_array_end(w);
}

static bool has_problems(const struct registration *g)
{
    return g->username_problem || g->email_problem || g->password2_problem ||
           g->npassword_problems > 0;
}

/* Tells all of them at once. */
static void refuse(struct registration *g)
{
    AUTO_BUF struct buf details;
    struct jsonw w;

    buf_init(&details, BODY_MAX);
    jw_begin(&w, &details);
    jw_object(&w);
    write_list(&w, "username", &g->username_problem, 1);
    write_list(&w, "password", g->password_problems, g->npassword_problems);
    write_list(&w, "password2", &g->password2_problem, 1);
    write_list(&w, "email", &g->email_problem, 1);
    jw_object_end(&w);
    jw_end(&w);
    call_fail_details(g->call, ERR_VALIDATION, buf_get(&details));
}

/* --- the insert ----------------------------------------------------------------------
 */

static void ask_stored(struct registration *g);
static void insert(struct registration *g);

/* Goes on without the address, which has an owner. */
static void leave_address(struct registration *g)
{
    g->owner_key = g->email_key;
    g->email_key = db_null();
}

static void on_registered(void *arg, const struct db_result *r)
{
    struct registration *g = arg;
    struct str constraint = str_of(db_constraint(r));

    if (r->status == DB_OK) {
        event_publisher_wake(g->app->events);
        return call_reply(g->call, 0, g->answer);
    }
    if (r->status != DB_CONFLICT)
        return call_fail(g->call, db_err(&REGISTER, r));
    bool email = str_eq(constraint, STR("users_email_key"));
    if (email && g->app->cfg->enumeration_safe && g->email_key.p) { /* since we looked */
        leave_address(g);
        return insert(g);
    }
    g->conflict_field = email ? "email" : "username";
    g->conflict_message = email ? EMAIL_TAKEN : NAME_TAKEN;
    g->conflict = true;
    if (g->key.p) /* perhaps the same request, which won on another replica */
        return ask_stored(g);
    call_fail_field(g->call, g->conflict_field, g->conflict_message);
}

static struct str write_answer(struct registration *g, int64_t id)
{
    AUTO_BUF struct buf b;
    struct jsonw w;

    buf_init(&b, BODY_MAX);
    jw_begin(&w, &b);
    jw_object(&w);
    jw_kint(&w, "id", id);
    jw_kstr(&w, "username", g->username);
    jw_kstr(&w, "email", g->email);
    jw_kcstr(&w, "role", "USER");
    jw_object_end(&w);
    jw_end(&w);
    return arena_dup(&g->call->arena, buf_get(&b));
}

static struct str write_payload(struct registration *g, int64_t id)
{
    AUTO_BUF struct buf b;
    struct jsonw w;

    buf_init(&b, BODY_MAX);
    jw_begin(&w, &b);
    jw_object(&w);
    jw_kint(&w, "user_id", id);
    jw_kstr(&w, "username", g->username);
    jw_kstr(&w, "email", g->email_key.p ? g->email : STR(""));
    if (g->email_key.p)
        jw_kcstr(&w, "link_base", g->app->cfg->public_url);
    jw_object_end(&w);
    jw_end(&w);
    return arena_dup(&g->call->arena, buf_get(&b));
}

struct link {
    struct str hash, sealed, expires; /* parameters; null without an address */
};

static struct link make_link(struct registration *g, int64_t now_us)
{
    struct call *c = g->call;

    if (g->email.n == 0)
        return (struct link){ 0 };
    struct auth_link link = auth_link_make(g->app, &c->arena);
    if (!g->email_key.p) /* made all the same: it takes the same time */
        return (struct link){ 0 };
    return (struct link){
        .hash = link.hash,
        .sealed = link.sealed,
        .expires = auth_time_param(c, now_us + g->app->cfg->verify_s * 1000000),
    };
}

static void on_id(void *arg, int64_t id)
{
    struct registration *g = arg;
    struct call *c = g->call;
    uint8_t event_id[16], notice_id[16];

    if (id == 0 || call_gone(c))
        return call_fail(c, ERR_UNAVAILABLE);
    int64_t now_us = clock_wall_us();
    struct link link = make_link(g, now_us);
    id_uuid7(event_id);
    id_uuid7(notice_id);
    g->answer = write_answer(g, id);
    struct str params[] = {
        auth_int_param(c, id),
        g->username,
        g->username_key,
        g->email,
        g->email_key,
        str_of(g->hash),
        auth_time_param(c, now_us),
        link.hash,
        link.expires,
        auth_uuid_param(c, event_id),
        write_payload(g, id),
        link.sealed,
        auth_request_id(c),
        auth_trace_id(c),
        auth_span_id(c),
        g->key,
        str_of(c->method->name),
        db_bytes_param(&c->arena, g->request_hash, sizeof(g->request_hash)),
        g->answer,
        auth_client(c),
        g->owner_key,
        auth_uuid_param(c, notice_id),
        auth_time_param(c, now_us - g->app->cfg->mail_cooldown_s * 1000000),
    };
    db_query(g->app->db, &REGISTER, params, ARRAY_LEN(params), call_budget_ms(c),
             on_registered, g);
}

static void insert(struct registration *g)
{
    db_ids_take(g->app->user_ids, call_budget_ms(g->call), on_id, g);
}

static bool is_weak(struct registration *g, const struct hash_result *r)
{
    if (r->weak)
        g->password_problems[g->npassword_problems++] = AUTH_PASSWORD_COMMON;
    return r->weak;
}

/* With problems of other fields: whether the password is one too, then all are told. */
static void on_judged(void *arg, const struct hash_result *r)
{
    struct registration *g = arg;

    is_weak(g, r);
    refuse(g);
}

static void on_hashed(void *arg, const struct hash_result *r)
{
    struct registration *g = arg;

    if (is_weak(g, r)) {
        refuse(g);
        return;
    }
    if (call_gone(g->call) || !r->ok)
        return call_fail(g->call, ERR_UNAVAILABLE);
    g->hash = arena_str(&g->call->arena, str_of(r->hash));
    insert(g);
}

/* --- before the hash -----------------------------------------------------------------
 */

static void on_taken(void *arg, const struct db_result *r)
{
    struct registration *g = arg;

    if (r->status != DB_OK || r->rows == 0)
        return call_fail(g->call, db_err(&TAKEN, r));
    if (db_bool(r, 0, 0))
        g->username_problem = NAME_TAKEN;
    bool email_taken = db_bool(r, 0, 1);
    if (email_taken && g->app->cfg->enumeration_safe)
        leave_address(g);
    else if (email_taken)
        g->email_problem = EMAIL_TAKEN;
    if (g->npassword_problems > 0)
        return refuse(g);
    bool taken = has_problems(g)
                     ? hash_pool_judge(g->app->hashes, g->password, on_judged, g)
                     : hash_pool_hash(g->app->hashes, g->password, on_hashed, g);
    if (!taken)
        call_fail(g->call, ERR_OVERLOADED);
}

/* Asked before 20 ms of hashing are spent on a name that is gone; the insert still is
 * what decides. */
static void ask_taken(struct registration *g)
{
    struct str params[] = { g->username_key, g->email_key };

    db_query(g->app->db, &TAKEN, params, 2, call_budget_ms(g->call), on_taken, g);
}

/* --- Idempotency-Key -----------------------------------------------------------------
 */

static void hash_request(struct registration *g)
{
    const struct frame *f = &g->call->frame;

    crypto_generichash(g->request_hash, sizeof(g->request_hash),
                       (const uint8_t *)f->body.p, f->body.n, g->app->request_key,
                       sizeof(g->app->request_key));
}

static void replay(struct registration *g, const struct db_result *r)
{
    uint8_t stored[REQUEST_HASH];
    struct str hex = db_text(r, 0, 0);

    if (!str_starts(hex, STR("\\x")) ||
        !hex_decode((struct str){ hex.p + 2, hex.n - 2 }, stored, sizeof(stored)) ||
        sodium_memcmp(stored, g->request_hash, sizeof(stored)) != 0)
        return call_fail(g->call, ERR_IDEMPOTENCY_MISMATCH);
    call_reply(g->call, (int)db_int(r, 0, 1), db_text(r, 0, 2));
}

static void on_stored(void *arg, const struct db_result *r)
{
    struct registration *g = arg;

    if (r->status != DB_OK)
        return call_fail(g->call, db_err(&STORED, r));
    if (r->rows > 0)
        return replay(g, r);
    if (g->conflict)
        return call_fail_field(g->call, g->conflict_field, g->conflict_message);
    ask_taken(g);
}

static void ask_stored(struct registration *g)
{
    int64_t day_us = (int64_t)IDEMPOTENCY_HOURS * 3600 * 1000000;
    struct str params[] = {
        str_of(g->call->method->name),
        g->key,
        auth_time_param(g->call, clock_wall_us() - day_us),
    };

    db_query(g->app->db, &STORED, params, 3, call_budget_ms(g->call), on_stored, g);
}

/* False: not a key. */
static bool take_key(struct registration *g)
{
    struct str key = call_record(g->call, REC_IDEMPOTENCY_KEY);

    if (key.n > KEY_MAX || utf8_check(key) < key.n || (key.n && memchr(key.p, 0, key.n)))
        return false;
    if (key.n > 0) {
        g->key = key;
        hash_request(g);
    }
    return true;
}

/* --- the body ------------------------------------------------------------------------
 */

static struct str text_of(const struct call *c, const char *field)
{
    const struct value *v = values_get(&c->body, field);

    return v->kind == VALUE_STR && v->s.p ? v->s : STR("");
}

static void check_password(struct registration *g)
{
    struct call *c = g->call;

    g->npassword_problems = auth_password_problems(
        &g->app->policy, g->password, g->username, g->email, g->password_problems);
    if (values_has(&c->body, "password2") &&
        !str_eq(text_of(c, "password2"), g->password))
        g->password2_problem = "The two password fields didn't match.";
}

static void read_body(struct registration *g)
{
    struct call *c = g->call;
    struct str given = text_of(c, "username");
    const char *name = auth_username(&c->arena, given, &g->username_problem);

    g->username = name ? str_of(name) : given;
    g->username_key = str_of(auth_fold(&c->arena, g->username));
    g->email = text_of(c, "email");
    g->email_key = g->email.n ? str_of(auth_email_key(&c->arena, g->email)) : db_null();
    g->password = text_of(c, "password");
    check_password(g);
}

void auth_register(struct call *c)
{
    if (!call_body(c, SCHEMA_FULL))
        return;
    struct registration *g = arena_alloc(&c->arena, sizeof(*g));

    g->call = c;
    g->app = c->app;
    if (!take_key(g))
        return call_fail(c, ERR_BAD_REQUEST);
    read_body(g);
    if (g->key.p)
        return ask_stored(g);
    ask_taken(g);
}
