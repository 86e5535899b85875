/*
 * The dashboard's HTTP: files at once in the listener's thread, the API in the loop,
 * where the state lives.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "monitor/app.h"
#include "svc/body.h"
#include "svc/embed.h"

extern const struct embed_file embed_monitor_web[];

static const char CSP[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'";

static void answer(struct http_request *r, int status, const char *type, struct str body)
{
    const struct http_header_line headers[] = {
        { "Content-Type", type },
        { "Content-Security-Policy", CSP },
        { "X-Content-Type-Options", "nosniff" },
        { "Referrer-Policy", "no-referrer" },
        { "Cross-Origin-Opener-Policy", "same-origin" },
        { "Cross-Origin-Resource-Policy", "same-origin" },
        { "Cache-Control", "no-store" },
        { NULL, NULL },
    };
    http_reply(
        r, &(struct http_answer){ .status = status, .body = body, .headers = headers });
}

static void answer_json(struct http_request *r, int status, struct str body)
{
    answer(r, status, "application/json", body);
}

static void answer_error(struct http_request *r, enum err e)
{
    const struct err_info *info = err_info(e);
    struct buf b;
    struct jsonw w;
    buf_init(&b, 1024);
    jw_begin(&w, &b);
    jw_object(&w);
    jw_kbool(&w, "error", true);
    jw_kint(&w, "status_code", info->status);
    jw_kcstr(&w, "message", info->message);
    jw_kcstr(&w, "code", info->code);
    jw_kcstr(&w, "detail", info->detail);
    jw_object_end(&w);
    jw_end(&w);
    answer_json(r, info->status, buf_get(&b));
    buf_deinit(&b);
}

/* ---- the API, in the loop ---- */

struct api_request {
    struct monitor_app *app;
    struct http_request *http;
    struct str rest; /* of the path, behind the route's prefix */
    const struct api_route *route;
};

struct api_route {
    const char *prefix;
    bool exact;
    void (*fn)(struct api_request *a);
};

static void finish(struct api_request *a, int status, struct str body)
{
    answer_json(a->http, status, body);
    free(a);
}

static void api_overview(struct api_request *a)
{
    char at[CLOCK_TEXT_SIZE];
    struct buf b;
    struct jsonw w;
    buf_init(&b, 1024 * 1024);
    jw_begin(&w, &b);
    jw_object(&w);
    jw_kcstr(&w, "now", clock_text(clock_wall_us(), at));
    jw_kcstr(&w, "version", SVC_VERSION);
    replicas_write(&a->app->replicas, a->app->cfg->expect, clock_mono_ms(), &w);
    jw_object_end(&w);
    jw_end(&w);
    finish(a, 200, buf_get(&b));
    buf_deinit(&b);
}

static void api_spans(struct api_request *a)
{
    struct buf b;
    struct jsonw w;
    buf_init(&b, 256 * 1024);
    jw_begin(&w, &b);
    jw_object(&w);
    jw_key(&w, "spans");
    spans_write(&a->app->spans, a->rest, &w);
    jw_object_end(&w);
    jw_end(&w);
    finish(a, 200, buf_get(&b));
    buf_deinit(&b);
}

static void on_mailer(void *arg, enum err e, const struct frame *reply)
{
    struct api_request *a = arg;
    if (e != ERR_OK) {
        answer_error(a->http, e);
        free(a);
        return;
    }
    finish(a, reply->status, reply->body);
}

static void ask_mailer(struct api_request *a, const char *method, struct str body)
{
    const struct contract_method *m = contract_by_name(a->app->svc->contract, method);
    struct frame req = { .method = m->number, .body = body };
    struct buf meta;
    buf_init(&meta, FRAME_META_MAX);
    record_add(&meta, REC_CONTENT_TYPE, STR("application/json"));
    req.meta = buf_get(&meta);
    id_uuid7(req.request_id);
    rpc_call(a->app->mailer, &req, m->timeout_ms, true, on_mailer, a);
    buf_deinit(&meta);
}

/* Query parameters that mailer.jobs.list takes, as its JSON body; the service checks. */
static void write_list_request(struct str query, struct arena *arena, struct buf *out)
{
    struct jsonw w;
    jw_begin(&w, out);
    jw_object(&w);
    while (query.p) {
        struct str value = str_cut(&query, '&');
        struct str name = str_cut(&value, '='), text;
        int64_t number;
        if (name.n == 0 || !value.p || !url_decode(value, true, arena, &text))
            continue;
        jw_key(&w, arena_str(arena, name));
        if (str_eq(name, STR("limit")) && str_to_i64(text, &number))
            jw_int(&w, number);
        else
            jw_str(&w, text);
    }
    jw_object_end(&w);
    jw_end(&w);
}

static void api_mails(struct api_request *a)
{
    struct arena arena;
    struct buf body;
    arena_init(&arena);
    buf_init(&body, 4096);
    write_list_request(http_query(a->http), &arena, &body);
    if (body.overflow) {
        answer_error(a->http, ERR_BAD_REQUEST);
        free(a);
    } else
        ask_mailer(a, "mailer.jobs.list", buf_get(&body));
    buf_deinit(&body);
    arena_deinit(&arena);
}

static void api_mail(struct api_request *a)
{
    struct buf body;
    struct jsonw w;
    buf_init(&body, 4096);
    jw_begin(&w, &body);
    jw_object(&w);
    jw_kstr(&w, "job_id", a->rest);
    jw_object_end(&w);
    jw_end(&w);
    ask_mailer(a, "mailer.jobs.show", buf_get(&body));
    buf_deinit(&body);
}

static const struct api_route ROUTES[] = {
    { "/api/overview", true, api_overview },
    { "/api/mails", true, api_mails },
    { "/api/mails/", false, api_mail },
    { "/api/requests/", false, api_spans },
};

static void run_api(void *arg)
{
    struct api_request *a = arg;
    a->route->fn(a);
}

static bool dispatch_api(struct monitor_app *app, struct http_request *r, struct str path)
{
    for (size_t i = 0; i < ARRAY_LEN(ROUTES); i++) {
        struct str prefix = str_of(ROUTES[i].prefix);
        if (!str_starts(path, prefix) || (ROUTES[i].exact && path.n != prefix.n))
            continue;
        struct api_request *a = xcalloc(1, sizeof *a);
        a->app = app;
        a->http = r;
        a->rest = (struct str){ path.p + prefix.n, path.n - prefix.n };
        a->route = &ROUTES[i];
        http_suspend(r);
        loop_post(app->svc->loop, run_api, a);
        return true;
    }
    return false;
}

/* ---- files ---- */

static const struct {
    const char *ending, *type;
} TYPES[] = {
    { ".html", "text/html; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" },
    { ".js", "text/javascript; charset=utf-8" },
    { ".svg", "image/svg+xml" },
};

static const char *type_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
        size_t n = strlen(name), e = strlen(TYPES[i].ending);
        if (n > e && strcmp(name + n - e, TYPES[i].ending) == 0)
            return TYPES[i].type;
    }
    return "application/octet-stream";
}

static bool is_page(struct str path)
{
    return str_eq(path, STR("/")) || str_eq(path, STR("/mails")) ||
           str_starts(path, STR("/mails/"));
}

static void serve_file(struct http_request *r, struct str path)
{
    char name[64] = "index.html";
    const struct str assets = STR("/assets/");
    if (str_starts(path, assets) && path.n - assets.n < sizeof name)
        snprintf(name, sizeof name, "%.*s", (int)(path.n - assets.n), path.p + assets.n);
    else if (!is_page(path)) {
        answer_error(r, ERR_NOT_FOUND);
        return;
    }
    struct str file = embed_find(embed_monitor_web, name);
    if (!file.p) {
        answer_error(r, ERR_NOT_FOUND);
        return;
    }
    answer(r, 200, type_of(name), file);
}

void monitor_handle_http(struct http_request *r, void *arg)
{
    struct monitor_app *app = arg;
    struct str path = http_path(r), method = http_method(r);
    if (!str_eq(method, STR("GET")) && !str_eq(method, STR("HEAD"))) {
        answer_error(r, ERR_METHOD_NOT_ALLOWED);
        return;
    }
    if (str_eq(path, STR("/healthcheck"))) {
        answer(r, 200, "text/plain", STR("OK"));
        return;
    }
    if (!dispatch_api(app, r, path))
        serve_file(r, path);
}
