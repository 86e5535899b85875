/*
 * One request of the dashboard's API, in the loop's thread: who asks, what they send, how
 * it is answered. Each handler answers exactly once, now or after a call to another
 * service, by api_reply or api_fail*, which free it.
 */
#ifndef MONITOR_API_H
#define MONITOR_API_H

#include <jansson.h>

#include "base/arena.h"
#include "base/jsonw.h"
#include "monitor/access.h"
#include "svc/http.h"
#include "svc/proxies.h"
#include "svc/svc.h"

struct monitor_app;
struct api;

enum api_need { NEED_NOTHING, NEED_TO_READ, NEED_TO_ACT };

struct api_route {
    const char *verb; /* GET serves HEAD too */
    const char *path; /* with a trailing slash: anything may follow, as `rest` */
    enum api_need need;
    void (*fn)(struct api *a);
};

struct api_who {
    char name[ACCESS_NAME];
    enum access_role role;
    const char *via;  /* "session", "basic", "" */
    uint64_t session; /* serial; 0 without one */
};

struct api {
    struct monitor_app *app;
    struct http_request *http;
    struct proxies_origin from;
    const struct api_route *route;
    struct str rest; /* of the path, not decoded */
    struct api_who who;
    bool undecided; /* nobody, as long as the sessions of before are not read */
    struct arena arena;
    const char *set_cookie; /* of the answer, in the arena; may be NULL */
    int64_t retry_after_s;  /* of the answer; 0 = none */
    const char *incomplete; /* why the answer may lack something; NULL: it does not */
    json_t *body;           /* filled by api_body */
    void *state;            /* the handler's, in the arena */
    void (*on_reply)(struct api *a, enum err e, const struct frame *reply);
    void (*on_rows)(struct api *a, const struct db_result *r);
};

/* Answers with a JSON document. The bytes are copied. */
void api_reply(struct api *a, int status, struct str json);
/* ... with another media type. */
void api_reply_as(struct api *a, int status, const char *type, struct str body);
/* An error of API.md 3. detail NULL: the registry's sentence. */
void api_fail(struct api *a, enum err e, const char *detail);
/* ... of one field, as ERR_VALIDATION. position < 0: not said. */
void api_fail_field(struct api *a, const char *field, const char *message,
                    int64_t position);
/* Passes on what a service said: its error and details, or that it is away. */
void api_fail_reply(struct api *a, const char *service, enum err e,
                    const struct frame *reply);
/* Takes the request out of the answer's hands: a stream owns it now. */
void api_free(struct api *a);

/* A query (or, without one, form body) parameter, decoded into the arena; p NULL when
 * absent or not decodable. */
struct str api_param(struct api *a, const char *name);
/* An integer parameter within limits; `def` when absent. False: answered. */
bool api_param_int(struct api *a, const char *name, int64_t min, int64_t max, int64_t def,
                   int64_t *ret) MUST_CHECK;
/* A time parameter as microseconds; `def` when absent. False: answered. */
bool api_param_time(struct api *a, const char *name, int64_t def,
                    int64_t *ret) MUST_CHECK;
/* `rest` decoded, as text. */
struct str api_rest(struct api *a);
/* Parses the body as a JSON object into a->body. False: answered. */
bool api_body(struct api *a) MUST_CHECK;
/* Members of the body; a wrong type is answered and false. */
bool api_only(struct api *a, const char *const *known) MUST_CHECK;
const char *api_text(struct api *a, const char *key); /* NULL: absent or not text */

/* Asks a service. fn gets the reply, exactly once. who: the actor is the one signed in.
 */
void api_call(struct api *a, struct rpc_client *client, const char *method,
              struct str body, bool as_actor,
              void (*fn)(struct api *a, enum err e, const struct frame *reply));
/* Asks the monitor's own database; fn with any status. */
void api_query(struct api *a, const struct db_stmt *stmt, const struct str *params,
               unsigned n, void (*fn)(struct api *a, const struct db_result *r));

/* A JSON document under construction: an open object. */
void api_begin(struct buf *b, struct jsonw *w);
/* Closes it and answers 200. */
void api_finish(struct api *a, struct buf *b, struct jsonw *w);
/* A time as text, or null for 0. */
void api_ktime(struct jsonw *w, const char *key, int64_t wall_us);

#endif
