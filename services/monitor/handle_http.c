/*
 * The dashboard's HTTP: pages and files at once in the listener's thread, the API in the
 * loop, where the state lives. Here is who may call what (API.md 2).
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/action.h"
#include "monitor/app.h"
#include "monitor/audit.h"
#include "monitor/flower.h"
#include "monitor/live.h"
#include "monitor/pages.h"
#include "monitor/session_store.h"

static const struct api_route ROUTES[] = {
    { "GET", "/api/session", NEED_NOTHING, handle_session_get },
    { "POST", "/api/session", NEED_NOTHING, handle_session_start },
    { "DELETE", "/api/session", NEED_TO_READ, handle_session_end },
    { "GET", "/api/overview", NEED_TO_READ, handle_overview },
    { "GET", "/metrics", NEED_NOTHING, handle_metrics },
    { "GET", "/api/workers", NEED_TO_READ, handle_flower_workers },
    { "GET", "/api/tasks", NEED_TO_READ, handle_flower_tasks },
    { "GET", "/api/task/info/", NEED_TO_READ, handle_flower_task },
    { "GET", "/api/task/result/", NEED_TO_READ, handle_flower_result },
    { "GET", "/api/task/types", NEED_TO_READ, handle_flower_types },
    { "GET", "/api/queues/length", NEED_TO_READ, handle_flower_queues },
    { "POST", "/api/task/revoke/", NEED_TO_ACT, handle_flower_revoke },
    { "POST", "/api/task/rate-limit/", NEED_TO_ACT, handle_flower_rate },
    { "POST", "/api/worker/shutdown/", NEED_TO_ACT, handle_flower_shutdown },
    { "POST", "/api/worker/pool/grow/", NEED_TO_ACT, handle_flower_grow },
    { "POST", "/api/worker/pool/shrink/", NEED_TO_ACT, handle_flower_shrink },
    { "GET", "/api/replicas", NEED_TO_READ, handle_replicas },
    { "GET", "/api/replicas/", NEED_TO_READ, handle_replica },
    { "GET", "/api/flow", NEED_TO_READ, handle_flow },
    { "GET", "/api/missed", NEED_TO_READ, handle_missed },
    { "GET", "/api/audit", NEED_TO_READ, handle_audit },
    { "POST", "/api/actions/", NEED_TO_ACT, handle_action },
    { "GET", "/api/series", NEED_TO_READ, handle_series },
    { "GET", "/api/histogram", NEED_TO_READ, handle_histogram },
    { "GET", "/api/live", NEED_TO_READ, handle_live },
    { "GET", "/api/mails", NEED_TO_READ, handle_mails },
    { "GET", "/api/mails/", NEED_TO_READ, handle_mail },
    { "GET", "/api/search", NEED_TO_READ, handle_search },
    { "GET", "/api/requests/", NEED_TO_READ, handle_spans },
};

/* ---- the API ---- */

static bool is_reading(struct str verb)
{
    return str_eq(verb, STR("GET")) || str_eq(verb, STR("HEAD"));
}

static bool path_fits(const struct api_route *r, struct str path)
{
    size_t n = strlen(r->path);
    if (r->path[n - 1] != '/')
        return str_eq(path, str_of(r->path));
    return path.n > n && str_starts(path, str_of(r->path));
}

/* NULL: no such path, or *ret_path_known. */
static const struct api_route *find_route(struct str verb, struct str path,
                                          bool *ret_path_known)
{
    const struct str wanted = is_reading(verb) ? STR("GET") : verb;
    *ret_path_known = false;
    for (size_t i = 0; i < ARRAY_LEN(ROUTES); i++) {
        if (!path_fits(&ROUTES[i], path))
            continue;
        *ret_path_known = true;
        if (str_eq(wanted, str_of(ROUTES[i].verb)))
            return &ROUTES[i];
    }
    return NULL;
}

/* Who asks, by Basic or by session. False: answered (too many guesses). */
static bool find_who(struct api *a)
{
    struct monitor_app *app = a->app;
    int64_t now = clock_mono_ms();
    bool busy;
    struct str basic = http_header(a->http, "Authorization");
    a->who.via = "";
    a->who.role = access_basic(app->access, basic, a->from.text, now, a->who.name, &busy);
    if (busy) {
        a->retry_after_s = 60;
        api_fail(a, ERR_THROTTLED, NULL);
        return false;
    }
    if (a->who.role != ACCESS_NONE)
        a->who.via = "basic";
    if (basic.n > 0)
        return true;
    struct session *s = access_find(app->access, http_header(a->http, "Cookie"), now);
    if (!s)
        return true;
    if (a->route->fn != handle_live) /* a page that is only open is not used */
        s->used_ms = now;
    a->who.role = s->role;
    a->who.via = "session";
    a->who.session = s->serial;
    snprintf(a->who.name, sizeof a->who.name, "%s", s->name);
    return true;
}

/* ERR_OK, or why this request may not be served. */
static enum err may_go_on(const struct api *a)
{
    struct http_request *r = a->http;
    bool writes = !is_reading(http_method(r));
    if (a->route->need != NEED_NOTHING && a->who.role == ACCESS_NONE)
        return ERR_NOT_AUTHENTICATED;
    if (writes && !access_same_origin(http_header(r, "Sec-Fetch-Site"),
                                      http_header(r, "Origin"), http_header(r, "Host")))
        return ERR_CSRF;
    const struct session *s =
        access_by_serial(a->app->access, a->who.session, clock_mono_ms());
    if (writes && a->route->need != NEED_NOTHING && s &&
        !access_csrf(s, http_header(r, "X-CSRF-Token")))
        return ERR_CSRF;
    if (a->route->need != NEED_TO_ACT)
        return ERR_OK;
    if (a->app->cfg->read_only)
        return ERR_READ_ONLY;
    if (a->who.role != ACCESS_ADMIN)
        return ERR_PERMISSION_DENIED;
    return s && !access_is_confirmed(s, clock_mono_ms()) ? ERR_UNAVAILABLE : ERR_OK;
}

/* After a restart, until the sessions of before have been read: a cookie that is not
 * known may be one of theirs, so whoever has it is not taken for nobody. */
static bool is_undecided(const struct api *a)
{
    struct str cookies = http_header(a->http, "Cookie");
    return !session_store_read(a->app->sessions) &&
           http_header(a->http, "Authorization").n == 0 && access_offers(cookies) &&
           !access_find(a->app->access, cookies, clock_mono_ms());
}

static void refuse(struct api *a, enum err e)
{
    if (e == ERR_NOT_AUTHENTICATED && a->undecided)
        api_fail(a, ERR_UNAVAILABLE,
                 "The database does not answer, so nobody can say who is signed in.");
    else if (e == ERR_UNAVAILABLE)
        api_fail(a, e,
                 "auth does not answer, so nobody can say whether this account still may "
                 "act.");
    else
        api_fail(a, e, NULL);
}

static void run_api(void *arg)
{
    enum { AGAIN_MS = 50, PATIENCE_MS = 3000 };
    struct api *a = arg;
    a->undecided = is_undecided(a);
    if (a->undecided && clock_mono_ms() - a->app->started_ms < PATIENCE_MS) {
        loop_timer(a->app->svc->loop, AGAIN_MS, 0, run_api, a);
        return;
    }
    if (!find_who(a))
        return;
    enum err e = may_go_on(a);
    if (e == ERR_OK)
        a->route->fn(a);
    else
        refuse(a, e);
}

/* False: the path is not one of the API. */
static bool dispatch_api(struct monitor_app *app, struct http_request *r, struct str path)
{
    bool known;
    const struct api_route *route = find_route(http_method(r), path, &known);
    if (!route && known)
        monitor_http_error(r, ERR_METHOD_NOT_ALLOWED);
    if (!route)
        return known;
    struct api *a = xcalloc(1, sizeof *a);
    a->app = app;
    a->http = r;
    a->from = proxies_origin(app->proxies, r);
    a->route = route;
    size_t n = strlen(route->path);
    a->rest = (struct str){ path.p + n, path.n - n };
    arena_init(&a->arena);
    http_suspend(r);
    loop_post(app->svc->loop, run_api, a);
    return true;
}

/* ---- pages and files ---- */

static void redirect(const struct monitor_app *app, struct http_request *r,
                     const char *to, struct str rest)
{
    AUTO_FREE char *target =
        xasprintf("%s%s%.*s", app->cfg->url_prefix, to, STR_ARG(rest));
    const struct http_header_line more[] = { { "Location", target }, { 0 } };
    monitor_http_answer(r, 308, "text/plain; charset=utf-8", STR(""), more);
}

/* Flower's addresses. */
static bool redirect_old(const struct monitor_app *app, struct http_request *r,
                         struct str path)
{
    static const struct {
        const char *from, *to;
    } MOVED[] = { { "/worker/", "/workers/" },
                  { "/task/", "/tasks/" },
                  { "/broker", "/flow" } };
    for (size_t i = 0; i < ARRAY_LEN(MOVED); i++) {
        size_t n = strlen(MOVED[i].from);
        bool more = MOVED[i].from[n - 1] == '/';
        if (!str_starts(path, str_of(MOVED[i].from)) || (path.n > n) != more)
            continue;
        redirect(app, r, MOVED[i].to, (struct str){ path.p + n, path.n - n });
        return true;
    }
    return false;
}

/* A person who mistyped an address is shown a page; a program is told in JSON. */
static bool is_for_people(struct http_request *r, struct str path)
{
    static const struct str HTML = { "text/html", 9 };
    struct str accept = http_header(r, "Accept");
    return !str_starts(path, STR("/api/")) && accept.n > 0 &&
           memmem(accept.p, accept.n, HTML.p, HTML.n);
}

static void serve_page(const struct monitor_app *app, struct http_request *r,
                       struct str path)
{
    const struct http_document *d = pages_find(app->pages, path);
    if (!is_reading(http_method(r)))
        monitor_http_error(r, ERR_METHOD_NOT_ALLOWED);
    else if (d)
        monitor_http_document(r, 200, d);
    else if (redirect_old(app, r, path))
        return;
    else if (is_for_people(r, path))
        monitor_http_document(r, 404, pages_nowhere(app->pages));
    else
        monitor_http_error(r, ERR_NOT_FOUND);
}

void monitor_handle_http(struct http_request *r, void *arg)
{
    struct monitor_app *app = arg;
    struct str path = http_path(r), prefix = str_of(app->cfg->url_prefix);
    if (!str_starts(path, prefix)) {
        monitor_http_error(r, ERR_NOT_FOUND);
        return;
    }
    path = (struct str){ path.p + prefix.n, path.n - prefix.n };
    if (path.n == 0) {
        redirect(app, r, "/", STR(""));
        return;
    }
    if (str_eq(path, STR("/healthcheck"))) {
        monitor_http_answer(r, 200, "text/plain; charset=utf-8", STR("OK"), NULL);
        return;
    }
    if (!dispatch_api(app, r, path))
        serve_page(app, r, path);
}
