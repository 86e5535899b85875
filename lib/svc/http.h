/*
 * The one HTTP listener (libmicrohttpd) with its guards, used by every HTTP port: the
 * gateway, the monitor and the ops ports. It refuses ambiguous framing before anything
 * else sees the request (RFC 9112; the list is in docs/ARCHITECTURE.md).
 *
 * Threads: requests are handed to `fn` in the listener's thread, whole (body read, within
 * its limit). fn answers there with http_reply, or calls http_suspend FIRST and then
 * hands the request to another thread, which answers with http_reply. Exactly one
 * http_reply.
 */
#ifndef LIB_SVC_HTTP_H
#define LIB_SVC_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct http_listener;
struct http_request;

struct http_header_line {
    const char *name;
    const char *value; /* checked: control characters are dropped with a log line */
};

struct http_config {
    const char *listen;       /* "127.0.0.1:8000", "[::]:8000"; port 0 = any free */
    size_t connection_memory; /* bytes a connection may use for its headers */
    unsigned connection_limit;
    size_t body_max;
    bool (*is_bulk)(struct str path); /* may be NULL: paths with a limit of bulk_max */
    size_t bulk_max;
    /* Seconds for the next step of a connection, 0 = default: headers complete, body
     * complete (and one for each 8 KiB of it), next request, answer made and taken. */
    int header_timeout_s, body_timeout_s, idle_timeout_s, answer_timeout_s;
    const char *thread_name;
    /* Of the listener's own refusals, besides Content-Type; static; ended by name NULL.
     * NULL: nosniff alone. */
    const struct http_header_line *refusal_headers;
};

typedef void http_fn(struct http_request *r, void *arg);
enum { HTTP_REQUEST_ID_TEXT = 65, HTTP_TRACEPARENT_TEXT = 56 };

/* What a refused request is answered with, besides refusal_headers. */
struct http_refusal {
    struct buf *body;                        /* empty: the error document goes here */
    char request_id[HTTP_REQUEST_ID_TEXT];   /* for X-Request-ID; empty: no such header */
    char traceparent[HTTP_TRACEPARENT_TEXT]; /* the same for traceparent */
};
/* How a refused request looks: fills `out` for e (NULL: the listener's own short JSON).
 * Called in the listener's thread. */
typedef void http_error_fn(struct http_request *r, enum err e, const char *detail,
                           struct http_refusal *out, void *arg);

/* Whether http_start takes this text as an address; binds nothing. */
bool http_can_listen(const char *listen);
/* NULL with a sentence in *ret_why (heap) when the address is taken or bad. */
struct http_listener *http_start(const struct http_config *cfg, http_fn *fn,
                                 http_error_fn *error_fn, void *arg, char **ret_why);
/* Answers carry Connection: close from here on, so that clients leave by themselves while
 * new ones are still served (balancers need a while to learn of a drain). Any thread. */
void http_leave(struct http_listener *l);
/* Stops accepting, what waits to be accepted excepted; answers with Connection: close. */
void http_drain(struct http_listener *l);
/* Requests not finished. Any thread. */
unsigned http_in_flight(const struct http_listener *l);
/* Clients that are connected. Any thread; walks a list. */
unsigned http_connections(struct http_listener *l);
/* After every suspended request was answered: stops, frees, nulls. Blocks briefly. */
void http_stop(struct http_listener **l);
/* "127.0.0.1:8000" as really bound; borrowed. */
const char *http_address(const struct http_listener *l);

/* The request, valid until http_reply. Slices are borrowed from it. */
struct str http_method(const struct http_request *r);
struct str http_path(const struct http_request *r);  /* raw, before '?' */
struct str http_query(const struct http_request *r); /* raw, after '?' */
struct str http_body(const struct http_request *r);
/* First header of that name (any case); empty when absent. */
struct str http_header(const struct http_request *r, const char *name);
/* All headers of that name as the one list they are (RFC 9110 5.3), empty when absent.
 * One is borrowed from the request; several are put together in joined, an empty buffer
 * of HTTP_LIST_MAX bytes: no head is longer. */
enum { HTTP_LIST_MAX = 32 * 1024 };
struct str http_header_list(const struct http_request *r, const char *name,
                            struct buf *joined);
/* The first headers of that name, most of them, in order. Returns how many there are. */
unsigned http_headers(const struct http_request *r, const char *name, struct str *ret,
                      unsigned most);
/* Numeric address of the peer. */
const char *http_client(const struct http_request *r);
int64_t http_started_us(const struct http_request *r);

struct http_answer {
    int status;
    struct str body;
    /* When set, body is not copied and this is called (any thread) when it was sent. */
    void (*release)(void *arg);
    void *release_arg;
    const struct http_header_line *headers; /* ended by name NULL; may be NULL; copied */
};

void http_suspend(struct http_request *r);
/* Any thread when suspended, else the listener's. HEAD: the body's length without it. */
void http_reply(struct http_request *r, const struct http_answer *a);

#endif
