#include "monitor/replica_call.h"

#include "base/id.h"
#include "monitor/app.h"

struct one_call {
    struct api *a;
    struct rpc_client *client;
    struct monitor_app *app;
    void (*fn)(struct api *a, enum err e, const struct frame *reply);
};

static void close_call(void *arg)
{
    struct one_call *c = arg;
    rpc_client_free(&c->client);
    c->app->calls--;
    free(c);
}

static void on_reply(void *arg, enum err e, const struct frame *reply)
{
    struct one_call *c = arg;
    c->fn(c->a, e, reply);
    /* The client is in the middle of calling us: it is closed at the next turn. */
    loop_post(c->app->svc->loop, close_call, c);
}

static void not_there(void *arg)
{
    struct one_call *c = arg;
    c->fn(c->a, ERR_UNAVAILABLE, NULL);
    c->app->calls--;
    free(c);
}

void replica_call(struct api *a, const struct replica *r, const char *method,
                  struct str body,
                  void (*fn)(struct api *a, enum err e, const struct frame *reply))
{
    const struct contract_method *m = contract_by_name(a->app->svc->contract, method);
    struct frame req = { .method = m->number, .body = body };
    struct one_call *c = xcalloc(1, sizeof *c);
    AUTO_BUF struct buf meta;
    buf_init(&meta, FRAME_META_MAX);
    c->a = a;
    c->app = a->app;
    c->fn = fn;
    a->app->calls++;
    c->client = r->control[0] ? svc_client(a->app->svc, r->service, r->control) : NULL;
    if (!c->client) {
        loop_post(a->app->svc->loop, not_there, c);
        return;
    }
    if (body.n > 0)
        record_add(&meta, REC_CONTENT_TYPE, STR("application/json"));
    req.meta = buf_get(&meta);
    id_uuid7(req.request_id);
    rpc_call(c->client, &req, m->timeout_ms, false, on_reply, c);
}
