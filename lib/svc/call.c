#include "base/clock.h"
#include "base/jsonw.h"
#include "svc/log.h"
#include "svc/rpc_server_private.h"
#include "svc/svc.h"

void call_list_add(struct call_private **head, struct call_private *p)
{
    p->prev = NULL;
    p->next = *head;
    if (*head)
        (*head)->prev = p;
    *head = p;
}

static void list_remove(struct call_private **head, struct call_private *p)
{
    if (p->prev)
        p->prev->next = p->next;
    else
        *head = p->next;
    if (p->next)
        p->next->prev = p->prev;
    p->next = p->prev = NULL;
}

void call_release(struct call_private *p)
{
    struct rpc_server *s = p->server;
    if (p->state == CALL_GONE)
        list_remove(&s->gone, p);
    zmq_msg_close(&p->id);
    zmq_msg_close(&p->message);
    arena_deinit(&p->call.arena);
    json_decref(p->body_tree);
    json_decref(p->query_tree);
    p->body_tree = p->query_tree = NULL;
    p->state = CALL_FREE;
    buf_clear(&p->call.meta);
    s->held--;
    p->next = s->free;
    s->free = p;
}

/* Slow, failed and mail-bound requests are drawn on the dashboard. */
static void report_span(const struct call_private *p, unsigned status, int64_t took_us)
{
    const struct contract_method *m = p->method->contract;
    int http = status < 1000 ? (int)status : err_info((enum err)status)->status;
    if (took_us < RPC_SLOW_US && http < 500 && !m->mail_bound)
        return;
    const struct telemetry_span span = {
        .request_id = p->call.frame.request_id,
        .trace_id = p->call.frame.trace_id,
        .name = m->name,
        .start_us = clock_wall_us() - took_us,
        .duration_us = took_us,
        .status = (int)status,
    };
    telemetry_span(p->call.svc->telemetry, &span);
}

/* What may have changed something leaves a line, so that a request's id can be followed
 * from daemon to daemon; reads do at debug level. */
static void log_answer(const struct call_private *p, unsigned status, int64_t took_us)
{
    const struct contract_method *m = p->method->contract;
    const struct frame *f = &p->call.frame;
    bool reads = !m->verb || strcmp(m->verb, "GET") == 0;
    LOG_AT(reads ? LEVEL_DEBUG : LEVEL_INFO, "rpc", "answered", F_STR("method", m->name),
           F_STR("result", status < 1000 ? "ok" : err_info((enum err)status)->code),
           F_INT("duration_us", took_us),
           F_INT("user_id", p->actor_trusted ? f->actor_id : 0),
           F_ID("request_id", f->request_id), F_ID("trace_id", f->trace_id));
}

static void send_answer(struct call_private *p, unsigned status, struct str meta,
                        struct str body)
{
    struct rpc_server *s = p->server;
    const struct reply r = { (uint16_t)status, meta, body };
    int64_t took_us = clock_mono_us() - p->call.started_us;
    list_remove(&s->open, p);
    s->in_flight--; /* before the load record is written: this one is done */
    metric_set(s->in_flight_gauge, s->in_flight);
    rpc_server_send(s, &p->id, &p->call.frame, &r);
    rpc_server_count(p->method, status, took_us);
    report_span(p, status, took_us);
    log_answer(p, status, took_us);
}

static void answer(struct call *c, unsigned status, struct str body)
{
    struct call_private *p = c->priv;
    if (p->state == CALL_FREE)
        BUG("a call was answered twice");
    if (p->state == CALL_OPEN) {
        const struct str none = { 0 };
        if (!c->meta.overflow && body.n <= FRAME_REPLY_MAX) {
            send_answer(p, status, buf_get(&c->meta), body);
        } else {
            log_error("rpc", "reply too large", F_STR("method", c->method->name),
                      F_INT("body", body.n), F_ID("request_id", c->frame.request_id));
            send_answer(p, ERR_INTERNAL, none, none);
        }
    }
    call_release(p);
}

void call_give_up(struct call_private *p, enum err e)
{
    const struct str none = { 0 };
    send_answer(p, (unsigned)e, none, none);
    p->state = CALL_GONE;
    call_list_add(&p->server->gone, p);
}

/* ---- answers ---- */

void call_reply(struct call *c, int status, struct str body)
{
    enum { OK = 200 };
    if (status == 0)
        status = c->method->success;
    answer(c, status ? (unsigned)status : OK, body);
}

void call_fail(struct call *c, enum err e)
{
    call_fail_details(c, e, (struct str){ 0 });
}

void call_fail_details(struct call *c, enum err e, struct str details_json)
{
    answer(c, e == ERR_OK ? ERR_INTERNAL : (unsigned)e, details_json);
}

void call_fail_field(struct call *c, const char *field, const char *message)
{
    struct buf details;
    struct jsonw w;
    buf_init(&details, FRAME_META_MAX);
    jw_begin(&w, &details);
    jw_object(&w);
    jw_key(&w, field);
    jw_array(&w);
    jw_str(&w, str_of(message));
    jw_array_end(&w);
    jw_object_end(&w);
    jw_end(&w);
    call_fail_details(c, ERR_VALIDATION, buf_get(&details));
    buf_deinit(&details);
}

bool call_gone(const struct call *c)
{
    return c->priv->state != CALL_OPEN;
}

/* ---- the request ---- */

struct str call_record(const struct call *c, enum frame_record type)
{
    struct str value = { 0 };
    bool of_actor = type == REC_ACTOR_NAME || type == REC_SESSION_ID ||
                    type == REC_USER_VERSION || type == REC_AUTH_TIME;
    if (!of_actor || c->priv->actor_trusted)
        record_get(c->frame.meta, type, 0, &value);
    return value;
}

struct str call_path(const struct call *c, unsigned nth)
{
    struct str value = { 0 };
    record_get(c->frame.meta, REC_PATH_PARAM, nth, &value);
    return value;
}

bool call_path_id(const struct call *c, unsigned nth, int64_t *ret)
{
    int64_t id;
    if (!str_to_i64(call_path(c, nth), &id) || id <= 0)
        return false;
    *ret = id;
    return true;
}

uint32_t call_budget_ms(const struct call *c)
{
    int64_t left = c->deadline_ms - clock_mono_ms();
    return left < 1 ? 1 : (uint32_t)left;
}

/* Methods that only services call speak JSON unless the caller says otherwise. */
static struct str media_type(const struct call *c)
{
    struct str type = call_record(c, REC_CONTENT_TYPE);
    return type.n == 0 && !c->method->verb ? STR("application/json") : type;
}

/* Decodes again from scratch: a check first and the real thing later are both fine. */
static enum err decode_body(struct call *c, enum schema_mode mode, struct buf *details)
{
    if (!c->method->body)
        BUG("this method's contract has no body");
    json_decref(c->priv->body_tree);
    c->priv->body_tree = NULL;
    return body_decode(c->method->body, media_type(c), c->frame.body, mode, &c->arena,
                       &c->body, &c->priv->body_tree, details);
}

enum err call_body_check(struct call *c, enum schema_mode mode, struct buf *details)
{
    return decode_body(c, mode, details);
}

/* Answers when e is an error. */
static bool verdict(struct call *c, enum err e, struct buf *details)
{
    if (e != ERR_OK)
        call_fail_details(c, e, buf_get(details));
    buf_deinit(details);
    return e == ERR_OK;
}

bool call_body(struct call *c, enum schema_mode mode)
{
    struct buf details;
    buf_init(&details, FRAME_REPLY_MAX);
    return verdict(c, decode_body(c, mode, &details), &details);
}

enum err call_query_check(struct call *c, struct buf *details)
{
    if (!c->method->query)
        BUG("this method's contract has no query");
    json_decref(c->priv->query_tree);
    c->priv->query_tree = NULL;
    return query_decode(c->method->query, call_record(c, REC_QUERY), &c->arena, &c->query,
                        &c->priv->query_tree, details);
}

bool call_query(struct call *c)
{
    struct buf details;
    buf_init(&details, FRAME_REPLY_MAX);
    return verdict(c, call_query_check(c, &details), &details);
}
