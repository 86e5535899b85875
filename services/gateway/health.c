#include "gateway/health.h"

#include <jansson.h>

#include "base/jsonw.h"
#include "base/mem.h"
#include "gateway/app.h"
#include "gateway/redis.h"

enum { FRESH_MS = 1000, BODY_MAX = 8 * 1024 };

enum probe { PROBE_AUTH, PROBE_CATALOG, PROBE_REDIS, NPROBES };

struct probe_result {
    bool pending, alive, ready;
    const char *why; /* static */
};

struct gateway_health {
    struct gateway_health_config cfg;
    const struct contract_method *ping;
    struct probe_result result[NPROBES];
    int64_t checked_ms; /* when the results were complete; 0: never */
    struct gateway_request *waiting;
    bool probing;
};

/* ---- the document ---- */

static void write_check(struct jsonw *w, const char *name, const char *status,
                        const char *message)
{
    jw_key(w, name);
    jw_object(w);
    jw_kcstr(w, "status", status);
    jw_kcstr(w, "message", message);
    jw_object_end(w);
}

static void write_service(struct jsonw *w, const char *name, const struct probe_result *r)
{
    const char *message = r->why ? r->why : "The service answers";
    write_check(w, name, r->alive ? "healthy" : "unhealthy", message);
}

/* The gateway owns no tables: the database is as well as its users say. */
static bool database_fine(const struct gateway_health *h)
{
    return h->result[PROBE_AUTH].ready && h->result[PROBE_CATALOG].ready;
}

static void write_checks(struct jsonw *w, const struct gateway_health *h)
{
    const struct probe_result *redis = &h->result[PROBE_REDIS];
    bool database = database_fine(h);
    jw_key(w, "checks");
    jw_object(w);
    write_check(w, "database", database ? "healthy" : "unhealthy",
                database ? "Database connection is working"
                         : "Not every service can use its database");
    if (!h->cfg.redis)
        write_check(w, "redis", "disabled", "No REDIS_URL is set");
    else
        write_check(w, "redis", redis->alive ? "healthy" : "unhealthy",
                    redis->alive ? "Redis is accessible" : redis->why);
    write_service(w, "auth", &h->result[PROBE_AUTH]);
    write_service(w, "catalog", &h->result[PROBE_CATALOG]);
    jw_object_end(w);
}

static const char *overall(const struct gateway_health *h)
{
    if (!h->result[PROBE_AUTH].alive || !h->result[PROBE_CATALOG].alive ||
        !database_fine(h))
        return "unhealthy";
    return h->cfg.redis && !h->result[PROBE_REDIS].alive ? "degraded" : "healthy";
}

static void answer(const struct gateway_health *h, struct gateway_request *rq)
{
    const char *status = overall(h);
    AUTO_BUF struct buf body;
    buf_init(&body, BODY_MAX);
    struct jsonw w;
    jw_begin(&w, &body);
    jw_object(&w);
    jw_kcstr(&w, "status", status);
    jw_kcstr(&w, "service", "quintet");
    jw_kcstr(&w, "version", SVC_VERSION);
    write_checks(&w, h);
    jw_object_end(&w);
    jw_end(&w);
    gateway_reply_json(rq, strcmp(status, "unhealthy") == 0 ? 503 : 200, buf_get(&body));
}

/* ---- probes ---- */

static void settle(struct gateway_health *h, enum probe which, struct probe_result r)
{
    h->result[which] = r;
    for (int i = 0; i < NPROBES; i++)
        if (h->result[i].pending)
            return;
    h->probing = false;
    h->checked_ms = loop_now_ms(h->cfg.loop);
    struct gateway_request *list = h->waiting;
    h->waiting = NULL;
    for (struct gateway_request *rq = list, *next; rq; rq = next) {
        next = rq->next;
        answer(h, rq);
    }
}

static void on_redis(void *arg, bool alive, const char *why)
{
    settle(arg, PROBE_REDIS, (struct probe_result){ .alive = alive, .why = why });
}

/* "ready" and "draining" of control.ping's answer; a service that does not say whether
 * it is ready counts as ready. */
static struct probe_result read_pong(enum err e, const struct frame *reply)
{
    if (e != ERR_OK)
        return (struct probe_result){ .why = "The service does not answer" };
    json_t *pong = json_loadb(reply->body.p, reply->body.n, JSON_REJECT_DUPLICATES, NULL);
    bool ready = !json_is_false(json_object_get(pong, "ready"));
    json_decref(pong);
    return (struct probe_result){ .alive = true,
                                  .ready = ready,
                                  .why = ready ? NULL : "The service is not ready" };
}

static void on_auth(void *arg, enum err e, const struct frame *reply)
{
    settle(arg, PROBE_AUTH, read_pong(e, reply));
}

static void on_catalog(void *arg, enum err e, const struct frame *reply)
{
    settle(arg, PROBE_CATALOG, read_pong(e, reply));
}

static void begin(struct gateway_health *h)
{
    struct frame f = { .method = h->ping->number };
    h->probing = true;
    h->result[PROBE_AUTH].pending = h->result[PROBE_CATALOG].pending = true;
    h->result[PROBE_REDIS].pending = h->cfg.redis != NULL;
    if (h->cfg.redis)
        redis_ping(h->cfg.redis, on_redis, h);
    rpc_call(h->cfg.auth, &f, h->ping->timeout_ms, false, on_auth, h);
    rpc_call(h->cfg.catalog, &f, h->ping->timeout_ms, false, on_catalog, h);
}

void gateway_health_answer(struct gateway_health *h, struct gateway_request *rq)
{
    int64_t age_ms = loop_now_ms(h->cfg.loop) - h->checked_ms;
    if (h->checked_ms && !h->probing && age_ms < FRESH_MS) {
        answer(h, rq);
        return;
    }
    rq->next = h->waiting;
    h->waiting = rq;
    if (!h->probing)
        begin(h);
}

/* ---- life ---- */

struct gateway_health *gateway_health_new(const struct gateway_health_config *cfg)
{
    struct gateway_health *h = xcalloc(1, sizeof *h);
    h->cfg = *cfg;
    h->ping = contract_by_name(cfg->contract, "control.ping");
    if (!h->ping)
        BUG("the contract has no control.ping");
    return h;
}

void gateway_health_close(struct gateway_health *h)
{
    struct gateway_request *list = h->waiting;
    h->waiting = NULL;
    for (struct gateway_request *rq = list, *next; rq; rq = next) {
        next = rq->next;
        gateway_reply_error(rq, ERR_DRAINING, NULL);
    }
}

void gateway_health_free(struct gateway_health **hp)
{
    struct gateway_health *h = *hp;
    if (!h)
        return;
    *hp = NULL;
    free(h);
}
