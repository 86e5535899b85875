/* The telemetry socket and the probes of silent replicas. */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/id.h"
#include "monitor/app.h"
#include "monitor/attention.h"
#include "monitor/history.h"
#include "monitor/live.h"
#include "monitor/task_events.h"
#include "monitor/watch.h"
#include "svc/log.h"
#include "svc/metrics.h"

enum { TICK_MS = 500, PROBE_TIMEOUT_MS = 800, BATCH_MAX = 512, PROBES_MAX = 16 };

static void on_beat(struct monitor_app *app, const char *sender, const json_t *m)
{
    replicas_beat(&app->replicas, sender, m, clock_mono_ms(), clock_wall_us());
}

static void on_bye(struct monitor_app *app, const char *sender, const json_t *m)
{
    replicas_bye(&app->replicas, sender, m, clock_mono_ms(), clock_wall_us());
}

static void on_span(struct monitor_app *app, const char *sender, const json_t *m)
{
    const char *service = json_string_value(json_object_get(m, "service"));
    if (service && strcmp(service, sender) == 0)
        spans_add(&app->spans, m);
}

/* A mail changed: passed on to the pages, as a hint to ask the mailer. */
static void on_job(struct monitor_app *app, const char *sender, const json_t *m)
{
    static const char *const KEYS[] = { "job_id", "state",  "template",  "attempt",
                                        "code",   "worker", "request_id" };
    const json_t *data = json_object_get(m, "data");
    if (strcmp(sender, "mailer") != 0 || !json_is_object(data))
        return;
    task_events_note(app->events, json_string_value(json_object_get(m, "instance")),
                     data);
    json_t *hint = json_object();
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++)
        json_object_set(hint, KEYS[i], json_object_get(data, KEYS[i]));
    json_object_set(hint, "at", json_object_get(m, "at"));
    AUTO_FREE char *text = json_dumps(hint, JSON_COMPACT);
    json_decref(hint);
    if (text)
        live_say_mail(app->live, str_of(text));
}

static const struct {
    const char *kind;
    void (*fn)(struct monitor_app *app, const char *sender, const json_t *m);
} KINDS[] = {
    { "beat", on_beat }, { "bye", on_bye }, { "span", on_span }, { "job", on_job }
};

static void take_message(struct monitor_app *app, struct str kind, zmq_msg_t *body)
{
    const char *sender = zmq_msg_gets(body, "name");
    json_t *m =
        json_loadb(zmq_msg_data(body), zmq_msg_size(body), JSON_REJECT_DUPLICATES, NULL);
    for (size_t i = 0; m && sender && i < ARRAY_LEN(KINDS); i++)
        if (str_eq(kind, str_of(KINDS[i].kind)))
            KINDS[i].fn(app, sender, m);
    json_decref(m);
}

/* One message of [kind][JSON]; false when there is none. */
static bool receive(struct monitor_app *app)
{
    char kind[16];
    zmq_msg_t body;
    int n = zmq_recv(app->telemetry, kind, sizeof kind, ZMQ_DONTWAIT);
    if (n < 0)
        return false;
    zmq_msg_init(&body);
    int more = 0;
    size_t size = sizeof more;
    zmq_getsockopt(app->telemetry, ZMQ_RCVMORE, &more, &size);
    bool whole = more && n <= (int)sizeof kind &&
                 zmq_msg_recv(&body, app->telemetry, ZMQ_DONTWAIT) >= 0;
    if (whole && !zmq_msg_more(&body))
        take_message(app, (struct str){ kind, (size_t)n }, &body);
    while (whole && zmq_msg_more(&body))
        whole = zmq_msg_recv(&body, app->telemetry, ZMQ_DONTWAIT) >= 0;
    zmq_msg_close(&body);
    return true;
}

static void on_telemetry(void *arg)
{
    struct monitor_app *app = arg;
    for (int i = 0; i < BATCH_MAX && receive(app); i++)
        ;
}

/* ---- probes ---- */

struct probe {
    struct probe *next;
    struct monitor_app *app;
    struct rpc_client *client;
    int fd; /* a plain connection beside the call; -1 without one */
    struct loop_source *fd_source;
    bool accepted; /* the kernel took it: the process is there, whether it answers or not
                    */
    char service[32], instance[64];
};

static void probe_close(void *arg)
{
    struct probe *p = arg, **at = &p->app->probes;
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    rpc_client_free(&p->client);
    loop_remove(&p->fd_source);
    if (p->fd >= 0)
        close(p->fd);
    p->app->nprobes--;
    free(p);
}

/* A stopped process finishes no handshake, so to the RPC client it looks like one that
 * has gone; but its kernel still accepts connections, and a dead one's refuses them. */
static void on_connected(void *arg, int events)
{
    struct probe *p = arg;
    int error = 0;
    socklen_t size = sizeof error;
    (void)events;
    if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0)
        p->accepted = error == 0;
    loop_set_events(p->fd_source, 0);
}

/* endpoint: tcp://ADDRESS:PORT, numeric as beats carry it. */
static void dial(struct probe *p, const char *endpoint)
{
    char host[INET_ADDRSTRLEN] = "";
    unsigned short port;
    struct sockaddr_in to = { .sin_family = AF_INET };
    if (sscanf(endpoint, "tcp://%15[0-9.]:%hu", host, &port) != 2 ||
        inet_pton(AF_INET, host, &to.sin_addr) != 1)
        return;
    to.sin_port = htons(port);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        return;
    if (connect(p->fd, (struct sockaddr *)&to, sizeof to) == 0)
        p->accepted = true;
    else if (errno == EINPROGRESS)
        p->fd_source = loop_add_fd(p->app->svc->loop, p->fd, LOOP_WRITE, on_connected, p);
}

static struct replica *probed_replica(struct probe *p)
{
    struct replicas *t = &p->app->replicas;
    for (unsigned i = 0; i < t->n; i++)
        if (strcmp(t->r[i]->service, p->service) == 0 &&
            strcmp(t->r[i]->instance, p->instance) == 0)
            return t->r[i];
    return NULL;
}

static void on_probe(void *arg, enum err e, const struct frame *reply)
{
    struct probe *p = arg;
    struct replica *r = probed_replica(p);
    bool there = p->accepted || e == ERR_DEADLINE;
    enum replica_probe outcome = reply   ? PROBE_ANSWERED
                                 : there ? PROBE_NO_ANSWER
                                         : PROBE_UNREACHABLE;
    if (r)
        replica_probed(r, outcome, clock_mono_ms());
    /* The client is in the middle of calling us: it is closed at the next turn. */
    loop_post(p->app->svc->loop, probe_close, p);
}

static void probe(struct monitor_app *app, struct replica *r)
{
    const struct contract_method *ping =
        contract_by_name(app->svc->contract, "control.ping");
    struct frame req = { .method = ping->number };
    struct rpc_client *client =
        r->control[0] ? svc_client(app->svc, r->service, r->control) : NULL;
    if (!client) {
        replica_probed(r, PROBE_UNREACHABLE, clock_mono_ms());
        return;
    }
    struct probe *p = xcalloc(1, sizeof *p);
    p->app = app;
    p->client = client;
    p->fd = -1;
    dial(p, r->control);
    memcpy(p->service, r->service, sizeof p->service);
    memcpy(p->instance, r->instance, sizeof p->instance);
    r->probing = true;
    p->next = app->probes;
    app->probes = p;
    app->nprobes++;
    id_uuid7(req.request_id);
    rpc_call(client, &req, PROBE_TIMEOUT_MS, false, on_probe, p);
}

static void on_tick(void *arg)
{
    struct monitor_app *app = arg;
    int64_t now = clock_mono_ms();
    for (unsigned i = 0; i < app->replicas.n && app->nprobes < PROBES_MAX; i++)
        if (replica_wants_probe(app->replicas.r[i], now))
            probe(app, app->replicas.r[i]);
    replicas_tick(&app->replicas, now, clock_wall_us());
    attention_tick(app);
    monitor_sessions_tick(app);
    watch_tick(app->watch);
    if (app->ticks++ % (1000 / TICK_MS) != 0)
        return;
    live_tick(app->live);
    history_tick(app->history);
}

bool monitor_intake_start(struct monitor_app *app)
{
    struct svc *svc = app->svc;
    app->telemetry = keys_server_socket(svc->keys, ZMQ_SUB);
    if (!app->telemetry || zmq_setsockopt(app->telemetry, ZMQ_SUBSCRIBE, "", 0) != 0 ||
        keys_bind(app->telemetry, app->cfg->telemetry_listen) != 0) {
        log_fatal("telemetry", "cannot listen", F_STR("at", app->cfg->telemetry_listen),
                  F_STR("why", zmq_strerror(zmq_errno())));
        return false;
    }
    app->telemetry_source = loop_add_socket(svc->loop, app->telemetry, on_telemetry, app);
    app->tick = loop_timer(svc->loop, TICK_MS, TICK_MS, on_tick, app);
    return true;
}

void monitor_intake_stop(struct monitor_app *app)
{
    loop_timer_cancel(&app->tick);
    while (app->probes) /* the loop has ended: none is in the middle of calling us */
        probe_close(app->probes);
    loop_remove(&app->telemetry_source);
    if (app->telemetry)
        keys_socket_free(app->svc->keys, &app->telemetry);
}
