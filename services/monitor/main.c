/*
 * monitor: what the other daemons do, in a browser. It listens to their telemetry, asks
 * the owners for the truth over RPC, and shows both. It holds no truth of its own.
 */
#include "monitor/app.h"

static const struct svc_def MONITOR = {
    .name = "monitor",
    .purpose = "the dashboard",
    .config_size = sizeof(struct monitor_config),
    .options = MONITOR_OPTIONS,
    .handlers = MONITOR_HANDLERS,
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
