#include "svc/http_private.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "svc/log.h"

enum {
    FREE_LIST_MAX = 256,
    KEPT_BODY = 16 * 1024,         /* a recycled request keeps at most this much */
    DISCARD_MAX = 4 * 1024 * 1024, /* a refused body is read to its end up to here */
    ERROR_BODY_MAX = 16 * 1024,
    REFUSAL_LINES_MAX = 10,
    BYTES_PER_SECOND = 8 * 1024, /* the slowest client that is waited for */
};

/* ---- life of a request ---- */

static struct http_request *request_new(struct http_listener *l)
{
    struct http_request *r = l->free_list;
    if (r) {
        l->free_list = r->next_free;
        l->free_count--;
        return r;
    }
    r = xcalloc(1, sizeof *r);
    r->listener = l;
    buf_init(&r->body, 0);
    return r;
}

static void request_destroy(struct http_request *r)
{
    buf_deinit(&r->body);
    free(r);
}

/* Only what says something about the last request; target and headers are overwritten. */
static void request_reset(struct http_request *r)
{
    if (r->body.cap > KEPT_BODY)
        buf_deinit(&r->body);
    buf_clear(&r->body);
    r->nheaders = 0;
    r->discarded = 0;
    r->verdict = (struct http_guard_verdict){ 0 };
    r->headers_seen = r->delivered = r->close = r->suspended = false;
    r->response = NULL;
}

void http_request_free_all(struct http_listener *l)
{
    while (l->free_list) {
        struct http_request *r = l->free_list;
        l->free_list = r->next_free;
        request_destroy(r);
    }
}

/* The first callback of a request: the target as it came, not yet decoded. */
void *http_request_uri(void *arg, const char *uri, struct MHD_Connection *mhd)
{
    struct http_listener *l = arg;
    struct http_request *r = request_new(l);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    r->mhd = mhd;
    r->connection = info->socket_context;
    r->started_us = clock_mono_us();
    r->target_n = strlen(uri);
    if (r->target_n <= HTTP_TARGET_MAX)
        memcpy(r->target, uri, r->target_n + 1);
    http_connection_allow(r->connection, l->cfg.header_timeout_s * 1000);
    return r;
}

void http_request_completed(void *arg, struct MHD_Connection *mhd, void **ctx,
                            enum MHD_RequestTerminationCode why)
{
    (void)mhd, (void)why;
    struct http_listener *l = arg;
    struct http_request *r = *ctx;
    if (!r)
        return;
    *ctx = NULL;
    http_connection_allow(r->connection, l->cfg.idle_timeout_s * 1000);
    http_connection_turn(l, r->connection, false);
    /* An answer that was never queued, because the client had left before. */
    if (r->response)
        MHD_destroy_response(r->response);
    if (r->delivered)
        atomic_fetch_sub_explicit(&l->in_flight, 1, memory_order_relaxed);
    request_reset(r);
    if (l->free_count >= FREE_LIST_MAX) {
        request_destroy(r);
        return;
    }
    r->next_free = l->free_list;
    l->free_list = r;
    l->free_count++;
}

/* ---- headers and guard ---- */

static enum MHD_Result keep_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                   size_t name_n, const char *value, size_t value_n)
{
    (void)kind;
    struct http_request *r = arg;
    if (r->nheaders < HTTP_HEADERS_MAX)
        r->headers[r->nheaders] = (struct http_pair){ { name ? name : "", name_n },
                                                      { value ? value : "", value_n } };
    r->nheaders++;
    return MHD_YES;
}

static void read_head(struct http_request *r, const char *method, const char *version)
{
    const struct http_config *cfg = &r->listener->cfg;
    bool stored = r->target_n <= HTTP_TARGET_MAX;
    struct str target = { stored ? r->target : "", stored ? r->target_n : 0 };
    r->headers_seen = true;
    r->method = str_of(method);
    r->path = http_guard_path(target);
    r->query = http_guard_query(target);
    MHD_get_connection_values_n(r->mhd, MHD_HEADER_KIND, keep_header, r);

    bool bulk = cfg->is_bulk && cfg->is_bulk(r->path);
    r->body.max = bulk ? cfg->bulk_max : cfg->body_max;
    target.n = r->target_n; /* the guard sees that it was too long */
    r->verdict = http_guard(&(struct http_guard_input){ .method = r->method,
                                                        .target = target,
                                                        .version = str_of(version),
                                                        .headers = r->headers,
                                                        .nheaders = r->nheaders,
                                                        .body_max = r->body.max });
    if (r->nheaders > HTTP_HEADERS_MAX)
        r->nheaders = HTTP_HEADERS_MAX;
}

/* ---- answers ---- */

static void default_error(enum err e, const char *detail, struct buf *body)
{
    const struct err_info *info = err_info(e);
    struct jsonw w;
    jw_begin(&w, body);
    jw_object(&w);
    jw_kbool(&w, "error", true);
    jw_kint(&w, "status_code", info->status);
    jw_kcstr(&w, "message", info->message);
    jw_key(&w, "details");
    jw_object(&w);
    jw_kcstr(&w, "detail", detail ? detail : info->detail);
    jw_object_end(&w);
    jw_kcstr(&w, "code", info->code);
    jw_object_end(&w);
    jw_end(&w);
}

static void reply_error(struct http_request *r, enum err e, const char *detail)
{
    struct http_header_line lines[REFUSAL_LINES_MAX + 4] = { { "Content-Type",
                                                               "application/json" } };
    struct http_listener *l = r->listener;
    const struct http_header_line *more = l->cfg.refusal_headers;
    AUTO_BUF struct buf body;
    struct http_refusal refusal = { .body = &body };
    unsigned n = 1;
    while (more->name && n <= REFUSAL_LINES_MAX)
        lines[n++] = *more++;
    buf_init(&body, ERROR_BODY_MAX);
    if (l->error_fn)
        l->error_fn(r, e, detail, &refusal, l->arg);
    else
        default_error(e, detail, &body);
    if (refusal.request_id[0])
        lines[n++] = (struct http_header_line){ "X-Request-ID", refusal.request_id };
    if (refusal.traceparent[0])
        lines[n] = (struct http_header_line){ "traceparent", refusal.traceparent };
    r->close = true;
    http_reply(r, &(struct http_answer){ .status = err_info(e)->status,
                                         .body = buf_get(&body),
                                         .headers = lines });
}

/* For whoever answers (with a deadline of its own), then for the client to take it. */
static void allow_answer(struct http_request *r)
{
    http_connection_allow(r->connection, r->listener->cfg.answer_timeout_s * 1000);
}

static enum MHD_Result queue(struct http_request *r)
{
    struct MHD_Response *response = r->response;
    r->response = NULL;
    allow_answer(r);
    http_connection_turn(r->listener, r->connection, false);
    enum MHD_Result result = MHD_queue_response(r->mhd, (unsigned)r->status, response);
    MHD_destroy_response(response);
    return result;
}

static bool is_clean(const char *value)
{
    for (const unsigned char *p = (const unsigned char *)value; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            return false;
    return true;
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (is_clean(value) && MHD_add_response_header(response, name, value) == MHD_YES)
        return;
    AUTO_FREE char *clean = xstrdup(value);
    char *to = clean;
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p >= 0x20 && *p != 0x7f)
            *to++ = *p;
    *to = '\0';
    log_warn("http", "header value cleaned", F_STR("name", name));
    MHD_add_response_header(response, name, clean);
}

static struct MHD_Response *make_response(const struct http_answer *a)
{
    void *bytes = (void *)(uintptr_t)a->body.p; /* the library only reads them */
    struct MHD_Response *response =
        a->release
            ? MHD_create_response_from_buffer_with_free_callback_cls(
                  a->body.n, bytes, a->release, a->release_arg)
            : MHD_create_response_from_buffer(a->body.n, bytes, MHD_RESPMEM_MUST_COPY);
    if (!response)
        BUG("memory exhausted for an http response");
    return response;
}

void http_request_answer(struct http_request *r, struct MHD_Response *response,
                         const struct http_answer *a)
{
    for (const struct http_header_line *h = a->headers; h && h->name; h++)
        add_header(response, h->name, h->value);
    if (r->close || atomic_load_explicit(&r->listener->draining, memory_order_relaxed))
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    r->status = a->status;
    r->response = response;
    if (r->suspended)
        MHD_resume_connection(r->mhd); /* r may be gone from here on */
}

void http_reply(struct http_request *r, const struct http_answer *a)
{
    http_request_answer(r, make_response(a), a);
}

void http_suspend(struct http_request *r)
{
    r->suspended = true;
    MHD_suspend_connection(r->mhd);
}

/* ---- the access handler ---- */

/* Headers are here, the body is not. An answer now means that the rest of the connection
 * is not parsed: what makes refusing safe. */
static enum MHD_Result on_head(struct http_request *r)
{
    const struct http_guard_verdict *v = &r->verdict;
    /* What is only read to be thrown away gets no time for its size. */
    uint64_t wait_s = v->e == ERR_OK ? v->content_length / BYTES_PER_SECOND : 0;
    if (wait_s > 3600)
        wait_s = 3600;
    http_connection_allow(r->connection,
                          (r->listener->cfg.body_timeout_s + (int64_t)wait_s) * 1000);
    if (v->e == ERR_OK)
        return MHD_YES;
    /* A client that is still sending would see a reset instead of the answer. */
    if (v->framed && v->content_length > 0 && v->content_length <= DISCARD_MAX)
        return MHD_YES;
    reply_error(r, v->e, v->detail);
    return queue(r);
}

static void on_body(struct http_request *r, const char *data, size_t n)
{
    if (r->verdict.e == ERR_OK)
        buf_add(&r->body, data, n);
    if (r->body.overflow)
        r->verdict.e = ERR_TOO_LARGE;
}

static enum MHD_Result on_complete(struct http_request *r)
{
    struct http_listener *l = r->listener;
    if (r->verdict.e != ERR_OK) {
        reply_error(r, r->verdict.e, r->verdict.detail);
        return queue(r);
    }
    r->delivered = true;
    atomic_fetch_add_explicit(&l->in_flight, 1, memory_order_relaxed);
    http_connection_turn(l, r->connection, true);
    allow_answer(r);
    l->fn(r, l->arg);
    if (r->suspended)
        return MHD_YES; /* and not touched again: the other thread has it */
    if (!r->response)
        reply_error(r, ERR_INTERNAL, NULL);
    return queue(r);
}

enum MHD_Result http_request_access(void *arg, struct MHD_Connection *mhd,
                                    const char *url, const char *method,
                                    const char *version, const char *upload,
                                    size_t *upload_size, void **ctx)
{
    (void)arg, (void)mhd, (void)url;
    struct http_request *r = *ctx;
    if (!r->headers_seen) {
        read_head(r, method, version);
        return on_head(r);
    }
    if (*upload_size > 0) {
        on_body(r, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    if (!r->delivered)
        return on_complete(r);
    /* Again after a resume, or spuriously while it is suspended. */
    return r->response ? queue(r) : MHD_YES;
}

/* ---- what users read ---- */

struct str http_method(const struct http_request *r)
{
    return r->method;
}

struct str http_path(const struct http_request *r)
{
    return r->path;
}

struct str http_query(const struct http_request *r)
{
    return r->query;
}

struct str http_body(const struct http_request *r)
{
    return buf_get(&r->body);
}

unsigned http_headers(const struct http_request *r, const char *name, struct str *ret,
                      unsigned most)
{
    size_t n = strlen(name);
    unsigned found = 0;
    for (unsigned i = 0; i < r->nheaders; i++) {
        const struct http_pair *h = &r->headers[i];
        if (h->name.n != n || strncasecmp(h->name.p, name, n) != 0)
            continue;
        if (found < most)
            ret[found] = h->value;
        found++;
    }
    return found;
}

struct str http_header(const struct http_request *r, const char *name)
{
    size_t n = strlen(name);
    for (unsigned i = 0; i < r->nheaders; i++)
        if (r->headers[i].name.n == n && strncasecmp(r->headers[i].name.p, name, n) == 0)
            return r->headers[i].value;
    return (struct str){ "", 0 };
}

struct str http_header_list(const struct http_request *r, const char *name,
                            struct buf *joined)
{
    struct str found[HTTP_HEADERS_MAX];
    unsigned n = http_headers(r, name, found, HTTP_HEADERS_MAX);
    if (n == 0)
        return (struct str){ "", 0 };
    if (n == 1)
        return found[0];
    for (unsigned i = 0; i < n; i++) {
        buf_cstr(joined, i ? ", " : "");
        buf_str(joined, found[i]);
    }
    return buf_get(joined);
}

const char *http_client(const struct http_request *r)
{
    return r->connection->client;
}

int64_t http_started_us(const struct http_request *r)
{
    return r->started_us;
}
