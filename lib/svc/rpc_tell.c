/*
 * Telling callers of a drain before it costs them a call. A caller that pings with
 * FRAME_TAG_TELL is sent an answer to that ping once more whenever a drain begins or
 * ends; it answers with FRAME_TAG_TOLD. What it sent before that has arrived by then,
 * because messages of one connection stay in order, so a service that ends afterwards
 * leaves no request unread (proto/PROTOCOL.md 4, "drain").
 */
#include "svc/rpc_server_private.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum { TOLD_WITHIN_MS = 1000 };

static struct rpc_told *find(struct rpc_server *s, const void *id, size_t n)
{
    for (unsigned i = 0; i < s->ntold; i++)
        if (s->told[i].n == n && memcmp(s->told[i].id, id, n) == 0)
            return &s->told[i];
    return NULL;
}

void rpc_tell_note(struct rpc_server *s, zmq_msg_t *id, uint64_t tag)
{
    size_t n = zmq_msg_size(id);
    if ((tag & ~UINT64_C(1)) != FRAME_TAG_TELL || n > RPC_TOLD_ID)
        return;
    struct rpc_told *t = find(s, zmq_msg_data(id), n);
    if (!t && s->ntold < RPC_TOLD_MAX) {
        t = &s->told[s->ntold++];
        *t = (struct rpc_told){ .n = n };
        memcpy(t->id, zmq_msg_data(id), n);
    }
    if (t)
        t->knows = tag != FRAME_TAG_TELL || (!s->draining && !s->leaving);
}

static bool tell(struct rpc_server *s, const struct rpc_told *t)
{
    const struct frame ping = { .method = RPC_METHOD_PING, .tag = FRAME_TAG_TELL };
    const struct reply r = { .status = 200 };
    zmq_msg_t id;
    if (zmq_msg_init_size(&id, t->n) != 0)
        return false;
    memcpy(zmq_msg_data(&id), t->id, t->n);
    bool sent = rpc_server_send(s, &id, &ping, &r);
    zmq_msg_close(&id);
    return sent;
}

void rpc_tell_all(struct rpc_server *s)
{
    for (unsigned i = 0; i < s->ntold;) {
        if (tell(s, &s->told[i]))
            s->told[i++].knows = false;
        else
            s->told[i] = s->told[--s->ntold]; /* it has gone */
    }
    s->tell_by_ms = clock_mono_ms() + TOLD_WITHIN_MS;
}

bool rpc_server_settled(const struct rpc_server *s)
{
    if (clock_mono_ms() >= s->tell_by_ms)
        return true;
    for (unsigned i = 0; i < s->ntold; i++)
        if (!s->told[i].knows)
            return false;
    return true;
}
