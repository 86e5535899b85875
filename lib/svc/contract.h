/*
 * The contracts of proto/ in memory: methods, who may call them, what they take. From
 * this one source come the gateway's routes, validation, the documents and the tests.
 * Embedded in every binary; loaded once at start; immutable afterwards.
 */
#ifndef LIB_SVC_CONTRACT_H
#define LIB_SVC_CONTRACT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"
#include "svc/schema.h"

enum contract_auth { AUTH_NONE, AUTH_OPTIONAL, AUTH_USER, AUTH_ADMIN };
enum contract_retry { RETRY_NEVER, RETRY_SAFE, RETRY_WITH_KEY };
/* Request headers a method asks the gateway to forward (bits). */
enum contract_header {
    WANT_IDEMPOTENCY_KEY = 1,
    WANT_IF_MATCH = 2,
    WANT_IF_NONE_MATCH = 4,
    WANT_USER_AGENT = 8,
    WANT_BASE_URL = 16
};

enum { CONTRACT_PATH_PARTS = 8, CONTRACT_PATH_PARAMS = 4 };

struct contract_method {
    uint16_t number;
    const char *name;    /* "catalog.product.create" */
    const char *service; /* "catalog" */
    const char *summary;
    const char *verb;  /* HTTP, NULL when it is not served over HTTP */
    const char *path;  /* template without trailing slash, "/api/products/{id}" */
    int success;       /* HTTP status of a success */
    const char *title; /* what OPTIONS calls the path; NULL: made of the name */
    enum contract_auth auth;
    bool
        ignore_authorization; /* login, refresh: a bad Authorization header is no error */
    const char *rate;         /* class of its rate limit */
    uint32_t timeout_ms;
    enum contract_retry retry;
    bool bulk;
    bool local;                 /* answered by the gateway itself: /health */
    const char *produces;       /* media type of a success; NULL: application/json */
    const char *also_produces;  /* what its body may ask for instead: never negotiated */
    unsigned nparams;           /* of the path template */
    bool mail_bound;            /* its requests are kept as spans for the dashboard */
    unsigned headers;           /* mask of enum contract_header */
    const char *const *peers;   /* NULL-terminated; names that may call it */
    const struct schema *body;  /* of the request; NULL: no body is read */
    const struct schema *query; /* of the query string; NULL: ignored */
    const struct schema *response; /* NULL: none */
};

struct contract;

/* Parses all embedded files. NULL with a sentence in *ret_why (heap; free) when one is
 * wrong: duplicate number or name, unknown keyword, unknown error, bad path. */
struct contract *contract_load(char **ret_why);
/* The same from another set of files: for tests of the loader. */
struct embed_file;
struct contract *contract_load_set(const struct embed_file *set, char **ret_why);
void contract_free(struct contract **c);

const struct contract_method *contract_by_name(const struct contract *c,
                                               const char *name);
/* All methods in order of number. */
const struct contract_method *contract_methods(const struct contract *c, size_t *ret_n);
/* A file of proto/ as embedded ("auth.json"); empty when there is none. */
struct str contract_file(const char *name);
bool contract_peer_allowed(const struct contract_method *m, const char *peer);

/* Routing. Splits a raw path (no query; as it came, not decoded): empty trailing part
 * dropped, so both slash forms match. */
struct route_match {
    const struct contract_method *method; /* NULL: path known, verb not served */
    struct str params[CONTRACT_PATH_PARAMS];
    unsigned nparams;
    const struct contract_method *any; /* some method of this path */
    char allow[64];                    /* "GET, POST, HEAD, OPTIONS" */
};
/* False: no such path. HEAD matches GET's method. */
bool contract_route(const struct contract *c, struct str verb, struct str path,
                    struct route_match *ret);

#endif
