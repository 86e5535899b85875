/* What the overview shows, and the hops of one request. */
#include "base/clock.h"
#include "monitor/app.h"
#include "monitor/overview.h"
#include "monitor/watch.h"

void handle_overview(struct api *a)
{
    enum { SHOWN = 50 };
    static const int64_t LOOK_BACK_US = INT64_C(2) * 3600 * 1000000;
    struct monitor_app *app = a->app;
    struct buf b;
    struct jsonw w;
    watch_wanted(app->watch);
    api_begin(&b, &w);
    overview_write_live(app, &w);
    watch_write_mails(app->watch, &w);
    jw_key(&w, "changes");
    jw_array(&w);
    changes_write(&app->replicas.changes, clock_wall_us() - LOOK_BACK_US, SHOWN, &w);
    jw_array_end(&w);
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
