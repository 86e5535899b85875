#include "svc/rpc_server_private.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "svc/control.h"
#include "svc/keys.h"
#include "svc/log.h"
#include "svc/svc.h"

/* ---- start and stop ---- */

static bool of_service(const struct contract_method *m, const char *service)
{
    return !m->local &&
           (strcmp(m->service, service) == 0 || strcmp(m->service, "*") == 0);
}

static call_fn *find_handler(const struct rpc_handler *h, const char *name)
{
    for (; h && h->method; h++)
        if (strcmp(h->method, name) == 0)
            return h->fn;
    return NULL;
}

static void add_method(struct rpc_server *s, const struct contract_method *m, call_fn *fn)
{
    char labels[128];
    size_t errors;
    err_table(&errors);
    struct rpc_method *row = &s->methods[s->nmethods++];
    snprintf(labels, sizeof labels, "method=\"%s\"", m->name);
    row->contract = m;
    row->fn = fn;
    row->duration = metric_histogram("rpc_server_request_duration_seconds",
                                     "Time from arrival to answer", labels);
    row->results = xcalloc(errors + 1, sizeof *row->results);
    s->slot_of[m->number] = (uint16_t)s->nmethods;
}

static size_t count_handlers(const struct rpc_handler *h)
{
    size_t n = 0;
    while (h && h[n].method)
        n++;
    return n;
}

/* Builds the dispatch table; false when handlers and contract are not the same set. */
static bool build_table(struct rpc_server *s, const struct rpc_handler *handlers)
{
    size_t n;
    const char *service = s->svc->def->name;
    const struct contract_method *all = contract_methods(s->svc->contract, &n);
    s->methods = xcalloc(n ? n : 1, sizeof *s->methods);
    s->nslots = n ? all[n - 1].number + 1u : 1;
    s->slot_of = xcalloc(s->nslots, sizeof *s->slot_of);
    for (size_t i = 0; i < n; i++) {
        const struct contract_method *m = &all[i];
        if (!of_service(m, service))
            continue;
        call_fn *fn = find_handler(handlers, m->name);
        fn = fn ? fn : find_handler(CONTROL_HANDLERS, m->name);
        if (!fn) {
            log_fatal("rpc", "method without a handler", F_STR("method", m->name));
            return false;
        }
        add_method(s, m, fn);
    }
    size_t want = count_handlers(handlers) + count_handlers(CONTROL_HANDLERS);
    if (s->nmethods != want)
        log_fatal("rpc", "a handler is not in the contract", F_INT("handlers", want),
                  F_INT("methods", s->nmethods));
    return s->nmethods == want;
}

static bool bind_socket(struct rpc_server *s, const char *endpoint)
{
    size_t size = sizeof s->endpoint;
    s->socket = keys_server_socket(s->svc->keys, ZMQ_ROUTER);
    if (s->socket && keys_bind(s->socket, endpoint) == 0 &&
        zmq_getsockopt(s->socket, ZMQ_LAST_ENDPOINT, s->endpoint, &size) == 0)
        return true;
    log_fatal("rpc", "cannot bind", F_STR("endpoint", endpoint),
              F_STR("why", zmq_strerror(zmq_errno())));
    return false;
}

struct rpc_server *rpc_server_start(struct svc *svc, const char *endpoint,
                                    const struct rpc_handler *handlers)
{
    struct rpc_server *s = xcalloc(1, sizeof *s);
    s->svc = svc;
    s->unsent = xcalloc(1, sizeof *s->unsent);
    atomic_init(&s->unsent->refs, 1);
    s->in_flight_gauge =
        metric_gauge("rpc_server_in_flight", "Calls taken and not answered", "");
    if (!build_table(s, handlers) || !bind_socket(s, endpoint)) {
        rpc_server_free(&s);
        return NULL;
    }
    s->source = loop_add_socket(svc->loop, s->socket, rpc_server_receive, s);
    return s;
}

void rpc_server_drain(struct rpc_server *s, bool on)
{
    if (s->draining == on)
        return;
    s->draining = on;
    rpc_tell_all(s);
}

void rpc_server_leave(struct rpc_server *s)
{
    if (s->leaving)
        return;
    s->leaving = true;
    rpc_tell_all(s);
}

bool rpc_server_draining(const struct rpc_server *s)
{
    return s->draining;
}

unsigned rpc_server_in_flight(const struct rpc_server *s)
{
    return s->in_flight;
}

const char *rpc_server_endpoint(const struct rpc_server *s)
{
    return s->endpoint;
}

static void free_calls(struct rpc_server *s)
{
    while (s->gone)
        call_release(s->gone);
    while (s->free) {
        struct call_private *p = s->free;
        s->free = p->next;
        buf_deinit(&p->call.meta);
        free(p);
    }
}

void rpc_server_stop(struct rpc_server *s)
{
    loop_timer_cancel(&s->sweep);
    loop_remove(&s->source);
    while (s->open)
        call_give_up(s->open, ERR_OUTCOME_UNKNOWN);
    keys_socket_free(s->svc->keys, &s->socket);
}

void rpc_server_free(struct rpc_server **ps)
{
    struct rpc_server *s = *ps;
    *ps = NULL;
    if (!s)
        return;
    rpc_server_stop(s);
    free_calls(s);
    for (size_t i = 0; i < s->nmethods; i++)
        free(s->methods[i].results);
    free(s->methods);
    free(s->slot_of);
    rpc_unsent_release(s->unsent);
    free(s);
}
