/*
 * What is decided before a service is asked, in the order of the original: route, host,
 * preflight, negotiation, token, role, rate, verb. Each check answers the request itself
 * when it refuses it. Runs in the listener's thread, its rest in the loop's when that had
 * to ask somebody; nothing here blocks.
 */
#include "gateway/app.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "gateway/bearer.h"
#include "gateway/envelope.h"
#include "svc/http_guard.h"
#include "svc/log.h"

enum { OPTIONS_MAX = 4096, KEY_MAX = 255 };

/* The checks in their order. */
enum step {
    STEP_ROUTE,
    STEP_HOST,
    STEP_PREFLIGHT,
    STEP_FORMAT,
    STEP_ACTOR,
    STEP_ROLE,
    STEP_RATE,
    STEP_VERB,
    STEP_KEY,
    NSTEPS
};

/* True: go on. False: the request was answered or handed over; rq is not ours any more.
 */
typedef bool check_fn(struct gateway_request *rq);

static bool refuse(struct gateway_request *rq, enum err e)
{
    gateway_reply_error(rq, e, NULL);
    return false;
}

static bool check_route(struct gateway_request *rq)
{
    struct str verb = http_method(rq->http);
    if (!contract_route(rq->app->svc->contract, verb, http_path(rq->http), &rq->route)) {
        rq->route.allow[0] = '\0';
        return refuse(rq, ERR_NOT_FOUND);
    }
    rq->is_options = str_eq(verb, STR("OPTIONS"));
    rq->method = rq->route.method;
    rq->shown = rq->method ? rq->method : rq->route.any;
    return true;
}

static bool check_host(struct gateway_request *rq)
{
    struct str host = http_header(rq->http, "Host");
    /* Probes ask for their answer by whatever address they have. */
    if ((rq->method && rq->method->local) || host.n == 0)
        return true;
    if (gateway_host_allowed(rq->app->hosts, host))
        return true;
    gateway_reply_error(rq, ERR_BAD_REQUEST, "The Host header is not an allowed one.");
    return false;
}

/* Browsers ask without a token, whatever the method itself needs. */
static bool check_preflight(struct gateway_request *rq)
{
    if (!rq->is_options || !rq->allow_origin ||
        http_header(rq->http, "Access-Control-Request-Method").n == 0)
        return true;
    gateway_reply_preflight(rq);
    return false;
}

static bool check_format(struct gateway_request *rq)
{
    if (!gateway_query_format_known(http_query(rq->http)))
        return refuse(rq, ERR_NOT_FOUND);
    AUTO_BUF struct buf joined;
    buf_init(&joined, HTTP_LIST_MAX);
    struct str accept = http_header_list(rq->http, "Accept", &joined);
    bool document = rq->method && rq->method->local;
    rq->format = gateway_negotiate(accept, rq->shown->produces, document);
    return rq->format.acceptable || refuse(rq, ERR_NOT_ACCEPTABLE);
}

/* ---- who asks ---- */

/* What a verb that is not served asks for: what the other verbs of its path do, the
 * strictest for an unknown one (it may change things), the mildest for OPTIONS. */
static enum contract_auth auth_of_path(const struct gateway_request *rq)
{
    static const char *const VERBS[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };
    enum contract_auth auth = rq->route.any->auth;
    for (size_t i = 0; i < ARRAY_LEN(VERBS); i++) {
        struct route_match m;
        if (!contract_route(rq->app->svc->contract, str_of(VERBS[i]), http_path(rq->http),
                            &m) ||
            !m.method)
            continue;
        if (rq->is_options ? m.method->auth < auth : m.method->auth > auth)
            auth = m.method->auth;
    }
    return auth;
}

static enum contract_auth auth_needed(const struct gateway_request *rq)
{
    return rq->method ? rq->method->auth : auth_of_path(rq);
}

static bool needs_actor(const struct gateway_request *rq)
{
    enum contract_auth auth = auth_needed(rq);
    return auth == AUTH_USER || auth == AUTH_ADMIN;
}

static bool refuse_token(struct gateway_request *rq, enum token_verdict v)
{
    gateway_metrics_token(rq->app->metrics, v);
    return refuse(rq, ERR_TOKEN_NOT_VALID);
}

static bool on_unknown_key(struct gateway_request *rq)
{
    if (!gateway_keyring_present(rq->app->keyring))
        return !needs_actor(rq) || refuse(rq, ERR_UNAVAILABLE);
    if (rq->asked_for_keys)
        return refuse_token(rq, TOKEN_UNKNOWN_KEY);
    rq->asked_for_keys = true;
    rq->step = STEP_ACTOR; /* again */
    gateway_submit(rq);
    return false;
}

/* A good signature is not enough: the token may have been taken back. When nobody can say
 * whether it was, public routes go on without a name. */
static bool check_revoked(struct gateway_request *rq)
{
    enum err e = gateway_revocations_check(rq->app->revocations, &rq->actor);
    rq->has_actor = e == ERR_OK;
    if (e == ERR_UNAVAILABLE)
        return !needs_actor(rq) || refuse(rq, e);
    return rq->has_actor || refuse(rq, e);
}

static bool check_actor(struct gateway_request *rq)
{
    struct str token;
    if (rq->shown->ignore_authorization)
        return true;
    switch (gateway_bearer_parse(http_header(rq->http, "Authorization"), &token)) {
    case BEARER_NONE:
        return true;
    case BEARER_MALFORMED:
        return refuse(rq, ERR_BAD_AUTHORIZATION);
    case BEARER_TOKEN:
        break;
    }
    enum token_verdict v = gateway_keyring_verify(rq->app->keyring, token, &rq->actor);
    if (v == TOKEN_UNKNOWN_KEY)
        return on_unknown_key(rq);
    return v == TOKEN_OK ? check_revoked(rq) : refuse_token(rq, v);
}

static bool check_role(struct gateway_request *rq)
{
    if (!needs_actor(rq))
        return true;
    if (!rq->has_actor)
        return refuse(rq, ERR_NOT_AUTHENTICATED);
    if (auth_needed(rq) == AUTH_ADMIN && rq->actor.role != ROLE_ADMIN)
        return refuse(rq, ERR_PERMISSION_DENIED);
    return true;
}

struct limiter_subject gateway_subject(const struct gateway_request *rq)
{
    return (struct limiter_subject){
        .class = limiter_class(rq->shown, rq->is_options),
        .client = rq->from.client,
        .has_user = rq->has_actor,
        .user_id = rq->has_actor ? rq->actor.user_id : 0,
    };
}

static bool check_rate(struct gateway_request *rq)
{
    struct limiter_subject subject = gateway_subject(rq);
    struct limiter_refusal refusal;
    switch (limiter_check(rq->app->limiter, &subject, &refusal)) {
    case LIMITER_ALLOWED:
        return true;
    case LIMITER_REFUSED:
        gateway_reply_throttled(rq, &refusal);
        return false;
    case LIMITER_ASK:
        break;
    }
    rq->asks_limiter = true;
    rq->step = STEP_VERB; /* when it says yes */
    gateway_submit(rq);
    return false;
}

/* ---- the verb ---- */

/* "catalog.product.list" -> "Product List" */
static void write_title(struct jsonw *w, const char *name)
{
    char title[80];
    size_t n = 0;
    bool start = true;
    const char *p = strchr(name, '.');
    for (p = p ? p + 1 : name; *p && n + 1 < sizeof title; p++) {
        bool blank = *p == '.' || *p == '_';
        bool lower = *p >= 'a' && *p <= 'z';
        title[n++] = (char)(blank ? ' ' : start && lower ? *p - 'a' + 'A' : *p);
        start = blank;
    }
    title[n] = '\0';
    jw_kcstr(w, "name", title);
}

static void write_list(struct jsonw *w, const char *key, const char *const *list)
{
    jw_key(w, key);
    jw_array(w);
    for (; *list; list++)
        jw_str(w, str_of(*list));
    jw_array_end(w);
}

static bool answer_options(struct gateway_request *rq)
{
    static const char *const RENDERS[] = { "application/json", "text/html", NULL };
    static const char *const PARSES[] = { "application/json",
                                          "application/x-www-form-urlencoded",
                                          "multipart/form-data", NULL };
    const struct contract_method *any = rq->route.any;
    AUTO_BUF struct buf body;
    buf_init(&body, OPTIONS_MAX);
    struct jsonw w;
    jw_begin(&w, &body);
    jw_object(&w);
    if (any->title)
        jw_kcstr(&w, "name", any->title);
    else
        write_title(&w, any->name);
    jw_kcstr(&w, "description", any->summary);
    write_list(&w, "renders",
               any->produces || any->also_produces ? RENDERS
                                                   : (const char *[]){ RENDERS[0], 0 });
    write_list(&w, "parses", PARSES);
    jw_object_end(&w);
    jw_end(&w);
    gateway_reply_json(rq, 200, buf_get(&body));
    return false;
}

static bool check_verb(struct gateway_request *rq)
{
    if (rq->is_options)
        return answer_options(rq);
    if (rq->method)
        return true;
    char detail[64];
    snprintf(detail, sizeof detail, "Method \"%.*s\" not allowed.",
             STR_ARG(http_method(rq->http)));
    gateway_reply_error(rq, ERR_METHOD_NOT_ALLOWED, detail);
    return false;
}

/* A key cut short could be mistaken for another one. */
static bool check_key(struct gateway_request *rq)
{
    bool wanted = rq->method->headers & WANT_IDEMPOTENCY_KEY;
    if (!wanted || http_header(rq->http, "Idempotency-Key").n <= KEY_MAX)
        return true;
    gateway_reply_error(rq, ERR_BAD_REQUEST,
                        "The Idempotency-Key is longer than 255 characters.");
    return false;
}

/* ---- all of it ---- */

static check_fn *const CHECKS[NSTEPS] = {
    [STEP_ROUTE] = check_route,
    [STEP_HOST] = check_host,
    [STEP_PREFLIGHT] = check_preflight,
    [STEP_FORMAT] = check_format,
    [STEP_ACTOR] = check_actor,
    [STEP_ROLE] = check_role,
    [STEP_RATE] = check_rate,
    [STEP_VERB] = check_verb,
    [STEP_KEY] = check_key,
};

static bool decide(struct gateway_request *rq, unsigned from)
{
    for (unsigned i = from; i < NSTEPS; i++)
        if (!CHECKS[i](rq))
            return false;
    rq->step = NSTEPS;
    return true;
}

bool gateway_decide_again(struct gateway_request *rq)
{
    return decide(rq, rq->step);
}

/* Two of them are none (W3C Trace Context 1, 3.2): nobody could say which counts. */
static struct str traceparent_of(const struct http_request *http)
{
    struct str one;
    return http_headers(http, "traceparent", &one, 1) == 1 ? one : STR("");
}

void gateway_serve(struct http_request *http, void *arg)
{
    struct gateway_request *rq = gateway_request_new(arg, http);
    rq->from = proxies_origin(rq->app->proxies, rq->http);
    if (gateway_cors_used(rq->app->cors))
        rq->allow_origin = gateway_cors_allow(rq->app->cors, http_header(http, "Origin"));
    gateway_ids_fill(&rq->ids, http_header(http, "X-Request-ID"), traceparent_of(http));
    rq->format = (struct gateway_format){ .acceptable = true };
    if (decide(rq, STEP_ROUTE))
        gateway_submit(rq);
}

/* The listener's guard said no: there is no request to decide about, only an answer. */
void gateway_refused(struct http_request *http, enum err e, const char *detail,
                     struct http_refusal *out, void *arg)
{
    struct gateway_app *app = arg;
    struct gateway_ids ids;
    int status = err_info(e)->status;
    int64_t took_us = clock_mono_us() - http_started_us(http);
    gateway_ids_fill(&ids, http_header(http, "X-Request-ID"), traceparent_of(http));
    gateway_envelope(
        &(struct gateway_error){ .e = e, .detail = detail, .request_id = ids.text },
        out->body);
    snprintf(out->request_id, sizeof out->request_id, "%s", ids.text);
    snprintf(out->traceparent, sizeof out->traceparent, "%s", ids.traceparent);
    gateway_metrics_began(app->metrics);
    gateway_metrics_ended(app->metrics, NULL, status, took_us);
    /* The connection's own address: what this request says of others is not read. */
    log_info("http", "refused", F_STR("client", http_client(http)),
             F_INT("status", status), F_STR("reason", detail),
             F_ID("request_id", ids.request_id), F_ID("trace_id", ids.trace_id));
}
