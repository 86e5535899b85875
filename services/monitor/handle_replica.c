/* Workers, and the page of one. */
#include <string.h>

#include "base/clock.h"
#include "monitor/app.h"
#include "monitor/overview.h"
#include "monitor/replica_call.h"

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
