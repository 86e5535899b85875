/* The flow of events and calls: stream and readers, queues, endpoints, stores. */
#include <string.h>

#include "base/clock.h"
#include "monitor/app.h"
#include "monitor/overview.h"
#include "monitor/watch.h"

static int64_t integer_of(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

static bool is_live(const struct monitor_app *app, const struct replica *r)
{
    return replicas_is_live(&app->replicas, r, clock_mono_ms());
}

/* The owner's own word, and without it what its beats said. */
static void write_stream(const struct monitor_app *app, const json_t *status,
                         const char *error, struct jsonw *w)
{
    jw_key(w, "stream");
    jw_object(w);
    jw_kcstr(w, "epoch", json_string_value(json_object_get(status, "epoch")));
    watch_write_figure(w, "head",
                       status ? integer_of(status, "head")
                              : overview_most_told(app, "auth", "event_head"));
    watch_write_figure(w, "outbox",
                       status ? integer_of(status, "waiting")
                              : overview_most_told(app, "auth", "event_backlog"));
    if (status)
        jw_kint(w, "oldest_s", integer_of(status, "oldest_s"));
    else
        jw_knull(w, "oldest_s");
    jw_kcstr(w, "error", error);
    jw_object_end(w);
}

/* What each service's pulls told auth: what retention spares for it. */
static void write_readers(const json_t *status, struct jsonw *w)
{
    const json_t *consumers = json_object_get(status, "consumers");
    AUTO_FREE char *rows = consumers ? json_dumps(consumers, JSON_COMPACT) : NULL;
    jw_kraw(w, "readers", rows ? str_of(rows) : STR("null"));
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

/* Null: as configured, no limit, or not known while the mailer does not answer. */
static void write_setting(struct jsonw *w, const json_t *q, const char *key)
{
    if (json_is_integer(json_object_get(q, key)))
        jw_kint(w, key, integer_of(q, key));
    else
        jw_knull(w, key);
}

/* What the beats of the mailers say; below 0 when none of them is heard. */
static int64_t beats_say(const struct monitor_app *app, const char *key)
{
    for (unsigned i = 0; i < app->replicas.n; i++) {
        const struct replica *r = app->replicas.r[i];
        if (strcmp(r->service, "mailer") == 0 && is_live(app, r))
            return overview_most_told(app, "mailer", key);
    }
    return -1;
}

static void write_queue(const struct monitor_app *app, struct jsonw *w)
{
    const json_t *q = watch_queue(app->watch);
    int64_t mailers = 0;
    for (unsigned i = 0; i < app->replicas.n; i++)
        mailers += strcmp(app->replicas.r[i]->service, "mailer") == 0 &&
                   is_live(app, app->replicas.r[i]);
    int64_t ready =
        q ? json_integer_value(json_object_get(q, "ready")) : beats_say(app, "ready");
    int64_t leased =
        q ? json_integer_value(json_object_get(q, "leased")) : beats_say(app, "sending");
    jw_key(w, "queues");
    jw_array(w);
    jw_object(w);
    jw_kcstr(w, "name", "mail");
    watch_write_figure(w, "messages", ready < 0 || leased < 0 ? -1 : ready + leased);
    watch_write_figure(w, "ready", ready);
    watch_write_figure(w, "unacked", leased);
    jw_kint(w, "consumers", mailers);
    watch_write_figure(w, "oldest_s",
                       q ? watch_oldest_s(app->watch) : beats_say(app, "oldest_s"));
    if (q)
        jw_kbool(w, "paused", json_is_true(json_object_get(q, "paused")));
    else
        jw_knull(w, "paused");
    write_setting(w, q, "connections");
    write_setting(w, q, "connections_default");
    write_setting(w, q, "per_minute");
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

/* What a replica said of its own connections; of one that is not live it is history. */
static void write_postgres(const struct monitor_app *app, const struct replica *r,
                           struct jsonw *w)
{
    const json_t *in_flight = json_object_get(r->load, "db_in_flight");
    if (!in_flight)
        return;
    jw_object(w);
    jw_kcstr(w, "service", r->service);
    jw_kcstr(w, "instance", r->instance);
    jw_kbool(w, "connected", !strstr(r->why, "database"));
    jw_kint(w, "in_flight", json_integer_value(in_flight));
    jw_kbool(w, "live", is_live(app, r));
    api_ktime(w, "seen_at", clock_wall_us() - (clock_mono_ms() - r->last_ms) * 1000);
    jw_object_end(w);
}

static const char *redis_state(const struct monitor_app *app)
{
    const char *state = "unknown";
    for (unsigned i = 0; i < app->replicas.n; i++) {
        const struct replica *r = app->replicas.r[i];
        const json_t *up = json_object_get(r->load, "redis_up");
        if (up && is_live(app, r))
            state = json_is_true(up) ? "up" : "down";
    }
    return state;
}

static void write_stores(const struct monitor_app *app, struct jsonw *w)
{
    jw_key(w, "postgres");
    jw_array(w);
    for (unsigned i = 0; i < app->replicas.n; i++)
        write_postgres(app, app->replicas.r[i], w);
    jw_array_end(w);
    jw_key(w, "redis");
    jw_object(w);
    jw_kcstr(w, "state", redis_state(app));
    jw_knull(w, "why");
    jw_object_end(w);
}

static void answer(struct api *a, const json_t *status, const char *error)
{
    struct buf b;
    struct jsonw w;
    api_begin(&b, &w);
    write_stream(a->app, status, error, &w);
    write_readers(status, &w);
    write_consumers(a->app, &w);
    write_queue(a->app, &w);
    overview_write_edges(a->app, &w);
    write_endpoints(a->app, &w);
    write_stores(a->app, &w);
    api_finish(a, &b, &w);
}

static void on_status(struct api *a, enum err e, const struct frame *reply)
{
    json_t *status =
        e == ERR_OK ? json_loadb(reply->body.p, reply->body.n, 0, NULL) : NULL;
    answer(a, status,
           status  ? NULL
           : reply ? err_info(e)->detail
                   : "auth does not answer: head and outbox are what its beats said.");
    json_decref(status);
}

void handle_flow(struct api *a)
{
    struct rpc_client_state auth;
    watch_wanted(a->app->watch);
    rpc_client_state(a->app->auth, &auth);
    if (auth.live > 0)
        api_call(a, a->app->auth, "auth.events.status", STR(""), false, on_status);
    else
        on_status(a, ERR_UNAVAILABLE, NULL);
}
