/* What the overview shows, and the hops of one request. */
#include "base/clock.h"
#include "monitor/app.h"

void handle_overview(struct api *a)
{
    struct buf b;
    struct jsonw w;
    api_begin(&b, &w);
    api_ktime(&w, "now", clock_wall_us());
    jw_kcstr(&w, "version", SVC_VERSION);
    replicas_write(&a->app->replicas, a->app->cfg->expect, clock_mono_ms(), &w);
    api_finish(a, &b, &w);
}

void handle_spans(struct api *a)
{
    struct buf b;
    struct jsonw w;
    api_begin(&b, &w);
    jw_key(&w, "spans");
    spans_write(&a->app->spans, a->rest, &w);
    api_finish(a, &b, &w);
}
