/*
 * catalog: categories and products. Owns the tables of its schema, answers over RPC, and
 * follows auth's events for the names it shows. What it promises and how it fails:
 * README.md.
 */
#include "catalog/app.h"

extern const struct embed_file embed_catalog_sql[];
static const struct embed_file *const SQL[] = { embed_catalog_sql, NULL };

static const struct svc_def CATALOG = {
    .name = "catalog",
    .purpose = "categories and products",
    .flags = SVC_HAS_DB,
    .peers = (const char *const[]){ "auth", NULL },
    .config_size = sizeof(struct catalog_config),
    .options = CATALOG_OPTIONS,
    .handlers = CATALOG_HANDLERS,
    .verbs = CATALOG_VERBS,
    .sql = SQL,
    .db_connections = { [DB_POINT] = 1, [DB_LIST] = 1, [DB_WRITE] = 4, [DB_SEARCH] = 3 },
    .init = catalog_init,
    .drain = catalog_drain,
    .busy = catalog_busy,
    .deinit = catalog_deinit,
    .beat = catalog_beat,
};

int main(int argc, char **argv)
{
    return svc_main(argc, argv, &CATALOG);
}
