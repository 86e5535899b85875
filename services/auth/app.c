#include "auth/app.h"
#include "auth/link_request.h"
#include "auth/lockout.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "svc/exit.h"
#include "svc/log.h"

enum {
    IDS_AHEAD = 32,
    PRUNE_MS = 60 * 1000,
    PRUNE_TIMEOUT_MS = 5000,
    PRUNE_BATCH = 1000,
    LATE_S = 120, /* clocks apart, and a signature under way during the revocation */
    IDEMPOTENCY_S = AUTH_DAY_S,
    USER_AGENT_MAX = 256,
    CLIENT_MAX = 64,
};

extern const struct embed_file embed_svc_sql[];
const struct embed_file *const AUTH_SQL[] = { embed_auth_sql, embed_svc_sql, NULL };

static const struct db_stmt USER_IDS = { "user_ids", DB_WRITE };
static const struct db_stmt PRUNE = { "prune", DB_WRITE };

const struct rpc_handler AUTH_HANDLERS[] = {
    { "auth.register", auth_register },
    { "auth.login", auth_login },
    { "auth.refresh", auth_refresh },
    { "auth.verify_email", auth_verify_email },
    { "auth.verify_email_page", auth_verify_email_page },
    { "auth.forgot_password", auth_forgot_password },
    { "auth.reset_password", auth_reset_password },
    { "auth.reset_password_page", auth_reset_password_page },
    { "auth.resend_verification", auth_resend_verification },
    { "auth.me", auth_me },
    { "auth.logout", auth_logout },
    { "auth.revocations", auth_revocations },
    { "auth.logout_all", auth_logout_all },
    { "auth.jwks", auth_jwks },
    { "auth.events.pull", auth_events_pull },
    { "auth.events.status", auth_events_status },
    { "auth.mail.expected", auth_mail_expected },
    { "auth.users.resend_verification", auth_users_resend_verification },
    { "auth.users.correct_email", auth_users_correct_email },
    { 0 },
};

/* --- life ----------------------------------------------------------------------------
 */

static bool read_mailer_seal(struct keys *keys, uint8_t out[static AUTH_SEAL_KEY])
{
    size_t n = 0;
    AUTO_FREE char *text = keys_public_file(keys, "mailer.seal.pub", &n);
    struct str hex = str_trim((struct str){ text, text ? n : 0 });

    if (hex_decode(hex, out, AUTH_SEAL_KEY))
        return true;
    log_error("auth", "public_key_missing", F_STR("file", "mailer.seal.pub"));
    return false;
}

static bool derive_key(struct keys *keys, struct str purpose, uint8_t *out, size_t n)
{
    uint8_t master[AUTH_MASTER_KEY];

    if (!auth_master_key(keys, master))
        return false;
    crypto_generichash(out, n, (const uint8_t *)purpose.p, purpose.n, master,
                       sizeof(master));
    sodium_memzero(master, sizeof(master));
    return true;
}

bool auth_identity_key(struct keys *keys, uint8_t out[static AUTH_IDENTITY_KEY])
{
    return derive_key(keys, STR("quintet auth identity"), out, AUTH_IDENTITY_KEY);
}

/* A stored request hash covers a password, and a name that was tried may be one: keyed,
 * so that no table is an oracle. */
static bool derive_keys(struct auth_app *app)
{
    struct keys *keys = app->svc->keys;

    return derive_key(keys, STR("quintet auth idempotency"), app->request_key,
                      sizeof(app->request_key)) &&
           auth_identity_key(keys, app->identity_key);
}

char *auth_check(struct svc *svc)
{
    const struct auth_config *cfg = svc->app_cfg;
    uint8_t master[AUTH_MASTER_KEY], seal[AUTH_SEAL_KEY];
    const char *why = NULL;

    if (cfg->jwt_algorithm == AUTH_HS256)
        why = token_hs256_mistake(cfg->django_secret_key);
    if (!why && (sodium_init() < 0 || !auth_master_key(svc->keys, master)))
        why = "master.key in KEYS_DIR cannot be used";
    if (!why && !read_mailer_seal(svc->keys, seal))
        why = "mailer.seal.pub in KEYS_PUBLIC_DIR cannot be used";
    sodium_memzero(master, sizeof(master));
    return why ? xstrdup(why) : NULL;
}

static bool read_policy(struct auth_app *app)
{
    const struct auth_config *cfg = app->cfg;

    if (auth_policy_init(&app->policy, cfg->password_blocklist,
                         (unsigned)cfg->password_min_length))
        return true;
    log_error("auth", "blocklist_unreadable", F_STR("file", cfg->password_blocklist));
    return false;
}

static struct hash_pool *make_hash_pool(const struct auth_app *app)
{
    const struct auth_config *cfg = app->cfg;
    const struct hash_pool_config pool_cfg = {
        .cost = { .memory_bytes = (size_t)cfg->argon2_memory_kib * 1024,
                  .passes = (unsigned long long)cfg->argon2_passes },
        .threads = (unsigned)cfg->hash_threads,
        .queue = (unsigned)cfg->hash_queue,
        .min_bits = (unsigned)cfg->password_min_bits,
    };
    struct hash_pool *pool = hash_pool_new(app->svc->loop, &pool_cfg);

    if (!pool)
        log_error("auth", "hash_pool_failed",
                  F_INT("memory_kib", cfg->argon2_memory_kib));
    return pool;
}

static void prune(void *arg);

/* A failure is logged by the database library and tried again in a minute. */
static void on_pruned(void *arg, const struct db_result *r)
{
    struct auth_app *app = arg;

    app->pruning = false;
    if (r->status == DB_OK && db_int(r, 0, 0) >= PRUNE_BATCH)
        prune(app);
}

static void prune(void *arg)
{
    struct auth_app *app = arg;
    char now[CLOCK_TEXT_SIZE], old[CLOCK_TEXT_SIZE], revoked[CLOCK_TEXT_SIZE];
    char trail[CLOCK_TEXT_SIZE];
    int64_t us = clock_wall_us(), audit_s = app->cfg->audit_days * AUTH_DAY_S;
    struct str params[] = {
        str_of(clock_text(us, now)),
        str_of(clock_text(us - (int64_t)IDEMPOTENCY_S * 1000000, old)),
        str_of(clock_text(us - auth_revocation_keep_us(app), revoked)),
        str_of(clock_text(us - audit_s * 1000000, trail)),
    };

    if (app->pruning)
        return; /* the round before is not through */
    app->pruning = true;
    db_query(app->db, &PRUNE, params, ARRAY_LEN(params), PRUNE_TIMEOUT_MS, on_pruned,
             app);
}

/* Gateways fetch the keys when the name of the ring is another one. */
static void on_ring_changed(void *arg)
{
    struct auth_app *app = arg;

    event_publisher_note(app->events, auth_signing_version(app->signing));
}

bool auth_init(struct svc *svc)
{
    struct auth_app *app = xcalloc(1, sizeof(*app));

    svc->app = app;
    app->svc = svc;
    app->cfg = svc->app_cfg;
    app->db = svc->db;
    svc->init_exit_code = EXIT_CONFIG; /* no restart helps against these */
    if (sodium_init() < 0 || !read_mailer_seal(svc->keys, app->mailer_seal) ||
        !derive_keys(app) || !read_policy(app))
        return false;
    app->user_ids = db_ids_new(app->db, &USER_IDS, IDS_AHEAD);
    app->hashes = make_hash_pool(app);
    app->signing = app->hashes ? auth_signing_start(svc, app->cfg) : NULL;
    if (!app->signing)
        return false;
    svc->init_exit_code = EXIT_MISSING;
    app->events = event_publisher_start(svc, "user", app->cfg->events_listen);
    if (app->events)
        auth_signing_on_change(app->signing, on_ring_changed, app);
    app->link_requests = auth_link_requests_start(app);
    app->lockout = auth_lockout_start(app);
    app->prune = loop_timer(svc->loop, PRUNE_MS, PRUNE_MS, prune, app);
    return app->events != NULL;
}

void auth_deinit(struct svc *svc)
{
    struct auth_app *app = svc->app;

    loop_timer_cancel(&app->prune);
    auth_lockout_stop(&app->lockout);
    auth_link_requests_stop(&app->link_requests);
    event_publisher_stop(&app->events);
    auth_signing_stop(&app->signing);
    hash_pool_free(&app->hashes);
    if (app->user_ids)
        db_ids_free(&app->user_ids);
    auth_policy_deinit(&app->policy);
    sodium_memzero(app->request_key, sizeof(app->request_key));
    sodium_memzero(app->identity_key, sizeof(app->identity_key));
    free(app);
    svc->app = NULL;
}

bool auth_ready(struct svc *svc, const char **ret_why)
{
    const struct auth_app *app = svc->app;

    if (auth_signing_ring(app->signing))
        return true;
    *ret_why = "no signing key was read yet";
    return false;
}

/* Events that nobody has numbered yet are picked up by any replica, and calls are waited
 * for by the library: only hashes under way are ours alone. */
bool auth_busy(struct svc *svc)
{
    const struct auth_app *app = svc->app;

    return hash_pool_depth(app->hashes) > 0;
}

void auth_beat(struct svc *svc, struct jsonw *w)
{
    const struct auth_app *app = svc->app;

    jw_kint(w, "hash_queue", hash_pool_depth(app->hashes));
    jw_kint(w, "event_head", event_publisher_head(app->events));
    jw_kint(w, "event_backlog", event_publisher_backlog(app->events));
}

/* --- what handlers share -------------------------------------------------------------
 */

void auth_reply_html(struct call *c, int status, struct str html)
{
    record_add(&c->meta, REC_CONTENT_TYPE, STR("text/html; charset=utf-8"));
    record_add(&c->meta, REC_CACHE_CONTROL, STR("no-store"));
    call_reply(c, status, html);
}

bool auth_takes_html(const struct call *c)
{
    struct str type;

    return record_get(c->frame.meta, REC_ACCEPT, 0, &type) &&
           str_eq(type, STR("text/html"));
}

int64_t auth_revocation_keep_us(const struct auth_app *app)
{
    return (app->cfg->access_s + LATE_S) * 1000000;
}

struct str auth_time_param(struct call *c, int64_t wall_us)
{
    return str_of(clock_text(wall_us, arena_alloc(&c->arena, CLOCK_TEXT_SIZE)));
}

struct str auth_int_param(struct call *c, int64_t v)
{
    return db_int_param(v, arena_alloc(&c->arena, DB_INT_TEXT));
}

struct str auth_uuid_param(struct call *c, const uint8_t id[static 16])
{
    return str_of(id_uuid_text(id, arena_alloc(&c->arena, ID_UUID_TEXT)));
}

/* An id of zeros is none. */
static struct str id_param(struct call *c, const uint8_t *id, size_t n)
{
    return sodium_is_zero(id, n) ? db_null() : db_bytes_param(&c->arena, id, n);
}

struct str auth_request_id(struct call *c)
{
    return id_param(c, c->frame.request_id, sizeof(c->frame.request_id));
}

struct str auth_trace_id(struct call *c)
{
    return id_param(c, c->frame.trace_id, sizeof(c->frame.trace_id));
}

struct str auth_span_id(struct call *c)
{
    return id_param(c, c->frame.span_id, sizeof(c->frame.span_id));
}

/* At most max bytes of a header, cut between characters; "" when it is not text. */
static struct str header_param(struct call *c, enum frame_record type, size_t max)
{
    struct str s = call_record(c, type);

    if (s.n == 0 || utf8_check(s) < s.n || memchr(s.p, '\0', s.n))
        return STR("");
    if (s.n > max) {
        s.n = max;
        s.n = utf8_check(s);
    }
    return s;
}

struct str auth_client(struct call *c)
{
    return header_param(c, REC_CLIENT_ADDRESS, CLIENT_MAX);
}

struct str auth_user_agent(struct call *c)
{
    return header_param(c, REC_USER_AGENT, USER_AGENT_MAX);
}
