/*
 * Signing in with an account of auth, looking who one is, signing out. The tokens that
 * auth answers are read and dropped: what is kept is who it was and which session of the
 * account it is, and auth is asked about that again and again.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "monitor/app.h"
#include "monitor/audit.h"
#include "monitor/session_store.h"
#include "svc/log.h"

enum { SIGN_INS_MAX = 16, COOKIE_MAX = 512, CREDENTIAL_MAX = 4096, MINUTE_S = 60 };

/* ---- who am I ---- */

static void write_who(const struct api *a, const struct session *s, struct jsonw *w)
{
    const struct monitor_config *cfg = a->app->cfg;
    int64_t ends_ms = s ? access_ends_ms(a->app->access, s) - clock_mono_ms() : 0;
    jw_kbool(w, "signed_in", true);
    jw_kcstr(w, "name", s ? s->name : a->who.name);
    enum access_role role = s ? s->role : a->who.role;
    jw_kcstr(w, "role", role == ACCESS_ADMIN ? "admin" : "reader");
    jw_kcstr(w, "via", s ? "session" : "basic");
    jw_kcstr(w, "csrf", s ? s->csrf : NULL);
    jw_kbool(w, "read_only", cfg->read_only);
    jw_kbool(w, "may_act", role == ACCESS_ADMIN && !cfg->read_only);
    api_ktime(w, "expires_at", s ? clock_wall_us() + ends_ms * 1000 : 0);
    jw_kcstr(w, "version", SVC_VERSION);
}

static void write_nobody(const struct api *a, struct jsonw *w)
{
    struct rpc_client_state auth;
    rpc_client_state(a->app->auth, &auth);
    jw_kbool(w, "signed_in", false);
    jw_kbool(w, "undecided", a->undecided);
    jw_kbool(w, "staff_read_only", a->app->cfg->staff_read_only);
    jw_kbool(w, "accounts", auth.live > 0);
    jw_kcstr(w, "first_admin", a->app->cfg->first_admin);
}

void handle_session_get(struct api *a)
{
    struct buf b;
    struct jsonw w;
    api_begin(&b, &w);
    if (a->who.role == ACCESS_NONE)
        write_nobody(a, &w);
    else
        write_who(a, access_by_serial(a->app->access, a->who.session, clock_mono_ms()),
                  &w);
    api_finish(a, &b, &w);
}

/* ---- sign in ---- */

struct claims {
    int64_t user_id;
    char username[ACCESS_NAME];
    enum access_role role;
    bool has_sid;
    uint8_t sid[16];
};

/* The claims of a token that auth itself has just handed over on an authenticated link:
 * there is nothing to verify, only to read. */
static bool read_claims(const char *token, struct claims *ret)
{
    struct str rest = str_of(token);
    str_cut(&rest, '.');
    struct str coded = str_cut(&rest, '.');
    AUTO_FREE char *plain = xmalloc(coded.n + 1);
    int n = b64url_decode(coded, plain);
    json_t *o = n > 0 ? json_loadb(plain, (size_t)n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *role = json_string_value(json_object_get(o, "role"));
    const char *name = json_string_value(json_object_get(o, "username"));
    const char *sid = json_string_value(json_object_get(o, "sid"));
    ret->user_id = json_integer_value(json_object_get(o, "user_id"));
    ret->role = role && strcmp(role, "ADMIN") == 0 ? ACCESS_ADMIN : ACCESS_READER;
    ret->has_sid = hex_decode(str_of(sid), ret->sid, sizeof ret->sid);
    snprintf(ret->username, sizeof ret->username, "%s", name ? name : "");
    json_decref(o);
    return ret->user_id > 0 && ret->username[0];
}

static bool reached_by_https(const struct api *a)
{
    static const struct str HTTPS = { "https://", 8 };
    return a->from.https || str_starts(http_header(a->http, "Origin"), HTTPS);
}

static void set_cookie(struct api *a, const char *value, int64_t max_age_s)
{
    bool https = reached_by_https(a);
    const char *prefix = a->app->cfg->url_prefix;
    const char *name = access_cookie_name(https, prefix);
    a->set_cookie = arena_printf(
        &a->arena, "%s=%s; Path=%s; HttpOnly; SameSite=Strict; Max-Age=%lld%s", name,
        value, *prefix ? prefix : "/", (long long)max_age_s, https ? "; Secure" : "");
}

static void count_no_guess(struct api *a)
{
    access_right(a->app->access, ACCESS_BY_SIGN_IN, a->from.text, clock_mono_ms());
}

static void open_session(struct api *a, const struct claims *c)
{
    struct monitor_app *app = a->app;
    char token[SESSION_TEXT];
    struct session *s =
        access_open(app->access, c->username, c->user_id, c->has_sid ? c->sid : NULL,
                    c->role, clock_mono_ms(), token);
    struct buf b;
    struct jsonw w;
    count_no_guess(a);
    session_store_tick(app->sessions); /* a restart right after this knows it too */
    set_cookie(a, token, app->cfg->session_max_s);
    explicit_bzero(token, sizeof token);
    audit_note(app, c->username, "session", a->from.text, "session.start", "done",
               "Signed in.");
    log_info("access", "signed in", F_INT("user_id", c->user_id),
             F_STR("client", a->from.text));
    api_begin(&b, &w);
    write_who(a, s, &w);
    api_finish(a, &b, &w);
}

/* What was typed as a name is not kept: it may be a password. Auth's trail has whose
 * account it was, if anybody's. */
static void on_refused(struct api *a, enum err e, const struct frame *reply)
{
    if (err_info(e)->status >= 500) /* it says nothing about the password */
        count_no_guess(a);
    log_info("access", "sign-in refused", F_STR("code", err_info(e)->code),
             F_STR("client", a->from.text));
    audit_note(a->app, "", "session", a->from.text, "session.refused", "failed",
               err_info(e)->detail);
    api_fail_reply(a, "auth", e, reply);
}

/* The right password of an account that may not come in: this name is known. It counts as
 * a guess, or such an account could fill the audit. */
static void refuse_account(struct api *a, const struct claims *c)
{
    static const char WHY[] =
        "The password is right, but only administrators may come in.";
    log_info("access", "sign-in refused: no administrator", F_INT("user_id", c->user_id),
             F_STR("client", a->from.text));
    audit_note(a->app, c->username, "session", a->from.text, "session.refused", "failed",
               WHY);
    api_fail(a, ERR_PERMISSION_DENIED, WHY);
}

static void on_login(struct api *a, enum err e, const struct frame *reply)
{
    struct claims claims = { 0 };
    a->app->sign_ins--;
    if (e != ERR_OK) {
        on_refused(a, e, reply);
        return;
    }
    json_t *o = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    const char *token = json_string_value(json_object_get(o, "access"));
    bool read = token && read_claims(token, &claims);
    json_decref(o);
    if (!read)
        api_fail(a, ERR_INTERNAL, "auth answered without a token that can be read.");
    else if (claims.role != ACCESS_ADMIN && !a->app->cfg->staff_read_only)
        refuse_account(a, &claims);
    else
        open_session(a, &claims);
}

static bool write_login(struct api *a, struct buf *out)
{
    static const char *const KNOWN[] = { "username", "password", NULL };
    struct jsonw w;
    if (!api_body(a) || !api_only(a, KNOWN))
        return false;
    for (size_t i = 0; KNOWN[i]; i++) {
        const char *text = api_text(a, KNOWN[i]);
        if (text && strlen(text) <= CREDENTIAL_MAX)
            continue;
        api_fail_field(a, KNOWN[i],
                       text ? "This is too long." : "This field is required.", -1);
        return false;
    }
    jw_begin(&w, out);
    jw_object(&w);
    jw_kcstr(&w, "username", api_text(a, "username"));
    jw_kcstr(&w, "password", api_text(a, "password"));
    jw_object_end(&w);
    jw_end(&w);
    return true;
}

void handle_session_start(struct api *a)
{
    struct monitor_app *app = a->app;
    AUTO_BUF struct buf body;
    buf_init(&body, 64 * 1024); /* escaped, a byte may become six */
    if (app->sign_ins >= SIGN_INS_MAX) {
        api_fail(a, ERR_OVERLOADED, NULL);
        return;
    }
    if (!write_login(a, &body))
        return;
    if (!access_try(app->access, ACCESS_BY_SIGN_IN, a->from.text, clock_mono_ms())) {
        a->retry_after_s = MINUTE_S;
        api_fail(a, ERR_THROTTLED, NULL);
        return;
    }
    app->sign_ins++;
    /* Not as an actor: nobody is one yet; but auth counts failures by address. */
    api_call(a, app->auth, "auth.login", buf_get(&body), false, on_login);
    explicit_bzero(body.p, body.n);
}

/* ---- sign out ---- */

static void on_logout(struct api *a, enum err e, const struct frame *reply)
{
    (void)e, (void)reply; /* here the session has ended whatever auth says */
    set_cookie(a, "", 0);
    api_reply(a, 204, STR(""));
}

void handle_session_end(struct api *a)
{
    struct access *access = a->app->access;
    uint64_t serial = a->who.session;
    if (serial == 0) {
        api_fail(a, ERR_NOT_FOUND, "Basic authorization has no session to end.");
        return;
    }
    api_call(a, a->app->auth, "auth.logout", STR("{}"), true, on_logout);
    struct session *s = access_by_serial(access, serial, clock_mono_ms());
    if (s)
        access_end(access, s);
    audit_note(a->app, a->who.name, "session", a->from.text, "session.end", "done",
               "Signed out.");
}

/* ---- are they still who they were ---- */

struct check {
    struct monitor_app *app;
    uint64_t serial;
};

static void apply_role(struct monitor_app *app, struct session *s,
                       const struct frame *reply)
{
    json_t *o = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    const char *role = json_string_value(json_object_get(o, "role"));
    s->role = role && strcmp(role, "ADMIN") == 0 ? ACCESS_ADMIN : ACCESS_READER;
    json_decref(o);
    s->checked_ms = clock_mono_ms();
    if (s->role == ACCESS_ADMIN || app->cfg->staff_read_only)
        return;
    log_info("access", "session ended: no administrator any more",
             F_INT("user_id", s->user_id));
    access_end(app->access, s);
}

static void on_check(void *arg, enum err e, const struct frame *reply)
{
    struct check *c = arg;
    struct session *s = access_by_serial(c->app->access, c->serial, clock_mono_ms());
    if (s) {
        s->checking = false;
        if (e == ERR_OK) {
            apply_role(c->app, s, reply);
        } else if (err_info(e)->status == 401) {
            log_info("access", "session ended by auth", F_STR("code", err_info(e)->code),
                     F_INT("user_id", s->user_id));
            access_end(c->app->access, s);
        } /* else: auth is away; the session goes stale by itself */
    }
    free(c);
}

static void check_session(void *arg, struct session *s)
{
    struct monitor_app *app = arg;
    const struct contract_method *m = contract_by_name(app->svc->contract, "auth.me");
    struct frame req = { .method = m->number,
                         .actor_id = s->user_id,
                         .actor_role = s->role == ACCESS_ADMIN ? ROLE_ADMIN : ROLE_USER };
    struct check *c = xcalloc(1, sizeof *c);
    struct buf meta;
    c->app = app;
    c->serial = s->serial;
    buf_init(&meta, FRAME_META_MAX);
    record_add(&meta, REC_ACTOR_NAME, str_of(s->name));
    if (s->has_sid)
        record_add(&meta, REC_SESSION_ID,
                   (struct str){ (const char *)s->sid, sizeof s->sid });
    req.meta = buf_get(&meta);
    id_uuid7(req.request_id);
    rpc_call(app->auth, &req, m->timeout_ms, true, on_check, c);
    buf_deinit(&meta);
}

void monitor_sessions_tick(struct monitor_app *app)
{
    access_tick(app->access, clock_mono_ms(), check_session, app);
    session_store_tick(app->sessions);
}
