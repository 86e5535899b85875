#include "auth/link_request.h"

#include <stdlib.h>

#include "auth/link.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"

enum {
    DELAY_MS = 200,  /* fixed: what a request costs later must not show in its answer */
    SWEEP_MS = 5000, /* rows of others: a replica that ended, a write that was lost */
    TIMEOUT_MS = 5000,
};

static const struct db_stmt RESOLVE = { "link_request_resolve", DB_WRITE };

struct auth_link_requests {
    struct auth_app *app;
    struct loop_timer *delay, *sweep;
    bool asking; /* a statement is under way */
};

static void resolve(struct auth_link_requests *r);

static void on_resolved(void *arg, const struct db_result *result)
{
    struct auth_link_requests *r = arg;

    r->asking = false;
    if (result->status != DB_OK || result->rows == 0)
        return; /* none is left; or the sweep tries again */
    if (db_int(result, 0, 0) > 0)
        event_publisher_wake(r->app->events);
    resolve(r);
}

static struct str time_param(struct arena *a, int64_t wall_us)
{
    return str_of(clock_text(wall_us, arena_alloc(a, CLOCK_TEXT_SIZE)));
}

/* The secret is made before anybody looks, so that its cost is the same for all. */
static void resolve(struct auth_link_requests *r)
{
    const struct auth_config *cfg = r->app->cfg;
    int64_t now_us = clock_wall_us();
    uint8_t event_id[16];
    char event_text[ID_UUID_TEXT];
    struct arena a;

    arena_init(&a);
    id_uuid7(event_id);
    struct auth_link link = auth_link_make(r->app, &a);
    struct str params[] = {
        time_param(&a, now_us),
        link.hash,
        link.sealed,
        str_of(id_uuid_text(event_id, event_text)),
        str_of(cfg->public_url),
        time_param(&a, now_us + cfg->verify_s * 1000000),
        time_param(&a, now_us + cfg->reset_s * 1000000),
        time_param(&a, now_us - cfg->mail_cooldown_s * 1000000),
    };
    r->asking = true;
    db_query(r->app->db, &RESOLVE, params, ARRAY_LEN(params), TIMEOUT_MS, on_resolved, r);
    arena_deinit(&a);
}

static void on_delay(void *arg)
{
    struct auth_link_requests *r = arg;

    r->delay = NULL;
    if (!r->asking)
        resolve(r);
}

static void on_sweep(void *arg)
{
    struct auth_link_requests *r = arg;

    if (!r->asking && !r->delay)
        resolve(r);
}

struct auth_link_requests *auth_link_requests_start(struct auth_app *app)
{
    struct auth_link_requests *r = xcalloc(1, sizeof(*r));

    r->app = app;
    r->sweep = loop_timer(app->svc->loop, SWEEP_MS, SWEEP_MS, on_sweep, r);
    return r;
}

void auth_link_requests_stop(struct auth_link_requests **r)
{
    if (!*r)
        return;
    loop_timer_cancel(&(*r)->delay);
    loop_timer_cancel(&(*r)->sweep);
    free(*r);
    *r = NULL;
}

void auth_link_requests_wake(struct auth_link_requests *r)
{
    if (!r->delay)
        r->delay = loop_timer(r->app->svc->loop, DELAY_MS, 0, on_delay, r);
}
