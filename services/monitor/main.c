/*
 * monitor: what the other daemons do, in a browser. It listens to their telemetry, asks
 * the owners for the truth over RPC, and shows both. It holds no truth of its own.
 */
#include "monitor/app.h"

extern const struct embed_file embed_monitor_sql[];

static const struct embed_file *const SQL[] = { embed_monitor_sql, NULL };

static const struct svc_def MONITOR = {
    .name = "monitor",
    .purpose = "the dashboard",
    .flags = SVC_HAS_DB | SVC_DB_OPTIONAL,
    .peers = (const char *const[]){ "auth", "mailer", NULL },
    .config_size = sizeof(struct monitor_config),
    .options = MONITOR_OPTIONS,
    .handlers = MONITOR_HANDLERS,
    .sql = SQL,
    .db_connections = { 1, 1, 1 },
    .init = monitor_init,
    .drain = monitor_drain,
    .busy = monitor_busy,
    .deinit = monitor_deinit,
    .beat = monitor_beat,
};

int main(int argc, char **argv)
{
    return svc_main(argc, argv, &MONITOR);
}
