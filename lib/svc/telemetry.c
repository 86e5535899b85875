#include "svc/telemetry.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/id.h"
#include "svc/address.h"
#include "svc/metrics.h"
#include "svc/peer.h"
#include "svc/svc.h"
#include "svc/telemetry_figures.h"

enum { BEAT_MS = 1000, MESSAGE_MAX = 64 * 1024 };

struct telemetry {
    struct svc *svc;
    struct peer_link *link;
    struct loop_timer *timer;
    uint64_t seq;
    char boot_id[ID_UUID_TEXT];
    char control[80]; /* numeric endpoint of our RPC port, as others reach it */
    int64_t started_us;
};

/* Two frames: kind, JSON. Never blocks: telemetry that cannot leave is dropped. */
static void send_two(struct telemetry *t, const char *kind, struct str json)
{
    void *s = peer_link_socket(t->link);
    if (zmq_send(s, kind, strlen(kind), ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0)
        zmq_send(s, json.p, json.n, ZMQ_DONTWAIT);
}

static bool first_address(char *out, size_t size)
{
    struct ifaddrs *all, *a;
    bool found = false;
    if (getifaddrs(&all) != 0)
        return false;
    for (a = all; a && !found; a = a->ifa_next) {
        if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET)
            continue;
        const struct sockaddr_in *in = (const void *)a->ifa_addr;
        if (ntohl(in->sin_addr.s_addr) >> 24 != 127)
            found = inet_ntop(AF_INET, &in->sin_addr, out, (socklen_t)size) != NULL;
    }
    freeifaddrs(all);
    return found;
}

/* A wildcard bind is reached by our own first address; anything else as it is. */
static void find_control(struct telemetry *t)
{
    char address[INET_ADDRSTRLEN] = "127.0.0.1";
    const char *bound = rpc_server_endpoint(t->svc->rpc);
    const char *port = address_wildcard_port(bound);
    if (!port) {
        snprintf(t->control, sizeof t->control, "%s", bound);
        return;
    }
    first_address(address, sizeof address);
    snprintf(t->control, sizeof t->control, "tcp://%s:%s", address, port);
}

static void write_sender(struct telemetry *t, struct jsonw *w)
{
    char at[CLOCK_TEXT_SIZE];
    int64_t now_us = clock_wall_us();
    jw_kcstr(w, "service", t->svc->def->name);
    jw_kcstr(w, "instance", t->svc->instance);
    jw_kcstr(w, "version", SVC_VERSION);
    jw_kcstr(w, "boot_id", t->boot_id);
    jw_kint(w, "seq", (int64_t)t->seq++);
    jw_kcstr(w, "at", clock_text(now_us, at));
    jw_kint(w, "at_us", now_us);
}

static void write_process(struct jsonw *w)
{
    struct process_use use = process_use();
    jw_kint(w, "pid", getpid());
    jw_kint(w, "rss_kib", use.resident_kib);
    jw_kint(w, "cpu_us", use.cpu_us);
    double load[3];
    if (getloadavg(load, 3) != 3)
        return;
    jw_key(w, "loadavg");
    jw_array(w);
    for (int i = 0; i < 3; i++)
        jw_double(w, load[i]);
    jw_array_end(w);
}

static void write_state(struct svc *svc, struct jsonw *w)
{
    const char *why;
    bool ready = svc_ready(svc, &why);
    jw_kcstr(w, "state",
             svc_draining(svc) ? "draining" : (ready ? "ready" : "not ready"));
    jw_kcstr(w, "why", why);
}

static void beat(void *arg)
{
    struct telemetry *t = arg;
    struct svc *svc = t->svc;
    struct buf b;
    struct jsonw w;
    if (!svc->rpc)
        return;
    if (!t->control[0])
        find_control(t);
    buf_init(&b, MESSAGE_MAX);
    jw_begin(&w, &b);
    jw_object(&w);
    write_sender(t, &w);
    write_state(svc, &w);
    jw_kcstr(&w, "control", t->control);
    jw_kint(&w, "uptime_s", (clock_mono_us() - t->started_us) / 1000000);
    write_process(&w);
    jw_key(&w, "load");
    jw_object(&w);
    jw_kint(&w, "in_flight", rpc_server_in_flight(svc->rpc));
    if (svc->db)
        jw_kint(&w, "db_in_flight", db_in_flight(svc->db));
    if (svc->def->beat && svc->app)
        svc->def->beat(svc, &w);
    jw_object_end(&w);
    telemetry_figures(&w);
    jw_object_end(&w);
    jw_end(&w);
    if (!b.overflow)
        send_two(t, "beat", buf_get(&b));
    buf_deinit(&b);
}

struct telemetry *telemetry_start(struct svc *svc, const char *endpoints)
{
    uint8_t id[16];
    struct peer_link *link =
        peer_link_new(svc->loop, svc->keys, ZMQ_PUB, "monitor", endpoints);
    if (!link)
        return NULL;
    struct telemetry *t = xcalloc(1, sizeof *t);
    t->svc = svc;
    t->link = link;
    t->started_us = clock_mono_us();
    id_uuid7(id);
    id_uuid_text(id, t->boot_id);
    t->timer = loop_timer(svc->loop, BEAT_MS / 4, BEAT_MS, beat, t);
    return t;
}

void telemetry_send(struct telemetry *t, const char *kind, struct str json)
{
    struct buf b;
    struct jsonw w;
    if (!t)
        return;
    buf_init(&b, MESSAGE_MAX);
    jw_begin(&w, &b);
    jw_object(&w);
    write_sender(t, &w);
    jw_kraw(&w, "data", json);
    jw_object_end(&w);
    jw_end(&w);
    if (!b.overflow)
        send_two(t, kind, buf_get(&b));
    buf_deinit(&b);
}

void telemetry_span(struct telemetry *t, const struct telemetry_span *span)
{
    char hex[33];
    struct buf b;
    struct jsonw w;
    if (!t)
        return;
    buf_init(&b, 2048);
    jw_begin(&w, &b);
    jw_object(&w);
    jw_kcstr(&w, "request_id", hex_encode(span->request_id, 16, hex));
    jw_kcstr(&w, "trace_id", hex_encode(span->trace_id, 16, hex));
    jw_kcstr(&w, "name", span->name);
    jw_kint(&w, "start_us", span->start_us);
    jw_kint(&w, "duration_us", span->duration_us);
    jw_kint(&w, "status", span->status);
    jw_object_end(&w);
    jw_end(&w);
    telemetry_send(t, "span", buf_get(&b));
    buf_deinit(&b);
}

void telemetry_stop(struct telemetry **tp)
{
    struct telemetry *t = *tp;
    if (!t)
        return;
    *tp = NULL;
    struct buf b;
    struct jsonw w;
    buf_init(&b, 1024);
    jw_begin(&w, &b);
    jw_object(&w);
    write_sender(t, &w);
    jw_object_end(&w);
    jw_end(&w);
    send_two(t, "bye", buf_get(&b));
    buf_deinit(&b);
    loop_timer_cancel(&t->timer);
    peer_link_free(&t->link);
    free(t);
}
