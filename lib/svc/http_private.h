/* What the files http*.c share; nobody else includes this. */
#ifndef LIB_SVC_HTTP_PRIVATE_H
#define LIB_SVC_HTTP_PRIVATE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "svc/http.h"
#include "svc/http_crowd.h"
#include "svc/http_guard.h"

enum { HTTP_CLIENT_TEXT = 46 };

/*
 * One TCP connection. The reaper may shut its socket down when deadline_ms has passed;
 * libmicrohttpd then sees the end of it and cleans up as for any leaving client.
 */
struct http_connection {
    struct http_connection *next, *prev; /* under the listener's lock */
    int fd;
    atomic_llong deadline_ms; /* monotonic */
    struct http_crowd_member place;
    char client[HTTP_CLIENT_TEXT];
};

/* Requests are recycled: made in the URI callback, given back on completion, both in the
 * listener's thread. */
struct http_request {
    struct http_request *next_free;
    struct http_listener *listener;
    struct MHD_Connection *mhd;
    struct http_connection *connection;
    int64_t started_us;

    struct str method, path, query;
    size_t target_n; /* true length; beyond the maximum: not stored */
    char target[HTTP_TARGET_MAX + 1];
    struct http_pair headers[HTTP_HEADERS_MAX];
    unsigned nheaders;
    struct buf body;
    uint64_t discarded;

    struct http_guard_verdict verdict;
    bool headers_seen, delivered, close;
    bool suspended;                /* written before another thread may know of r */
    struct MHD_Response *response; /* set by http_reply */
    int status;
};

struct http_listener {
    struct http_config cfg;
    http_fn *fn;
    http_error_fn *error_fn;
    void *arg;

    struct MHD_Daemon *daemon;
    char *address;
    atomic_uint in_flight;
    atomic_bool draining;
    bool quiesced, named;
    struct http_request *free_list; /* the listener's thread only */
    unsigned free_count;

    pthread_mutex_t lock; /* connections, crowd, stopping */
    pthread_cond_t changed;
    struct http_connection *connections;
    struct http_crowd crowd;
    struct metric *evicted;
    bool stopping;
    pthread_t reaper;
};

/* http_reaper.c: the registry of connections and the thread that ends slow ones. */
void http_reaper_start(struct http_listener *l);
void http_reaper_stop(struct http_listener *l);
void http_connection_notify(void *arg, struct MHD_Connection *c, void **socket_context,
                            enum MHD_ConnectionNotificationCode code);
/* The connection may go on for this long without its next step. */
void http_connection_allow(struct http_connection *c, int64_t milliseconds);
/* Whose turn it is: ours while a request is worked on, else the client's. The listener's
 * thread. */
void http_connection_turn(struct http_listener *l, struct http_connection *c, bool ours);
/* Shuts every client's socket down, as if all of them had left. Any thread. */
void http_connection_shut_all(struct http_listener *l);

/* http_request.c: the callbacks of one request. */
void *http_request_uri(void *arg, const char *uri, struct MHD_Connection *c);
enum MHD_Result http_request_access(void *arg, struct MHD_Connection *c, const char *url,
                                    const char *method, const char *version,
                                    const char *upload, size_t *upload_size, void **ctx);
void http_request_completed(void *arg, struct MHD_Connection *c, void **ctx,
                            enum MHD_RequestTerminationCode why);
/* Answers r with a response of the caller's making, taken over; of a: status, headers. */
void http_request_answer(struct http_request *r, struct MHD_Response *response,
                         const struct http_answer *a);
/* Frees the recycled ones; after the daemon was stopped. */
void http_request_free_all(struct http_listener *l);

#endif
