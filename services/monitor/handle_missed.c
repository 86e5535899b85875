/* GET /api/missed: who did not get their mail. */
#include <stdio.h>

#include "base/clock.h"
#include "monitor/app.h"
#include "monitor/missed.h"

static void on_scanned(struct missed_scan *s, enum err e, const struct frame *reply)
{
    struct api *a = s->arg;
    struct buf b;
    struct jsonw w;
    if (e != ERR_OK) {
        missed_free(s);
        api_fail_reply(a, "mailer", e, reply);
        return;
    }
    AUTO_FREE char *rows = json_dumps(s->rows, JSON_COMPACT);
    api_begin(&b, &w);
    api_ktime(&w, "checked_at", clock_wall_us());
    jw_kint(&w, "checked", s->checked);
    jw_kint(&w, "count", s->count);
    jw_kint(&w, "after_s", s->grace_s);
    api_ktime(&w, "since", s->since_us);
    jw_kraw(&w, "missed", rows ? str_of(rows) : STR("[]"));
    jw_kcstr(&w, "next", s->cursor[0] ? s->cursor : NULL);
    missed_free(s);
    api_finish(a, &b, &w);
}

void handle_missed(struct api *a)
{
    enum { DAYS = 3, DAY_S = 86400 };
    struct missed_scan *s = arena_alloc(&a->arena, sizeof *s);
    struct str before = api_param(a, "before");
    int64_t now_us = clock_wall_us();
    s->app = a->app;
    s->arg = a;
    s->done = on_scanned;
    if (!api_param_int(a, "after_s", 0, DAY_S, 60, &s->grace_s) ||
        !api_param_time(a, "since", now_us - INT64_C(1000000) * DAYS * DAY_S,
                        &s->since_us))
        return;
    snprintf(s->cursor, sizeof s->cursor, "%.*s", STR_ARG(before));
    missed_scan(s);
}
