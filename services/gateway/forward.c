/* The loop's side: builds the frame a contract asks for, calls, answers. */
#include "gateway/app.h"

#include <string.h>

#include "base/clock.h"
#include "svc/log.h"

enum { VALUE_MAX = 256, CONDITION_MAX = 2048, SLOW_US = 500 * 1000 };

static struct rpc_client *client_for(const struct gateway_app *app,
                                     const struct contract_method *method)
{
    const struct {
        const char *service;
        struct rpc_client *client;
    } CLIENTS[] = { { "catalog", app->catalog }, { "auth", app->auth } };
    for (size_t i = 0; i < ARRAY_LEN(CLIENTS); i++)
        if (strcmp(method->service, CLIENTS[i].service) == 0)
            return CLIENTS[i].client;
    return NULL;
}

/* ---- the reply ---- */

static void send_span(const struct gateway_request *rq, int status)
{
    int64_t took_us = clock_mono_us() - http_started_us(rq->http);
    if (!rq->method->mail_bound && status < 500 && took_us < SLOW_US)
        return;
    telemetry_span(rq->app->svc->telemetry,
                   &(struct telemetry_span){ .request_id = rq->ids.request_id,
                                             .trace_id = rq->ids.trace_id,
                                             .name = rq->method->name,
                                             .start_us = clock_wall_us() - took_us,
                                             .duration_us = took_us,
                                             .status = status });
}

static void on_reply(void *arg, enum err e, const struct frame *reply)
{
    struct gateway_request *rq = arg;
    send_span(rq, e == ERR_OK ? reply->status : err_info(e)->status);
    if (e == ERR_OK)
        gateway_reply_success(rq, reply, client_for(rq->app, rq->method));
    else
        gateway_reply_failure(rq, e, reply);
}

/* ---- the request ---- */

static void add_text(struct buf *meta, enum frame_record type, struct str value)
{
    /* A list of tags that is cut off would mean something else. */
    bool condition = type == REC_IF_MATCH || type == REC_IF_NONE_MATCH;
    size_t most = condition ? CONDITION_MAX : VALUE_MAX;
    if (value.n > most)
        value.n = most;
    if (value.n > 0)
        record_add(meta, type, value);
}

static void add_header(struct buf *meta, const struct gateway_request *rq,
                       enum frame_record type, const char *name)
{
    AUTO_BUF struct buf joined;
    buf_init(&joined, HTTP_LIST_MAX);
    add_text(meta, type, http_header_list(rq->http, name, &joined));
}

/* The Host was checked; without one (HTTP/1.0) the configured URL stands in. */
static void add_base_url(struct buf *meta, const struct gateway_request *rq)
{
    char url[sizeof "https://" + VALUE_MAX];
    struct str scheme = rq->from.https ? STR("https://") : STR("http://");
    struct str host = http_header(rq->http, "Host");
    if (host.n == 0 || host.n > VALUE_MAX) {
        add_text(meta, REC_BASE_URL, str_of(gateway_hosts_public(rq->app->hosts)));
        return;
    }
    memcpy(url, scheme.p, scheme.n);
    memcpy(url + scheme.n, host.p, host.n);
    record_add(meta, REC_BASE_URL, (struct str){ url, scheme.n + host.n });
}

static void add_wanted(struct buf *meta, const struct gateway_request *rq)
{
    static const struct {
        unsigned bit;
        enum frame_record type;
        const char *name;
    } HEADERS[] = {
        { WANT_IDEMPOTENCY_KEY, REC_IDEMPOTENCY_KEY, "Idempotency-Key" },
        { WANT_IF_MATCH, REC_IF_MATCH, "If-Match" },
        { WANT_IF_NONE_MATCH, REC_IF_NONE_MATCH, "If-None-Match" },
        { WANT_USER_AGENT, REC_USER_AGENT, "User-Agent" },
    };
    unsigned wanted = rq->method->headers;
    for (size_t i = 0; wanted && i < ARRAY_LEN(HEADERS); i++)
        if (wanted & HEADERS[i].bit)
            add_header(meta, rq, HEADERS[i].type, HEADERS[i].name);
    if (wanted & WANT_BASE_URL)
        add_base_url(meta, rq);
}

static void add_actor(struct buf *meta, const struct token_claims *actor)
{
    record_add(meta, REC_ACTOR_NAME, str_of(actor->username));
    record_add(meta, REC_SESSION_ID, (struct str){ (const char *)actor->sid, 16 });
    record_add_i64(meta, REC_USER_VERSION, actor->uv);
    record_add_i64(meta, REC_AUTH_TIME, actor->iat);
}

static void build_meta(struct buf *meta, const struct gateway_request *rq)
{
    for (unsigned i = 0; i < rq->route.nparams; i++)
        record_add(meta, REC_PATH_PARAM, rq->route.params[i]);
    if (rq->method->query && http_query(rq->http).n > 0)
        record_add(meta, REC_QUERY, http_query(rq->http));
    if (rq->method->body)
        add_header(meta, rq, REC_CONTENT_TYPE, "Content-Type");
    if (strcmp(rq->format.media_type, "application/json") != 0)
        record_add(meta, REC_ACCEPT, str_of(rq->format.media_type));
    record_add(meta, REC_CLIENT_ADDRESS, str_of(rq->from.text));
    add_wanted(meta, rq);
    if (rq->has_actor)
        add_actor(meta, &rq->actor);
}

static struct frame frame_of(const struct gateway_request *rq, struct str meta)
{
    struct frame f = {
        .flags = rq->ids.sampled ? FRAME_SAMPLED : 0,
        .method = rq->method->number,
        .meta = meta,
        .body = rq->method->body ? http_body(rq->http) : STR(""),
    };
    memcpy(f.request_id, rq->ids.request_id, sizeof f.request_id);
    memcpy(f.trace_id, rq->ids.trace_id, sizeof f.trace_id);
    memcpy(f.span_id, rq->ids.span_id, sizeof f.span_id);
    if (rq->has_actor) {
        f.actor_id = rq->actor.user_id;
        f.actor_role = (uint8_t)rq->actor.role;
    }
    return f;
}

static bool may_retry(const struct gateway_request *rq)
{
    if (rq->method->retry != RETRY_WITH_KEY)
        return rq->method->retry == RETRY_SAFE;
    return http_header(rq->http, "Idempotency-Key").n > 0;
}

static void call_service(struct gateway_request *rq, struct buf *meta)
{
    struct rpc_client *client = client_for(rq->app, rq->method);
    buf_clear(meta);
    build_meta(meta, rq);
    if (!client || meta->overflow) {
        gateway_reply_error(rq, client ? ERR_HEADERS_TOO_LARGE : ERR_UNAVAILABLE, NULL);
        return;
    }
    struct frame f = frame_of(rq, buf_get(meta));
    rpc_call(client, &f, rq->method->timeout_ms, may_retry(rq), on_reply, rq);
}

/* What the gateway knows itself: its documents and the health of all. */
static void answer_locally(struct gateway_request *rq)
{
    const struct http_document *d = gateway_docs_find(rq->app->docs, rq->method->name);
    if (d)
        gateway_reply_document(rq, d);
    else
        gateway_health_answer(rq->app->health, rq);
}

static void handle(struct gateway_request *rq, struct buf *meta)
{
    rq->next = NULL;
    if (rq->method && rq->method->local)
        answer_locally(rq);
    else
        call_service(rq, meta);
}

/* ---- the limiter ---- */

static void go_on(struct gateway_request *rq)
{
    AUTO_BUF struct buf meta;
    buf_init(&meta, FRAME_META_MAX);
    if (gateway_decide_again(rq))
        handle(rq, &meta);
}

static void on_limit(void *arg, const struct limiter_refusal *refusal)
{
    struct gateway_request *rq = arg;
    rq->asks_limiter = false;
    if (refusal)
        gateway_reply_throttled(rq, refusal);
    else if (rq->app->closing)
        gateway_reply_error(rq, ERR_DRAINING, NULL);
    else
        go_on(rq);
}

static void ask_limiter(struct gateway_request *rq)
{
    struct limiter_subject subject = gateway_subject(rq);
    limiter_ask(rq->app->limiter, &subject, on_limit, rq);
}

/* ---- the two ways in ---- */

static bool waits_for_keys(struct gateway_request *rq)
{
    struct gateway_app *app = rq->app;
    if (!rq->asked_for_keys || rq->has_actor || !gateway_keyring_refresh(app->keyring))
        return false;
    rq->next = app->waiting;
    app->waiting = rq;
    return true;
}

void gateway_forward_batch(void *arg)
{
    struct gateway_app *app = arg;
    AUTO_BUF struct buf meta;
    buf_init(&meta, FRAME_META_MAX);
    for (struct gateway_request *rq = gateway_inbox_take(&app->inbox), *next; rq;
         rq = next) {
        next = rq->next;
        if (rq->asks_limiter)
            ask_limiter(rq);
        else if (!waits_for_keys(rq) && gateway_decide_again(rq))
            handle(rq, &meta);
    }
}

void gateway_keys_settled(void *arg)
{
    struct gateway_app *app = arg;
    AUTO_BUF struct buf meta;
    buf_init(&meta, FRAME_META_MAX);
    struct gateway_request *list = app->waiting;
    app->waiting = NULL;
    for (struct gateway_request *rq = list, *next; rq; rq = next) {
        next = rq->next;
        if (gateway_decide_again(rq))
            handle(rq, &meta);
    }
}
