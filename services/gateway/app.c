#include "gateway/app.h"

#include "base/clock.h"
#include "base/mem.h"
#include "gateway/redis.h"
#include "svc/exit.h"
#include "svc/log.h"

/* Room for a token of 4 KiB, a target of 2 KiB and the rest of a head; the library zeroes
 * all of it after every request, so more would be paid for each time. */
enum { CONNECTION_MEMORY = 16 * 1024 };

/* A client that is connected and silent when the port closes may be about to ask. */
enum { LINGER_MS = 1000 };

/* How long the port of a gateway that starts stays closed without its peers. */
enum { MEET_MS = 3000, MEET_LOOK_MS = 5 };

/* ---- start ---- */

static bool open_clients(struct gateway_app *app)
{
    app->auth = svc_client(app->svc, "auth", app->cfg->auth_endpoint);
    app->catalog = svc_client(app->svc, "catalog", app->cfg->catalog_endpoint);
    return app->auth && app->catalog;
}

static bool open_redis(struct gateway_app *app)
{
    const char *why = NULL;
    const struct secret *url = app->cfg->redis_url;
    if (!url || secret_expose(url).n == 0)
        return true;
    app->redis = redis_open(app->svc->loop, url, LIMITER_SCRIPT, &why);
    if (!app->redis)
        log_error("config", "REDIS_URL cannot be used", F_STR("reason", why));
    return app->redis != NULL;
}

static bool open_limiter(struct gateway_app *app)
{
    app->proxies = proxies_new(app->svc->loop, app->cfg->trusted_proxies);
    if (!app->proxies || !open_redis(app))
        return false;
    app->limiter = limiter_new(&(struct limiter_config){
        .settings = app->cfg, .contract = app->svc->contract, .redis = app->redis });
    return app->limiter != NULL;
}

static void on_ring(void *arg, const char *version)
{
    const struct gateway_app *app = arg;
    gateway_keyring_expect(app->keyring, version);
}

static bool open_parts(struct gateway_app *app)
{
    struct svc *svc = app->svc;
    if (!open_limiter(app))
        return false;
    app->keyring = gateway_keyring_new(
        &(struct gateway_keyring_config){ .settings = app->cfg,
                                          .loop = svc->loop,
                                          .contract = svc->contract,
                                          .auth = app->auth,
                                          .settled = gateway_keys_settled,
                                          .arg = app });
    if (!app->keyring)
        return false;
    app->revocations = gateway_revocations_new(
        &(struct gateway_revocations_config){ .svc = svc,
                                              .settings = app->cfg,
                                              .auth = app->auth,
                                              .ring = on_ring,
                                              .arg = app });
    app->health =
        gateway_health_new(&(struct gateway_health_config){ .loop = svc->loop,
                                                            .contract = svc->contract,
                                                            .auth = app->auth,
                                                            .catalog = app->catalog,
                                                            .redis = app->redis });
    return app->health != NULL;
}

static void choose_headers(struct gateway_app *app)
{
    static const struct http_header_line SECURITY[] = {
        { "X-Content-Type-Options", "nosniff" },
        { "Referrer-Policy", "same-origin" },
        { "Cross-Origin-Opener-Policy", "same-origin" },
    };
    /* Browsers heed it over https only; behind a proxy that is not seen from here. */
    static const struct http_header_line HSTS = { "Strict-Transport-Security",
                                                  "max-age=31536000" };
    const char *public_url = gateway_hosts_public(app->hosts);
    unsigned n = ARRAY_LEN(SECURITY);
    memcpy(app->security, SECURITY, sizeof SECURITY);
    if (str_starts(str_of(public_url), STR("https://")))
        app->security[n++] = HSTS;
    memcpy(app->refusal, app->security, sizeof app->security);
    app->refusal[n++] =
        (struct http_header_line){ "Content-Security-Policy", GATEWAY_NO_FRAMES };
    app->refusal[n++] = (struct http_header_line){ "Cache-Control", "no-store" };
}

static bool open_listener(struct gateway_app *app)
{
    AUTO_FREE char *why = NULL;
    const struct gateway_config *cfg = app->cfg;
    app->http =
        http_start(&(struct http_config){ .listen = cfg->http_listen,
                                          .connection_memory = CONNECTION_MEMORY,
                                          .connection_limit = (unsigned)cfg->connections,
                                          .body_max = (size_t)cfg->body_max,
                                          .header_timeout_s = (int)cfg->header_timeout_s,
                                          .body_timeout_s = (int)cfg->body_timeout_s,
                                          .answer_timeout_s = (int)cfg->answer_timeout_s,
                                          .idle_timeout_s = (int)cfg->idle_timeout_s,
                                          .thread_name = "http",
                                          .refusal_headers = app->refusal },
                   gateway_serve, gateway_refused, app, &why);
    if (app->http) {
        log_info("http", "listening", F_STR("address", http_address(app->http)));
        return true;
    }
    log_error("http", "cannot listen", F_STR("reason", why));
    return false;
}

/* What requests need: keys, auth, what was revoked; before the port opens catalog, too.
 */
static bool knows_enough(struct gateway_app *app, const char **ret_why)
{
    struct rpc_client_state auth, catalog;
    rpc_client_state(app->auth, &auth);
    rpc_client_state(app->catalog, &catalog);
    *ret_why = NULL;
    if (!gateway_keyring_present(app->keyring))
        *ret_why = "no token keys from auth yet";
    else if (auth.live == 0)
        *ret_why = "no auth replica answers";
    else if (app->meet_until_ms && catalog.live == 0)
        *ret_why = "no catalog replica answers yet";
    else
        return gateway_revocations_ready(app->revocations, ret_why);
    return false;
}

/* A balancer may send to a gateway that it has just found before it asks whether that one
 * is ready. A closed port makes it go elsewhere; a request that is answered 503 has
 * failed. After a while the port opens all the same: half of a service is better than
 * none. */
static void open_when_ready(void *arg)
{
    struct gateway_app *app = arg;
    const char *why;
    app->open_timer = NULL;
    if (!knows_enough(app, &why) && clock_mono_ms() < app->meet_until_ms) {
        app->open_timer =
            loop_timer(app->svc->loop, MEET_LOOK_MS, 0, open_when_ready, app);
        return;
    }
    app->meet_until_ms = 0;
    if (!open_listener(app))
        svc_exit(app->svc, EXIT_MISSING);
}

char *gateway_check(struct svc *svc)
{
    const struct gateway_config *cfg = svc->app_cfg;
    const char *why = cfg->algorithm == GATEWAY_HS256
                          ? token_hs256_mistake(cfg->django_secret_key)
                          : NULL;
    return why ? xstrdup(why) : NULL;
}

bool gateway_init(struct svc *svc)
{
    struct gateway_app *app = xcalloc(1, sizeof *app);
    struct str bad;
    app->svc = svc;
    app->cfg = svc->app_cfg;
    svc->app = app;
    svc->init_exit_code = EXIT_CONFIG; /* what fails below is a setting */
    app->meet_until_ms = clock_mono_ms() + MEET_MS;
    gateway_inbox_init(&app->inbox);
    app->metrics = gateway_metrics_new(svc->contract);
    app->hosts = gateway_hosts_new(app->cfg->public_url, app->cfg->allowed_hosts);
    app->cors = gateway_cors_new(app->cfg->cors_origins, &bad);
    if (!app->hosts || !app->cors)
        return false; /* config.c has looked at both before */
    choose_headers(app);
    app->docs = gateway_docs_new(svc->contract, app->cfg->public_url);
    if (!open_clients(app) || !open_parts(app))
        return false;
    open_when_ready(app);
    return true;
}

/* ---- state ---- */

bool gateway_ready(struct svc *svc, const char **ret_why)
{
    struct gateway_app *app = svc->app;
    if (knows_enough(app, ret_why) && !app->http)
        *ret_why = "the port is about to open";
    return !*ret_why;
}

void gateway_beat(struct svc *svc, struct jsonw *w)
{
    const struct gateway_app *app = svc->app;
    struct rpc_client_state auth, catalog;
    rpc_client_state(app->auth, &auth);
    rpc_client_state(app->catalog, &catalog);
    jw_kint(w, "http_in_flight", app->http ? http_in_flight(app->http) : 0);
    jw_kint(w, "auth_live", auth.live);
    jw_kint(w, "catalog_live", catalog.live);
    if (app->redis)
        jw_kbool(w, "redis_up", redis_up(app->redis));
    gateway_revocations_beat(app->revocations, w);
}

/* ---- stop ---- */

static void stop_listening(void *arg)
{
    struct gateway_app *app = arg;
    app->drain_timer = NULL;
    if (app->http)
        http_drain(app->http);
    app->quiesced = true;
    app->linger_until_ms = loop_now_ms(app->svc->loop) + LINGER_MS;
}

/* Load balancers learn from /readyz and are served on for the delay; each answer asks its
 * client to leave. */
void gateway_drain(struct svc *svc)
{
    struct gateway_app *app = svc->app;
    loop_timer_cancel(&app->open_timer);
    if (app->http)
        http_leave(app->http);
    app->drain_timer =
        loop_timer(svc->loop, svc->cfg.drain_delay_ms, 0, stop_listening, app);
}

bool gateway_busy(struct svc *svc)
{
    const struct gateway_app *app = svc->app;
    if (!app->quiesced)
        return true;
    if (!app->http)
        return false;
    if (http_in_flight(app->http) > 0)
        return true;
    return http_connections(app->http) > 0 &&
           loop_now_ms(svc->loop) < app->linger_until_ms;
}

static void refuse_list(struct gateway_request *list)
{
    for (struct gateway_request *rq = list, *next; rq; rq = next) {
        next = rq->next;
        gateway_reply_error(rq, ERR_DRAINING, NULL);
    }
}

/* Every suspended request gets its answer before the listener stops. */
static void answer_everybody(struct gateway_app *app)
{
    app->closing = true;
    redis_close(&app->redis);
    refuse_list(gateway_inbox_close(&app->inbox));
    refuse_list(app->waiting);
    app->waiting = NULL;
    if (app->revocations)
        gateway_revocations_close(app->revocations);
    if (app->auth)
        rpc_client_free(&app->auth);
    if (app->catalog)
        rpc_client_free(&app->catalog);
    if (app->health)
        gateway_health_close(app->health);
}

void gateway_deinit(struct svc *svc)
{
    struct gateway_app *app = svc->app;
    loop_timer_cancel(&app->drain_timer);
    loop_timer_cancel(&app->open_timer);
    answer_everybody(app);
    http_stop(&app->http);
    gateway_docs_free(&app->docs);
    gateway_health_free(&app->health);
    limiter_free(&app->limiter);
    proxies_free(&app->proxies);
    gateway_revocations_free(&app->revocations);
    gateway_keyring_free(&app->keyring);
    gateway_cors_free(&app->cors);
    gateway_hosts_free(&app->hosts);
    gateway_metrics_free(&app->metrics);
    gateway_inbox_deinit(&app->inbox);
    free(app);
    svc->app = NULL;
}
