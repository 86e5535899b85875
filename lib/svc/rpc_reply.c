/* Replies on their way out, and what is counted of them. */
#include "svc/rpc_server_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* ---- figures ---- */

void rpc_server_dropped(const char *cause)
{
    char labels[64];
    snprintf(labels, sizeof labels, "cause=\"%s\"", cause);
    metric_add(metric_counter("rpc_server_dropped_total",
                              "Messages and replies that could not be delivered", labels),
               1);
}

static struct metric *result_counter(const char *method, const char *result)
{
    char labels[160];
    snprintf(labels, sizeof labels, "method=\"%s\",result=\"%s\"", method, result);
    return metric_counter("rpc_server_requests_total", "Requests answered", labels);
}

/* status of a success is 0 here; an error's row in the registry is its slot. */
static void count_result(const struct rpc_method *m, unsigned status)
{
    size_t n;
    const struct err_info *table = err_table(&n);
    const struct err_info *row = status >= 1000 ? err_info((enum err)status) : NULL;
    size_t slot = row ? (size_t)(row - table) : n;
    if (!m->results[slot])
        m->results[slot] = result_counter(m->contract->name, row ? row->code : "ok");
    metric_add(m->results[slot], 1);
}

void rpc_server_count(const struct rpc_method *m, unsigned status, int64_t duration_us)
{
    count_result(m, status);
    metric_observe_us(m->duration, duration_us);
}

void rpc_server_count_refused(const struct rpc_method *m, enum err e)
{
    if (m)
        count_result(m, (unsigned)e);
    else
        metric_add(result_counter("unknown", err_info(e)->code), 1);
}

/* ---- replies ---- */

void rpc_unsent_release(struct unsent *u)
{
    if (atomic_fetch_sub(&u->refs, 1) == 1)
        free(u);
}

struct big_reply {
    struct unsent *unsent;
    size_t size;
    uint8_t bytes[];
};

/* Called by libzmq, in its I/O thread, once the bytes are on their way. */
static void big_reply_sent(void *data, void *hint)
{
    (void)data;
    struct big_reply *b = hint;
    atomic_fetch_sub(&b->unsent->bytes, (long)b->size);
    rpc_unsent_release(b->unsent);
    free(b);
}

/* An empty message of this size to write into. Big ones are counted until they have left,
 * so that slow readers cannot pile up high-water mark times 8 MiB. */
static bool make_message(struct rpc_server *s, zmq_msg_t *m, size_t size)
{
    if (size < RPC_BIG_REPLY)
        return zmq_msg_init_size(m, size) == 0;
    if (atomic_load(&s->unsent->bytes) + (long)size > RPC_UNSENT_MAX)
        return false;
    struct big_reply *b = xmalloc(sizeof *b + size);
    b->unsent = s->unsent;
    b->size = size;
    atomic_fetch_add(&s->unsent->refs, 1);
    atomic_fetch_add(&s->unsent->bytes, (long)size);
    if (zmq_msg_init_data(m, b->bytes, size, big_reply_sent, b) == 0)
        return true;
    big_reply_sent(NULL, b);
    return false;
}

static const char *send_failure(void)
{
    return zmq_errno() == EHOSTUNREACH ? "peer_gone" : "peer_slow";
}

/* [id] [empty] [frame]; all three or none. */
static bool send_parts(struct rpc_server *s, zmq_msg_t *id, zmq_msg_t *frame)
{
    bool sent = zmq_msg_send(id, s->socket, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
                zmq_send(s->socket, "", 0, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
                zmq_msg_send(frame, s->socket, ZMQ_DONTWAIT) >= 0;
    loop_used(s->source);
    if (!sent) {
        rpc_server_dropped(send_failure());
        zmq_msg_close(frame);
    }
    return sent;
}

enum { LOAD_SIZE = 6 + 12 };

/* The header's fields; what cannot be sent as it is becomes an error without a body. */
static struct frame reply_frame(const struct frame *request, const struct reply *r)
{
    struct str token;
    struct frame f = {
        .flags = FRAME_REPLY,
        .method = request->method,
        .status = r->status,
        .tag = request->tag,
        .meta = r->meta,
        .body = r->body,
    };
    memcpy(f.request_id, request->request_id, sizeof f.request_id);
    memcpy(f.trace_id, request->trace_id, sizeof f.trace_id);
    memcpy(f.span_id, request->span_id, sizeof f.span_id);
    if (f.meta.n + LOAD_SIZE > FRAME_META_MAX) {
        f.meta.n = f.body.n = 0;
        f.status = ERR_INTERNAL;
    }
    if (f.meta.n > 0 && record_get(f.meta, REC_CONTINUATION, 0, &token))
        f.flags |= FRAME_MORE;
    return f;
}

/* Header, load record, the other records, body: written once, into the message. */
static void write_reply(const struct rpc_server *s, const struct frame *f, char *out)
{
    const struct frame_load load = { s->in_flight, 0, s->draining || s->leaving };
    struct frame header = *f;
    header.meta.n += LOAD_SIZE;
    frame_put_header(&header, out);
    char record[LOAD_SIZE + 1];
    struct buf window;
    buf_init_on(&window, record, sizeof record);
    record_add_load(&window, &load);
    out = mempcpy(out + FRAME_HEADER_SIZE, record, LOAD_SIZE);
    if (f->meta.n > 0)
        out = mempcpy(out, f->meta.p, f->meta.n);
    if (f->body.n > 0)
        memcpy(out, f->body.p, f->body.n);
}

bool rpc_server_send(struct rpc_server *s, zmq_msg_t *id, const struct frame *request,
                     const struct reply *r)
{
    const size_t fixed = FRAME_HEADER_SIZE + LOAD_SIZE;
    struct frame f = reply_frame(request, r);
    zmq_msg_t message;
    if (!make_message(s, &message, fixed + f.meta.n + f.body.n)) {
        rpc_server_dropped("too_much_unsent");
        f.meta.n = f.body.n = 0;
        f.flags = FRAME_REPLY;
        f.status = ERR_OVERLOADED;
        if (zmq_msg_init_size(&message, fixed) != 0)
            return false;
    }
    write_reply(s, &f, zmq_msg_data(&message));
    return send_parts(s, id, &message);
}
