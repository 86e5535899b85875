/* Everything the monitor owns. */
#ifndef MONITOR_APP_H
#define MONITOR_APP_H

#include "monitor/access.h"
#include "monitor/api.h"
#include "monitor/config.h"
#include "monitor/presence.h"
#include "monitor/replica.h"
#include "monitor/span.h"
#include "svc/http.h"
#include "svc/http_document.h"
#include "svc/svc.h"

struct live;
struct history;
struct watch;
struct task_events;
struct pages;
struct session_store;
struct probe;

struct monitor_app {
    struct svc *svc;
    const struct monitor_config *cfg;
    struct http_listener *http;
    struct proxies *proxies;
    struct rpc_client *mailer, *auth;
    void *telemetry; /* SUB */
    struct loop_source *telemetry_source;
    struct loop_timer *tick;
    struct replicas replicas;
    struct presences presences;
    struct spans spans;
    struct probe *probes; /* under way */
    unsigned nprobes;
    struct access *access;
    struct session_store *sessions;
    unsigned sign_ins; /* under way */
    struct watch *watch;
    struct live *live;
    struct history *history;
    struct task_events *events;
    unsigned ticks;
    unsigned calls; /* to single replicas, under way */
    int64_t started_ms;
    struct pages *pages;
    json_t *kinds; /* of mails, by name */
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

/* api.c: an answer with the headers that all have; `more` ends with name NULL. */
void monitor_http_answer(struct http_request *r, int status, const char *type,
                         struct str body, const struct http_header_line *more);
/* ... with the page, or with a file, which browsers keep and ask about. It outlives the
 * answer.
 */
void monitor_http_document(struct http_request *r, int status,
                           const struct http_document *d);
void monitor_http_error(struct http_request *r, enum err e);
/* The media type of a mail's HTML: served under a policy of its own. */
#define MONITOR_MAIL_TYPE "text/html; mail"

/* handle_session.c */
void handle_session_get(struct api *a);
void handle_session_start(struct api *a);
void handle_session_end(struct api *a);
/* Asks auth about the sessions that are due, ends the dead ones. Once a second. */
void monitor_sessions_tick(struct monitor_app *app);

/* handle_overview.c */
void handle_overview(struct api *a);
void handle_spans(struct api *a);

/* handle_replica.c, handle_flow.c, handle_missed.c */
void handle_replicas(struct api *a);
void handle_replica(struct api *a);
void handle_flow(struct api *a);
void handle_missed(struct api *a);

/* handle_series.c */
void handle_series(struct api *a);
void handle_histogram(struct api *a);
/* Rows of change_read as "changes": [...]. */
void handle_change_rows(const struct db_result *r, struct jsonw *w);

/* handle_mails.c */
void handle_mails(struct api *a);
void handle_mail(struct api *a);
void handle_search(struct api *a);

#endif
