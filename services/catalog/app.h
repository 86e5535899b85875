/* Everything the catalog owns, its statements, and what its handlers share. */
#ifndef CATALOG_APP_H
#define CATALOG_APP_H

#include "catalog/anchors.h"
#include "catalog/config.h"
#include "catalog/counts.h"
#include "catalog/flights.h"
#include "catalog/names.h"
#include "svc/svc.h"

struct catalog_app {
    struct svc *svc;
    const struct catalog_config *cfg;
    struct db *db;
    struct db_ids *product_ids, *category_ids;
    struct loop_timer *clean_timer;
    bool cleaning; /* a batch is under way */
    struct catalog_counts *counts;
    struct catalog_flights *flights; /* totals that are being counted */
    struct catalog_anchors *anchors;
    struct catalog_names *names;
};

enum { CATALOG_PRODUCTS_SHOWN = 100 }; /* of one category's page */

bool catalog_init(struct svc *svc);
void catalog_drain(struct svc *svc);
bool catalog_busy(struct svc *svc);
void catalog_deinit(struct svc *svc);
void catalog_beat(struct svc *svc, struct jsonw *w);

extern const struct rpc_handler CATALOG_HANDLERS[];
extern const struct svc_verb CATALOG_VERBS[];

/* Handlers, one per method of proto/catalog.json. */
call_fn catalog_category_list, catalog_category_create, catalog_category_show,
    catalog_category_replace, catalog_category_patch, catalog_category_delete;
call_fn catalog_product_list, catalog_product_create, catalog_product_show,
    catalog_product_replace, catalog_product_patch, catalog_product_delete;

/* True when the caller is an administrator; otherwise the call has been answered. */
bool catalog_admin_only(struct call *c);
/* Answers with what a failed query means to a client. */
void catalog_fail_query(struct call *c, const struct db_stmt *stmt,
                        const struct db_result *r);
/* A text of the decoded body, null when it was not in the input. */
struct str catalog_given(const struct call *c, const char *name);
/* Answers a write that was done: what was counted before is worth nothing now. */
void catalog_written(struct call *c, struct str body);
/* The time of now as text for SQL and JSON, in the call's arena. */
struct str catalog_now(struct call *c);
/* A number as text in the call's arena. */
struct str catalog_int(struct call *c, int64_t v);

#endif
