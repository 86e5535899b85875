#include "monitor/app.h"

#include <string.h>

#include "base/clock.h"
#include "monitor/history.h"
#include "monitor/live.h"
#include "monitor/mail_kinds.h"
#include "monitor/pages.h"
#include "monitor/session_store.h"
#include "monitor/task_events.h"
#include "monitor/watch.h"
#include "svc/exit.h"
#include "svc/log.h"

const struct rpc_handler MONITOR_HANDLERS[] = { { NULL, NULL } };

static bool start_access(struct monitor_app *app)
{
    const struct monitor_config *cfg = app->cfg;
    const char *why;
    app->access = access_new(cfg->basic_auth, cfg->session_idle_s * 1000,
                             cfg->session_max_s * 1000, &why);
    if (!app->access)
        log_fatal("access", "MONITOR_BASIC_AUTH cannot be read", F_STR("why", why));
    return app->access != NULL;
}

static void on_change(void *arg, const struct change *c)
{
    struct monitor_app *app = arg;
    struct jsonw w;
    AUTO_BUF struct buf b;
    buf_init(&b, 4096);
    jw_begin(&w, &b);
    change_write(c, &w);
    jw_end(&w);
    live_say(app->live, "change", buf_get(&b));
    history_change(app->history, c);
}

static void on_slot(void *arg, const struct replica *r, int tier, int64_t start_s,
                    const struct figure_slot *slot)
{
    struct monitor_app *app = arg;
    history_keep(app->history, r, tier, start_s, slot);
}

/* The five are released together: what the monitor is, the others should be. */
static const char *expected_version(const char *setting)
{
    if (!setting)
        return SVC_VERSION;
    return strcmp(setting, "any") == 0 ? NULL : setting;
}

static bool start_http(struct monitor_app *app)
{
    char *why = NULL;
    const struct http_config cfg = {
        .listen = app->cfg->http_listen,
        .connection_memory = 16 * 1024,
        .connection_limit = (unsigned)(app->cfg->live_streams + 128),
        .body_max = 16 * 1024,
        .header_timeout_s = 10,
        .body_timeout_s = 10,
        .idle_timeout_s = 60,
        .thread_name = "http",
    };
    app->http = http_start(&cfg, monitor_handle_http, NULL, app, &why);
    if (!app->http)
        log_fatal("http", "the dashboard cannot listen", F_STR("why", why));
    free(why);
    return app->http != NULL;
}

bool monitor_init(struct svc *svc)
{
    struct monitor_app *app = xcalloc(1, sizeof *app);
    svc->app = app;
    app->svc = svc;
    app->cfg = svc->app_cfg;
    app->started_ms = clock_mono_ms();
    app->replicas.version = expected_version(app->cfg->expect_version);
    app->watch = watch_new(app);
    app->live = live_new(app);
    app->history = history_new(app);
    app->events = task_events_new();
    app->kinds = mail_kinds_new();
    app->replicas.keep = on_slot;
    app->replicas.arg = app;
    app->replicas.changes.heard = on_change;
    app->replicas.changes.arg = app;
    spans_init(&app->spans);
    if (!start_access(app)) {
        svc->init_exit_code = EXIT_CONFIG;
        return false;
    }
    app->sessions = session_store_new(app);
    app->pages = pages_new(app->cfg->url_prefix);
    app->proxies = proxies_new(svc->loop, app->cfg->trusted_proxies);
    app->mailer = svc_client(svc, "mailer", app->cfg->mailer_endpoint);
    app->auth = svc_client(svc, "auth", app->cfg->auth_endpoint);
    if (!app->proxies || !app->mailer || !app->auth || !monitor_intake_start(app) ||
        !start_http(app))
        return false;
    log_info("http", "the dashboard is served",
             F_STR("address", http_address(app->http)));
    return true;
}

void monitor_drain(struct svc *svc)
{
    struct monitor_app *app = svc->app;
    live_drain(app->live);
    history_drain(app->history);
    http_drain(app->http);
}

bool monitor_busy(struct svc *svc)
{
    const struct monitor_app *app = svc->app;
    return http_in_flight(app->http) > 0 || app->calls > 0 ||
           history_busy(app->history) || session_store_busy(app->sessions);
}

void monitor_deinit(struct svc *svc)
{
    struct monitor_app *app = svc->app;
    /* Clients first: they answer what they owe, so that no request stays suspended. */
    rpc_client_free(&app->mailer);
    rpc_client_free(&app->auth);
    live_free(&app->live);
    if (app->http)
        http_stop(&app->http);
    monitor_intake_stop(app);
    spans_deinit(&app->spans);
    replicas_deinit(&app->replicas);
    history_free(&app->history);
    json_decref(app->kinds);
    task_events_free(&app->events);
    watch_free(&app->watch);
    session_store_free(&app->sessions);
    access_free(&app->access);
    pages_free(&app->pages);
    proxies_free(&app->proxies);
    free(app);
    svc->app = NULL;
}

void monitor_beat(struct svc *svc, struct jsonw *w)
{
    const struct monitor_app *app = svc->app;
    jw_kint(w, "replicas", app->replicas.n);
    jw_kint(w, "spans", app->spans.n);
    jw_kint(w, "live_streams", live_count(app->live));
    jw_kint(w, "sessions", access_count(app->access));
}
