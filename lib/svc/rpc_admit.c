/* From a message to a call: who asks, may he, is there room; then the handler. */
#include "svc/rpc_server_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/keys.h"
#include "svc/log.h"
#include "svc/svc.h"

/* ---- admission ---- */

/* A request on its way to being a call. */
struct arrival {
    zmq_msg_t id, message;
    struct frame frame;
    const char *peer, *key;
    const struct rpc_method *method; /* NULL: unknown */
};

static const struct rpc_method *find_method(const struct rpc_server *s, uint16_t number)
{
    unsigned slot = number < s->nslots ? s->slot_of[number] : 0;
    return slot ? &s->methods[slot - 1] : NULL;
}

static bool is_control(const struct rpc_method *m)
{
    return m->contract->number <= RPC_CONTROL_LAST;
}

static bool actor_believed(const struct rpc_server *s, const char *peer)
{
    return strcmp(peer, "gateway") == 0 || strcmp(peer, "monitor") == 0 ||
           strcmp(peer, s->svc->def->name) == 0;
}

static enum err check_actor(const struct contract_method *m, const struct frame *f)
{
    if (m->auth == AUTH_ADMIN && f->actor_role != ROLE_ADMIN)
        return f->actor_id ? ERR_PERMISSION_DENIED : ERR_NOT_AUTHENTICATED;
    if (m->auth == AUTH_USER && f->actor_id == 0)
        return ERR_NOT_AUTHENTICATED;
    return ERR_OK;
}

/* An operator's drain keeps work away, not operators: they still look and act, and undo
 * it. A process that ends refuses everybody. */
static bool is_refusing(const struct rpc_server *s, const char *peer)
{
    return s->draining && (s->svc->draining || strcmp(peer, "monitor") != 0);
}

static enum err check_room(const struct rpc_server *s, const struct arrival *a)
{
    const struct contract_method *m = a->method->contract;
    if (a->frame.budget_ms == 0)
        return ERR_EXPIRED;
    if (!m->bulk && a->frame.body.n > FRAME_REQUEST_MAX)
        return ERR_TOO_LARGE;
    if (is_control(a->method))
        return ERR_OK;
    if (is_refusing(s, a->peer))
        return ERR_DRAINING;
    return s->held >= RPC_IN_FLIGHT_MAX ? ERR_OVERLOADED : ERR_OK;
}

/* Everything that is decided before a handler sees the request. */
static enum err admit(struct rpc_server *s, struct arrival *a)
{
    const struct str bytes = { zmq_msg_data(&a->message), zmq_msg_size(&a->message) };
    enum err e = frame_decode(bytes, &a->frame);
    if (!keys_allowed(s->svc->keys, a->peer, a->key))
        return ERR_PEER_NOT_ALLOWED;
    if (e != ERR_OK)
        return e;
    if (a->frame.flags & FRAME_REPLY)
        return ERR_BAD_FRAME;
    a->method = find_method(s, a->frame.method);
    if (!a->method)
        return ERR_UNKNOWN_METHOD;
    if (!contract_peer_allowed(a->method->contract, a->peer))
        return ERR_PEER_NOT_ALLOWED;
    if (!actor_believed(s, a->peer)) {
        a->frame.actor_id = 0;
        a->frame.actor_role = ROLE_ANONYMOUS;
    }
    e = check_room(s, a);
    return e != ERR_OK ? e : check_actor(a->method->contract, &a->frame);
}

/* Once a minute at most: a peer without permission would otherwise write our log. */
static void log_refusal(struct rpc_server *s, const struct arrival *a)
{
    enum { EVERY_MS = 60 * 1000 };
    int64_t now = loop_now_ms(s->svc->loop);
    if (s->refused_logged_ms && now - s->refused_logged_ms < EVERY_MS)
        return;
    s->refused_logged_ms = now;
    log_warn("rpc", "peer not allowed", F_STR("peer", a->peer),
             F_INT("method", a->frame.method), F_ID("request_id", a->frame.request_id));
}

static void refuse(struct rpc_server *s, struct arrival *a, enum err e)
{
    const struct reply r = { .status = (uint16_t)e };
    if (e == ERR_PEER_NOT_ALLOWED)
        log_refusal(s, a);
    rpc_server_count_refused(a->method, e);
    rpc_server_send(s, &a->id, &a->frame, &r);
    zmq_msg_close(&a->id);
    zmq_msg_close(&a->message);
}

/* ---- calls ---- */

static struct call_private *take_call(struct rpc_server *s)
{
    struct call_private *p = s->free;
    if (p) {
        s->free = p->next;
    } else {
        p = xcalloc(1, sizeof *p);
        buf_init(&p->call.meta, FRAME_META_MAX);
    }
    s->held++;
    return p;
}

static void enter_open_list(struct rpc_server *s, struct call_private *p)
{
    call_list_add(&s->open, p);
    s->in_flight++;
    metric_set(s->in_flight_gauge, s->in_flight);
}

static void sweep(void *arg)
{
    struct rpc_server *s = arg;
    int64_t now = clock_mono_ms();
    struct call_private *p = s->open;
    while (p) {
        struct call_private *next = p->next;
        if (p->call.deadline_ms <= now)
            call_give_up(p, ERR_DEADLINE);
        p = next;
    }
    if (!s->open)
        loop_timer_cancel(&s->sweep);
}

static void open_call(struct rpc_server *s, struct arrival *a)
{
    struct call_private *p = take_call(s);
    struct call *c = &p->call;
    p->server = s;
    p->method = a->method;
    p->state = CALL_OPEN;
    zmq_msg_init(&p->id);
    zmq_msg_init(&p->message);
    zmq_msg_move(&p->id, &a->id);
    zmq_msg_move(&p->message, &a->message); /* the bytes stay where they are */
    p->actor_trusted = actor_believed(s, a->peer);
    c->svc = s->svc;
    c->app = s->svc->app;
    c->method = a->method->contract;
    c->frame = a->frame;
    c->peer = zmq_msg_gets(&p->message, "name");
    c->priv = p;
    c->started_us = clock_mono_us();
    c->deadline_ms = c->started_us / 1000 + a->frame.budget_ms;
    c->body = c->query = (struct values){ 0 };
    arena_init(&c->arena);
    c->actor_name = call_record(c, REC_ACTOR_NAME);
    enter_open_list(s, p);
    if (!s->sweep)
        s->sweep = loop_timer(s->svc->loop, RPC_SWEEP_MS, RPC_SWEEP_MS, sweep, s);
    a->method->fn(c); /* may have answered: c is not ours any more */
}

/* ---- receiving ---- */

static bool receive_part(struct rpc_server *s, zmq_msg_t *m)
{
    zmq_msg_close(m);
    zmq_msg_init(m);
    return zmq_msg_recv(m, s->socket, ZMQ_DONTWAIT) >= 0;
}

/* Reads to the end of a message that is not [id] [empty] [frame]. */
static void skip_rest(struct rpc_server *s, zmq_msg_t *m)
{
    while (zmq_msg_more(m) && receive_part(s, m))
        continue;
}

enum received { RECEIVED_NOTHING, RECEIVED_JUNK, RECEIVED_REQUEST };

static enum received receive(struct rpc_server *s, struct arrival *a)
{
    zmq_msg_init(&a->message);
    zmq_msg_init(&a->id);
    if (!receive_part(s, &a->id))
        return RECEIVED_NOTHING;
    bool shaped = zmq_msg_more(&a->id) && receive_part(s, &a->message) &&
                  zmq_msg_size(&a->message) == 0 && zmq_msg_more(&a->message) &&
                  receive_part(s, &a->message) && !zmq_msg_more(&a->message);
    if (shaped)
        return RECEIVED_REQUEST;
    skip_rest(s, &a->message);
    return RECEIVED_JUNK;
}

static void discard(struct arrival *a, const char *cause)
{
    if (cause)
        rpc_server_dropped(cause);
    zmq_msg_close(&a->id);
    zmq_msg_close(&a->message);
}

/* One message; false when there is none. */
static bool take_one(struct rpc_server *s)
{
    struct arrival a = { 0 };
    enum received got = receive(s, &a);
    if (got != RECEIVED_REQUEST) {
        discard(&a, got == RECEIVED_JUNK ? "not_a_request" : NULL);
        return got == RECEIVED_JUNK;
    }
    a.peer = zmq_msg_gets(&a.message, "name");
    a.key = zmq_msg_gets(&a.message, "User-Id");
    if (!a.peer || !a.key) {
        discard(&a, "no_identity");
        return true;
    }
    enum err e = admit(s, &a);
    if (e == ERR_OK && a.frame.method == RPC_METHOD_PING)
        rpc_tell_note(s, &a.id, a.frame.tag);
    if (e == ERR_OK)
        open_call(s, &a);
    else
        refuse(s, &a, e);
    return true;
}

void rpc_server_receive(void *arg)
{
    struct rpc_server *s = arg;
    for (unsigned n = 0; n < RPC_TURN_MAX && s->socket; n++)
        if (!take_one(s))
            return;
}
