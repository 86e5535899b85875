#include "auth/lockout.h"

#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/identity.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "svc/address.h"
#include "svc/log.h"

enum {
    IDENTITY_BYTES = 16,
    WIDE_DELAY_S = 1,  /* first delay of all networks */
    OVER_S = 30,       /* no comparison takes longer: a login has 10 s */
    WAIT_MS = 30,      /* first look again; doubled up to */
    WAIT_MAX_MS = 480, /* this */
    WAITS_MAX = 10,    /* 3 s in all */
    SETTLE_TIMEOUT_MS = 2000,
    PRUNE_MS = 60 * 1000,
    PRUNE_TIMEOUT_MS = 5000,
    PRUNE_BATCH = 1000,
};

static const struct db_stmt RESERVE = { "login_reserve", DB_WRITE };
static const struct db_stmt FAILED = { "login_failed", DB_WRITE };
static const struct db_stmt RELEASE = { "login_release", DB_WRITE };
static const struct db_stmt PRUNE = { "login_guard_prune", DB_WRITE };

struct auth_lockout {
    struct auth_app *app;
    struct loop_timer *prune;
    bool pruning; /* a batch is under way */
};

/* --- networks and names --------------------------------------------------------------
 */

const char *auth_network(struct str address, char out[static AUTH_NETWORK_TEXT])
{
    char text[ADDRESS_TEXT];
    struct address a;

    snprintf(out, AUTH_NETWORK_TEXT, "none");
    if (!address_parse(address, &a))
        return out;
    bool v4 = address_is_v4(&a);
    a = address_client(&a);
    if (v4)
        a.b[15] = 0;
    snprintf(out, AUTH_NETWORK_TEXT, "%s/%d", address_text(&a, text), v4 ? 24 : 64);
    return out;
}

/* People type passwords where the name belongs: a keyed hash is kept. */
struct str auth_identity(struct arena *a, const uint8_t key[static AUTH_IDENTITY_KEY],
                         struct str username)
{
    struct str folded = str_of(auth_fold(a, username));
    uint8_t hash[IDENTITY_BYTES];

    crypto_generichash(hash, sizeof(hash), (const uint8_t *)folded.p, folded.n, key,
                       AUTH_IDENTITY_KEY);
    return db_bytes_param(a, hash, sizeof(hash));
}

bool auth_identity_once(struct svc *svc, struct str username, struct arena *a,
                        struct str *ret)
{
    uint8_t key[AUTH_IDENTITY_KEY];

    if (sodium_init() < 0 || !svc_open_keys(svc))
        return false;
    bool ok = auth_identity_key(svc->keys, key);
    if (utf8_check(username) != username.n)
        username = STR("");
    if (ok)
        *ret = auth_identity(a, key, username);
    sodium_memzero(key, sizeof(key));
    keys_close(&svc->keys);
    return ok;
}

void auth_attempt_init(struct auth_attempt *a, struct call *c, struct str username)
{
    char network[AUTH_NETWORK_TEXT];

    *a = (struct auth_attempt){ .call = c, .app = c->app, .username = username };
    a->identity = auth_identity(&c->arena, a->app->identity_key, username);
    a->network = arena_dup(&c->arena, str_of(auth_network(auth_client(c), network)));
}

/* --- taking an attempt ---------------------------------------------------------------
 */

static struct str limit_param(struct call *c, int64_t limit)
{
    return auth_int_param(c, limit > 0 ? limit : INT_MAX); /* 0: without a limit */
}

static void answer(struct auth_attempt *a, enum attempt_verdict verdict)
{
    a->verdict = verdict;
    a->fn(a->arg, a);
}

static void ask(struct auth_attempt *a);

static void on_wait(void *arg)
{
    struct auth_attempt *a = arg;

    if (!call_gone(a->call))
        return ask(a);
    a->err = ERR_DEADLINE;
    answer(a, ATTEMPT_NOT_NOW);
}

/* As many comparisons as may be are under way. How they end decides: look again. */
static void wait(struct auth_attempt *a)
{
    int64_t ms = WAIT_MS << (a->waits < 4 ? a->waits : 4);
    uint32_t jitter;

    if (a->waits++ >= WAITS_MAX) {
        a->retry_s = 1;
        return answer(a, ATTEMPT_LOCKED);
    }
    id_random(&jitter, sizeof(jitter));
    ms = (ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS) * (75 + jitter % 50) / 100;
    loop_timer(a->app->svc->loop, ms, 0, on_wait, a);
}

static void read_user(struct auth_attempt *a, const struct db_result *r)
{
    a->user_id = db_int(r, 0, 4);
    if (a->user_id)
        a->hash = arena_str(&a->call->arena, db_text(r, 0, 5));
    a->is_active = db_bool(r, 0, 6);
    a->is_verified = db_bool(r, 0, 7);
}

static void on_reserved(void *arg, const struct db_result *r)
{
    struct auth_attempt *a = arg;

    if (r->status != DB_OK || r->rows == 0) {
        a->err = r->status == DB_OK ? ERR_INTERNAL : db_err(&RESERVE, r);
        if (a->err == ERR_OUTCOME_UNKNOWN) /* an attempt may be lost; a login is not */
            a->err = ERR_UNAVAILABLE;
        return answer(a, ATTEMPT_NOT_NOW);
    }
    bool pair = db_bool(r, 0, 0), known = db_bool(r, 0, 2);
    a->whole = db_bool(r, 0, 1);
    if (pair && (a->whole || known)) {
        read_user(a, r);
        return answer(a, ATTEMPT_MAY);
    }
    if (pair)
        auth_attempt_release(a);
    a->retry_s = (uint32_t)db_int(r, 0, 3);
    if (a->retry_s)
        return answer(a, ATTEMPT_LOCKED);
    wait(a);
}

static void ask(struct auth_attempt *a)
{
    const struct auth_config *cfg = a->app->cfg;
    struct call *c = a->call;
    int64_t now = clock_wall_us(), s = 1000000;
    struct str params[] = {
        a->username,
        a->identity,
        a->network,
        auth_time_param(c, now),
        limit_param(c, cfg->lockout_failures),
        limit_param(c, cfg->lockout_failures ? cfg->lockout_wide_failures : 0),
        auth_time_param(c, now + cfg->lockout_window_s * s),
        auth_time_param(c, now - cfg->lockout_known_days * AUTH_DAY_S * s),
        auth_time_param(c, now - OVER_S * s),
    };

    db_query(a->app->db, &RESERVE, params, ARRAY_LEN(params), call_budget_ms(c),
             on_reserved, a);
}

void auth_attempt_reserve(struct auth_attempt *a, attempt_fn *fn, void *arg)
{
    a->fn = fn;
    a->arg = arg;
    a->waits = 0;
    ask(a);
}

/* --- how it ended --------------------------------------------------------------------
 */

static void on_failed(void *arg, const struct db_result *r)
{
    struct auth_attempt *a = arg;
    bool answered = r->status == DB_OK && r->rows > 0;

    for (int scope = 0; answered && scope < 2; scope++) {
        if (!db_bool(r, 0, scope))
            continue;
        metric_add(a->app->lockouts[scope], 1);
        log_warn("auth", scope == 0 ? "login_locked" : "login_delayed",
                 F_INT("user_id", a->user_id),
                 F_SLICE("network", scope == 0 ? a->network : STR("*")),
                 F_ID("request_id", a->call->frame.request_id));
    }
    a->fn(a->arg, a); /* a failure of the write was logged with the query */
}

void auth_attempt_failed(struct auth_attempt *a, attempt_fn *fn, void *arg)
{
    const struct auth_config *cfg = a->app->cfg;
    struct call *c = a->call;
    struct str params[] = {
        a->identity,
        a->network,
        a->whole ? STR("t") : STR("f"),
        auth_time_param(c, clock_wall_us()),
        limit_param(c, cfg->lockout_failures),
        auth_int_param(c, cfg->lockout_delay_s),
        auth_int_param(c, cfg->lockout_max_s),
        limit_param(c, cfg->lockout_failures ? cfg->lockout_wide_failures : 0),
        auth_int_param(c, WIDE_DELAY_S),
        auth_int_param(c, cfg->lockout_wide_max_s),
        auth_int_param(c, cfg->lockout_window_s),
        a->user_id ? auth_int_param(c, a->user_id) : db_null(),
        auth_client(c),
        auth_request_id(c),
    };

    a->fn = fn;
    a->arg = arg;
    db_query(a->app->db, &FAILED, params, ARRAY_LEN(params), SETTLE_TIMEOUT_MS, on_failed,
             a);
}

static void on_done(void *arg, const struct db_result *r)
{
    (void)arg, (void)r; /* a failure was logged with the query */
}

void auth_attempt_release(struct auth_attempt *a)
{
    struct str params[] = { a->identity, a->network, a->whole ? STR("t") : STR("f") };

    db_query(a->app->db, &RELEASE, params, ARRAY_LEN(params), SETTLE_TIMEOUT_MS, on_done,
             NULL);
}

/* --- retention -----------------------------------------------------------------------
 */

static void prune(void *arg);

static void on_pruned(void *arg, const struct db_result *r)
{
    struct auth_lockout *l = arg;

    l->pruning = false;
    if (r->status == DB_OK && db_int(r, 0, 0) >= PRUNE_BATCH)
        prune(l);
}

static void prune(void *arg)
{
    struct auth_lockout *l = arg;
    char now[CLOCK_TEXT_SIZE], strangers[CLOCK_TEXT_SIZE];
    int64_t us = clock_wall_us(), known_s = l->app->cfg->lockout_known_days * AUTH_DAY_S;
    struct str params[] = {
        str_of(clock_text(us, now)),
        str_of(clock_text(us - known_s * 1000000, strangers)),
    };

    if (l->pruning)
        return; /* the round before is not through */
    l->pruning = true;
    db_query(l->app->db, &PRUNE, params, ARRAY_LEN(params), PRUNE_TIMEOUT_MS, on_pruned,
             l);
}

struct auth_lockout *auth_lockout_start(struct auth_app *app)
{
    struct auth_lockout *l = xcalloc(1, sizeof(*l));

    l->app = app;
    l->prune = loop_timer(app->svc->loop, PRUNE_MS, PRUNE_MS, prune, l);
    app->lockouts[0] =
        metric_counter("auth_lockouts_total", "Locks that began", "scope=\"network\"");
    app->lockouts[1] =
        metric_counter("auth_lockouts_total", "Locks that began", "scope=\"identity\"");
    return l;
}

void auth_lockout_stop(struct auth_lockout **l)
{
    if (!*l)
        return;
    loop_timer_cancel(&(*l)->prune);
    free(*l);
    *l = NULL;
}
