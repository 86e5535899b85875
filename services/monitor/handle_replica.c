/* Workers and the page of one; the flow of events and calls between them. */
#include <string.h>

#include "base/clock.h"
#include "monitor/app.h"
#include "monitor/overview.h"
#include "monitor/replica_call.h"
#include "monitor/watch.h"

/* ---- the list ---- */

void handle_replicas(struct api *a)
{
    const struct monitor_app *app = a->app;
    struct str rest = str_of(app->cfg->expect), name;
    int64_t count;
    struct buf b;
    struct jsonw w;
    api_begin(&b, &w);
    jw_key(&w, "replicas");
    jw_array(&w);
    for (unsigned i = 0; i < app->replicas.n; i++)
        overview_write_replica(app, app->replicas.r[i], &w);
    jw_array_end(&w);
    jw_key(&w, "services");
    jw_array(&w);
    while (overview_next_expected(&rest, &name, &count)) {
        jw_object(&w);
        jw_kstr(&w, "name", name);
        jw_kbool(&w, "expected", true);
        jw_kint(&w, "count", count);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    api_finish(a, &b, &w);
}

/* ---- one of them ---- */

static void write_changes(const struct monitor_app *app, const char *instance,
                          struct jsonw *w)
{
    const struct changes *c = &app->replicas.changes;
    jw_key(w, "changes");
    jw_array(w);
    for (unsigned i = 1; i <= c->n; i++) {
        const struct change *at = &c->ring[(c->next + CHANGES_MAX - i) % CHANGES_MAX];
        if (strcmp(at->subject, instance) == 0)
            change_write(at, w);
    }
    jw_array_end(w);
}

static void on_described(struct api *a, enum err e, const struct frame *reply)
{
    const char *instance = a->state;
    const struct replica *r = replicas_find(&a->app->replicas, str_of(instance));
    struct buf b;
    struct jsonw w;
    if (!r) {
        api_fail(a, ERR_NOT_FOUND, NULL);
        return;
    }
    api_begin(&b, &w);
    jw_key(&w, "replica");
    overview_write_replica(a->app, r, &w);
    jw_kraw(&w, "described", e == ERR_OK ? reply->body : STR("null"));
    api_ktime(&w, "described_at", e == ERR_OK ? clock_wall_us() : 0);
    jw_kcstr(&w, "described_error",
             e == ERR_OK ? NULL
             : reply     ? err_info(e)->detail
                         : "Its control port does not answer.");
    jw_kcstr(&w, "boot_id", r->boot_id);
    write_changes(a->app, instance, &w);
    jw_key(&w, "spans");
    spans_write_instance(&a->app->spans, str_of(instance), &w);
    api_finish(a, &b, &w);
}

void handle_replica(struct api *a)
{
    struct str instance = api_rest(a);
    const struct replica *r = replicas_find(&a->app->replicas, instance);
    if (!r) {
        api_fail(a, ERR_NOT_FOUND, "There is no replica of this name.");
        return;
    }
    a->state = arena_str(&a->arena, instance);
    replica_call(a, r, "control.describe", STR(""), on_described);
}

/* ---- flow ---- */

static int64_t newest(const struct monitor_app *app, const char *service, const char *key)
{
    int64_t most = 0;
    for (unsigned i = 0; i < app->replicas.n; i++) {
        const struct replica *r = app->replicas.r[i];
        int64_t v = json_integer_value(json_object_get(r->load, key));
        if (strcmp(r->service, service) == 0 && v > most)
            most = v;
    }
    return most;
}

static void write_stream(const struct monitor_app *app, struct jsonw *w)
{
    int64_t head = newest(app, "auth", "event_head");
    jw_key(w, "stream");
    jw_object(w);
    jw_kint(w, "head", head);
    jw_kint(w, "outbox", newest(app, "auth", "event_backlog"));
    jw_object_end(w);
}

/* Each replica that follows the stream says itself how far it is. */
static void write_consumers(const struct monitor_app *app, struct jsonw *w)
{
    int64_t now_ms = clock_mono_ms(), wall_us = clock_wall_us();
    jw_key(w, "consumers");
    jw_array(w);
    for (unsigned i = 0; i < app->replicas.n; i++) {
        const struct replica *r = app->replicas.r[i];
        const json_t *cursor = json_object_get(r->load, "cursor");
        if (!cursor)
            continue;
        jw_object(w);
        jw_kcstr(w, "name", r->instance);
        jw_kcstr(w, "service", r->service);
        jw_kint(w, "applied", json_integer_value(cursor));
        jw_kint(w, "lag", json_integer_value(json_object_get(r->load, "lag")));
        jw_kint(w, "gaps", json_integer_value(json_object_get(r->load, "gaps")));
        jw_kint(w, "pulls", json_integer_value(json_object_get(r->load, "pulls")));
        api_ktime(w, "seen_at", wall_us - (now_ms - r->last_ms) * 1000);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void write_queue(const struct monitor_app *app, struct jsonw *w)
{
    const json_t *q = watch_queue(app->watch);
    char evidence[200];
    int64_t mailers = 0;
    for (unsigned i = 0; i < app->replicas.n; i++)
        mailers +=
            strcmp(app->replicas.r[i]->service, "mailer") == 0 &&
            replica_is_live(replica_status(app->replicas.r[i], app->replicas.version,
                                           clock_mono_ms(), evidence));
    int64_t ready = q ? json_integer_value(json_object_get(q, "ready"))
                      : newest(app, "mailer", "ready");
    int64_t leased = q ? json_integer_value(json_object_get(q, "leased"))
                       : newest(app, "mailer", "sending");
    jw_key(w, "queues");
    jw_array(w);
    jw_object(w);
    jw_kcstr(w, "name", "mail");
    jw_kint(w, "messages", ready + leased);
    jw_kint(w, "ready", ready);
    jw_kint(w, "unacked", leased);
    jw_kint(w, "consumers", mailers);
    jw_kint(w, "oldest_s",
            q ? watch_oldest_s(app->watch) : newest(app, "mailer", "oldest_s"));
    jw_kbool(w, "paused", json_is_true(json_object_get(q, "paused")));
    jw_object_end(w);
    jw_array_end(w);
}

static void write_endpoints(const struct monitor_app *app, struct jsonw *w)
{
    char evidence[200];
    jw_key(w, "endpoints");
    jw_array(w);
    for (unsigned i = 0; i < app->replicas.n; i++) {
        const struct replica *r = app->replicas.r[i];
        jw_object(w);
        jw_kcstr(w, "service", r->service);
        jw_kcstr(w, "instance", r->instance);
        jw_kcstr(w, "control", r->control);
        jw_kcstr(w, "status",
                 replica_status_name(replica_status(r, app->replicas.version,
                                                    clock_mono_ms(), evidence)));
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* What the replicas say of their own connections. */
static void write_stores(const struct monitor_app *app, struct jsonw *w)
{
    const char *redis = "unknown";
    jw_key(w, "postgres");
    jw_array(w);
    for (unsigned i = 0; i < app->replicas.n; i++) {
        const struct replica *r = app->replicas.r[i];
        const json_t *in_flight = json_object_get(r->load, "db_in_flight");
        const json_t *up = json_object_get(r->load, "redis_up");
        if (up)
            redis = json_is_true(up) ? "up" : "down";
        if (!in_flight)
            continue;
        jw_object(w);
        jw_kcstr(w, "service", r->service);
        jw_kcstr(w, "instance", r->instance);
        jw_kbool(w, "connected", !strstr(r->why, "database"));
        jw_kint(w, "in_flight", json_integer_value(in_flight));
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_key(w, "redis");
    jw_object(w);
    jw_kcstr(w, "state", redis);
    jw_knull(w, "why");
    jw_object_end(w);
}

void handle_flow(struct api *a)
{
    struct buf b;
    struct jsonw w;
    watch_wanted(a->app->watch);
    api_begin(&b, &w);
    write_stream(a->app, &w);
    write_consumers(a->app, &w);
    write_queue(a->app, &w);
    overview_write_edges(a->app, &w);
    write_endpoints(a->app, &w);
    write_stores(a->app, &w);
    api_finish(a, &b, &w);
}
