#include "catalog/app.h"

#include <string.h>

#include "base/mem.h"
#include "svc/events.h"
#include "svc/log.h"

enum {
    IDS_AHEAD = 64,
    CLEAN_EVERY_MS = 60 * 1000,
    CLEAN_TIMEOUT_MS = 4000,
    CLEAN_BITE = 1000,
};

static const struct db_stmt PRODUCT_IDS = { "product_ids", DB_WRITE };
static const struct db_stmt CATEGORY_IDS = { "category_ids", DB_WRITE };
static const struct db_stmt IDEMPOTENCY_CLEAN = { "idempotency_clean", DB_WRITE };

static int accept_epoch(struct svc *svc, int argc, char **argv)
{
    (void)argv;
    return event_accept_epoch(svc, argc,
                              "update event_cursor set epoch = '', seq = 0"
                              " where stream = 'user' returning seq");
}

const struct svc_verb CATALOG_VERBS[] = {
    { "accept-epoch", "accept-epoch                read the event stream as a new one",
      accept_epoch },
    { 0 },
};

const struct rpc_handler CATALOG_HANDLERS[] = {
    { "catalog.category.list", catalog_category_list },
    { "catalog.category.create", catalog_category_create },
    { "catalog.category.show", catalog_category_show },
    { "catalog.category.replace", catalog_category_replace },
    { "catalog.category.patch", catalog_category_patch },
    { "catalog.category.delete", catalog_category_delete },
    { "catalog.product.list", catalog_product_list },
    { "catalog.product.create", catalog_product_create },
    { "catalog.product.show", catalog_product_show },
    { "catalog.product.replace", catalog_product_replace },
    { "catalog.product.patch", catalog_product_patch },
    { "catalog.product.delete", catalog_product_delete },
    { 0 },
};

static void clean(void *arg);

/* Refused ones are logged by the database library; the next round tries again. */
static void on_cleaned(void *arg, const struct db_result *r)
{
    struct catalog_app *app = arg;
    app->cleaning = false;
    if (r->status == DB_OK && db_int(r, 0, 0) >= CLEAN_BITE)
        clean(app);
}

static void clean(void *arg)
{
    struct catalog_app *app = arg;
    char text[CLOCK_TEXT_SIZE];
    int64_t hour_us = (int64_t)3600 * 1000000;
    struct str oldest =
        str_of(clock_text(clock_wall_us() - app->cfg->idempotency_hours * hour_us, text));
    if (app->cleaning)
        return; /* the round before is not through */
    app->cleaning = true;
    db_query(app->db, &IDEMPOTENCY_CLEAN, &oldest, 1, CLEAN_TIMEOUT_MS, on_cleaned, app);
}

bool catalog_init(struct svc *svc)
{
    struct catalog_app *app = xcalloc(1, sizeof(*app));
    app->svc = svc;
    app->cfg = svc->app_cfg;
    app->db = svc->db;
    app->product_ids = db_ids_new(app->db, &PRODUCT_IDS, IDS_AHEAD);
    app->category_ids = db_ids_new(app->db, &CATEGORY_IDS, IDS_AHEAD / 8);
    app->counts = catalog_counts_new();
    app->flights = catalog_flights_new();
    app->anchors = catalog_anchors_new();
    app->clean_timer = loop_timer(svc->loop, CLEAN_EVERY_MS, CLEAN_EVERY_MS, clean, app);
    svc->app = app;
    app->names = catalog_names_start(app);
    return app->names != NULL;
}

void catalog_drain(struct svc *svc)
{
    struct catalog_app *app = svc->app;
    catalog_names_drain(app->names);
}

bool catalog_busy(struct svc *svc)
{
    const struct catalog_app *app = svc->app;
    return catalog_names_busy(app->names);
}

void catalog_beat(struct svc *svc, struct jsonw *w)
{
    const struct catalog_app *app = svc->app;
    catalog_names_beat(app->names, w);
}

void catalog_deinit(struct svc *svc)
{
    struct catalog_app *app = svc->app;
    loop_timer_cancel(&app->clean_timer);
    catalog_names_stop(&app->names);
    catalog_anchors_free(&app->anchors);
    catalog_flights_free(&app->flights);
    catalog_counts_free(&app->counts);
    db_ids_free(&app->category_ids);
    db_ids_free(&app->product_ids);
    free(app);
    svc->app = NULL;
}

/* ---- what handlers share ----------------------------------------------------- */

bool catalog_admin_only(struct call *c)
{
    if (c->frame.actor_role == ROLE_ADMIN)
        return true;
    call_fail(c, c->frame.actor_id > 0 ? ERR_PERMISSION_DENIED : ERR_NOT_AUTHENTICATED);
    return false;
}

void catalog_fail_query(struct call *c, const struct db_stmt *stmt,
                        const struct db_result *r)
{
    call_fail(c, db_err(stmt, r));
}

void catalog_written(struct call *c, struct str body)
{
    struct catalog_app *app = c->app;
    catalog_counts_clear(app->counts);
    call_reply(c, 0, body);
}

struct str catalog_given(const struct call *c, const char *name)
{
    const struct value *v = values_get(&c->body, name);
    if (v->kind != VALUE_STR || !values_has(&c->body, name))
        return db_null();
    return v->s.p ? v->s : STR("");
}

struct str catalog_now(struct call *c)
{
    char *text = arena_alloc(&c->arena, CLOCK_TEXT_SIZE);
    return str_of(clock_text(clock_wall_us(), text));
}

struct str catalog_int(struct call *c, int64_t v)
{
    return db_int_param(v, arena_alloc(&c->arena, DB_INT_TEXT));
}
