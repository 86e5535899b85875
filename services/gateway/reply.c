/* From a decision or a service's frame to an HTTP answer. */
#include "gateway/app.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "gateway/envelope.h"
#include "svc/log.h"

enum { LINES_MAX = 24, ERROR_MAX = 1024 * 1024 };

/* The header lines of one answer. Values are static, the request's, or copies. */
struct lines {
    struct http_header_line line[LINES_MAX + 1];
    unsigned n;
    bool document; /* of http_document.h: chosen by Accept-Encoding too */
    struct arena copies;
};

static void lines_init(struct lines *l)
{
    l->n = 0;
    l->document = false;
    arena_init(&l->copies);
}

static void add(struct lines *l, const char *name, const char *value)
{
    if (l->n < LINES_MAX)
        l->line[l->n++] = (struct http_header_line){ name, value };
    l->line[l->n] = (struct http_header_line){ NULL, NULL };
}

static void add_slice(struct lines *l, const char *name, struct str value)
{
    add(l, name, arena_str(&l->copies, value));
}

/* What a script of an allowed origin may read of an answer. */
static const char EXPOSED[] = "Allow, ETag, Location, RateLimit, RateLimit-Policy, "
                              "Retry-After, WWW-Authenticate, X-Request-ID, traceparent";

static void add_origin(struct lines *l, const struct gateway_request *rq)
{
    static const char *const VARY[2][2] = {
        { "Accept", "Accept, Accept-Encoding" },
        { "Accept, Origin", "Accept, Accept-Encoding, Origin" },
    };
    add(l, "Vary", VARY[gateway_cors_used(rq->app->cors)][l->document]);
    if (!rq->allow_origin)
        return;
    add(l, "Access-Control-Allow-Origin", rq->allow_origin);
    add(l, "Access-Control-Expose-Headers", EXPOSED);
}

/* What every answer says. type NULL: there is no body, or its type is not known yet. */
static void add_common(struct lines *l, const struct gateway_request *rq,
                       const char *type, const char *policy)
{
    if (type)
        add(l, "Content-Type", type);
    add_origin(l, rq);
    if (rq->route.allow[0])
        add(l, "Allow", rq->route.allow);
    for (const struct http_header_line *h = rq->app->security; h->name; h++)
        add(l, h->name, h->value);
    add(l, "Content-Security-Policy", policy);
    add(l, "X-Request-ID", rq->ids.text);
    add(l, "traceparent", rq->ids.traceparent);
}

static bool add_record(struct lines *l, const struct frame *reply,
                       enum frame_record record, const char *name)
{
    struct str value;
    for (unsigned i = 0; record_get(reply->meta, record, i, &value); i++)
        add_slice(l, name, value);
    return record_get(reply->meta, record, 0, &value);
}

static void add_retry_after(struct lines *l, const struct frame *reply)
{
    char text[12];
    uint32_t seconds = 1;
    if (reply)
        record_get_u32(reply->meta, REC_RETRY_AFTER, &seconds);
    snprintf(text, sizeof text, "%u", (unsigned)seconds);
    add_slice(l, "Retry-After", str_of(text));
}

/* What a service says beside its body; answers of auth are kept nowhere unless it says
 * otherwise. */
static void add_records(struct lines *l, const struct gateway_request *rq,
                        const struct frame *reply)
{
    bool cached = false;
    if (reply && reply->meta.n > 0) {
        add_record(l, reply, REC_ETAG, "ETag");
        add_record(l, reply, REC_LOCATION, "Location");
        add_record(l, reply, REC_SET_COOKIE, "Set-Cookie");
        cached = add_record(l, reply, REC_CACHE_CONTROL, "Cache-Control");
    }
    if (!cached && rq->shown && strcmp(rq->shown->service, "auth") == 0)
        add(l, "Cache-Control", "no-store");
}

/* ---- the end of a request ---- */

static void note_end(const struct gateway_request *rq, int status)
{
    const struct contract_method *shown = rq->shown;
    int64_t took_us = clock_mono_us() - http_started_us(rq->http);
    gateway_metrics_ended(rq->app->metrics, rq->method ? shown : NULL, status, took_us);
    log_info("http", "request", F_STR("client", rq->from.text),
             F_SLICE("method", http_method(rq->http)),
             F_STR("route", shown ? shown->path : "none"), F_INT("status", status),
             F_INT("duration_us", took_us), F_ID("request_id", rq->ids.request_id),
             F_INT("user_id", rq->has_actor ? rq->actor.user_id : 0),
             F_ID("trace_id", rq->ids.trace_id));
}

static void finish(struct gateway_request *rq, struct lines *l, struct http_answer *a)
{
    struct http_request *http = rq->http;
    a->headers = l->line;
    note_end(rq, a->status);
    http_reply(http, a); /* copies the lines */
    arena_deinit(&l->copies);
    gateway_request_free(rq);
}

/* ---- errors ---- */

static void reply_error(struct gateway_request *rq, const struct gateway_error *error,
                        const struct frame *reply)
{
    struct lines l;
    int status = err_info(error->e)->status;
    AUTO_BUF struct buf body;
    lines_init(&l);
    buf_init(&body, ERROR_MAX);
    gateway_envelope(error, &body);
    add_common(&l, rq, gateway_envelope_type(error), GATEWAY_NO_FRAMES);
    add_records(&l, rq, reply);
    if (status == 401)
        add(&l, "WWW-Authenticate", "Bearer realm=\"api\"");
    if (status == 503 || status == 429)
        add_retry_after(&l, reply);
    finish(rq, &l, &(struct http_answer){ .status = status, .body = buf_get(&body) });
}

void gateway_reply_error(struct gateway_request *rq, enum err e, const char *detail)
{
    reply_error(rq,
                &(struct gateway_error){ .e = e,
                                         .detail = detail,
                                         .request_id = rq->ids.text,
                                         .problem = rq->format.problem },
                NULL);
}

/* The fields of draft-ietf-httpapi-ratelimit-headers, for the rule that had no room. */
static void add_policy(struct lines *l, const struct limiter_refusal *refusal)
{
    char text[96];
    const char *name = limiter_class_name(refusal->class);
    long long wait_s = (refusal->wait_us + 999999) / 1000000;
    snprintf(text, sizeof text, "%lld", wait_s);
    add_slice(l, "Retry-After", str_of(text));
    snprintf(text, sizeof text, "\"%s\";r=0;t=%lld", name, wait_s);
    add_slice(l, "RateLimit", str_of(text));
    snprintf(text, sizeof text, "\"%s\";q=%lld;w=%lld", name,
             (long long)refusal->rule.count,
             (long long)refusal->rule.period_us / 1000000);
    add_slice(l, "RateLimit-Policy", str_of(text));
}

void gateway_reply_throttled(struct gateway_request *rq,
                             const struct limiter_refusal *refusal)
{
    struct gateway_error error = { .e = ERR_THROTTLED,
                                   .request_id = rq->ids.text,
                                   .problem = rq->format.problem };
    struct lines l;
    AUTO_BUF struct buf body;
    lines_init(&l);
    buf_init(&body, ERROR_MAX);
    gateway_envelope(&error, &body);
    add_common(&l, rq, gateway_envelope_type(&error), GATEWAY_NO_FRAMES);
    add(&l, "Cache-Control", "no-store");
    add_policy(&l, refusal);
    finish(rq, &l, &(struct http_answer){ .status = 429, .body = buf_get(&body) });
}

void gateway_reply_failure(struct gateway_request *rq, enum err e,
                           const struct frame *reply)
{
    reply_error(rq,
                &(struct gateway_error){ .e = e,
                                         .details = reply ? reply->body : STR(""),
                                         .request_id = rq->ids.text,
                                         .problem = rq->format.problem },
                reply);
}

/* ---- successes ---- */

static void release_reply(void *reply)
{
    rpc_reply_free(reply);
}

void gateway_reply_success(struct gateway_request *rq, const struct frame *reply,
                           struct rpc_client *from)
{
    struct lines l;
    struct str type;
    bool empty = reply->status == 204 || reply->status == 304;
    lines_init(&l);
    add_common(&l, rq, NULL, GATEWAY_NO_FRAMES);
    if (record_get(reply->meta, REC_CONTENT_TYPE, 0, &type))
        add_slice(&l, "Content-Type", type);
    else if (!empty)
        add(&l, "Content-Type", rq->format.media_type);
    add_records(&l, rq, reply);
    struct http_answer a = { .status = reply->status, .body = reply->body };
    if (reply->body.n > 0) {
        a.release = release_reply;
        a.release_arg = rpc_reply_take(from);
    }
    finish(rq, &l, &a);
}

void gateway_reply_json(struct gateway_request *rq, int status, struct str body)
{
    struct lines l;
    lines_init(&l);
    add_common(&l, rq, "application/json", GATEWAY_NO_FRAMES);
    add(&l, "Cache-Control", "no-store");
    if (status == 503)
        add_retry_after(&l, NULL);
    finish(rq, &l, &(struct http_answer){ .status = status, .body = body });
}

void gateway_reply_preflight(struct gateway_request *rq)
{
    static const char HEADERS[] = "Accept, Authorization, Content-Type, Idempotency-Key, "
                                  "If-Match, If-None-Match, traceparent, X-Request-ID";
    struct lines l;
    lines_init(&l);
    add_common(&l, rq, NULL, GATEWAY_NO_FRAMES);
    add(&l, "Access-Control-Allow-Methods", rq->route.allow);
    add(&l, "Access-Control-Allow-Headers", HEADERS);
    add(&l, "Access-Control-Max-Age", "600");
    finish(rq, &l, &(struct http_answer){ .status = 204 });
}

/* ---- documents ---- */

static const char PAGE_POLICY[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'";

/* Documents live longer than the listener. */
static void keep(void *document)
{
    (void)document;
}

void gateway_reply_document(struct gateway_request *rq, const struct http_document *d)
{
    struct lines l;
    struct http_representation r = http_document_for(d, rq->http);
    lines_init(&l);
    l.document = true;
    add_common(&l, rq, r.known ? NULL : d->type, PAGE_POLICY);
    add(&l, "ETag", r.etag);
    add(&l, "Cache-Control", "no-cache"); /* kept, and asked for again with the ETag */
    struct http_answer a = { .status = r.known ? 304 : 200 };
    if (!r.known) {
        if (r.encoding)
            add(&l, "Content-Encoding", r.encoding);
        a.body = r.body;
        a.release = keep;
    }
    finish(rq, &l, &a);
}
