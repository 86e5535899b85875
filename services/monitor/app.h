/* Everything the monitor owns. */
#ifndef MONITOR_APP_H
#define MONITOR_APP_H

#include "monitor/config.h"
#include "monitor/replica.h"
#include "monitor/span.h"
#include "svc/http.h"
#include "svc/svc.h"

struct monitor_app {
    struct svc *svc;
    const struct monitor_config *cfg;
    struct http_listener *http;
    struct rpc_client *mailer;
    void *telemetry; /* SUB */
    struct loop_source *telemetry_source;
    struct loop_timer *tick;
    struct replicas replicas;
    struct spans spans;
    unsigned probes; /* under way */
};

extern const struct rpc_handler MONITOR_HANDLERS[];

bool monitor_init(struct svc *svc);
void monitor_drain(struct svc *svc);
bool monitor_busy(struct svc *svc);
void monitor_deinit(struct svc *svc);
void monitor_beat(struct svc *svc, struct jsonw *w);

/* intake.c: the telemetry socket and the probes. */
bool monitor_intake_start(struct monitor_app *app);
void monitor_intake_stop(struct monitor_app *app);

/* handle_http.c: the listener's callback (its thread): pages at once, the API by way of
 * the loop. */
void monitor_handle_http(struct http_request *r, void *arg);

#endif
