#include "gateway/redis.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "gateway/redis_url.h"
#include "svc/log.h"
#include "svc/metrics.h"
#include "svc/resolve.h"

enum {
    OPEN_MS = 500,      /* from the first packet to the answer to PING */
    RETRY_MIN_MS = 100, /* between two attempts, doubled each time */
    RETRY_MAX_MS = 2000,
    LATE_MAX = 3, /* calls in a row without an answer */
    SHA_BYTES = 20,
    SHA_TEXT = 2 * SHA_BYTES + 1,
    NUMBER_TEXT = 24,
    ENDPOINT_MAX = 64,
};

enum state { STATE_DOWN, STATE_OPENING, STATE_UP };

enum outcome { OUTCOME_OK, OUTCOME_LATE, OUTCOME_ERROR, OUTCOME_DOWN, NOUTCOMES };

struct redis {
    struct loop *loop;
    struct redis_url url;
    const char *script;
    char sha[SHA_TEXT];
    struct resolver *resolver;   /* NULL: a Unix socket */
    char endpoint[ENDPOINT_MAX]; /* "tcp://10.0.0.1:6379"; empty: not known yet */

    redisAsyncContext *ac; /* NULL in STATE_DOWN */
    enum state state;
    atomic_bool up;           /* for other threads */
    struct loop_timer *timer; /* DOWN: the next attempt; OPENING: its limit */
    int64_t retry_ms;
    unsigned late;   /* calls in a row that nobody answered */
    const char *why; /* it is not up; static */
    bool told;       /* the log knows that it is away */

    redis_ping_fn *ping_fn; /* NULL: nobody asks */
    void *ping_arg;
    struct loop_timer *ping_timer;

    struct metric *up_gauge, *duration, *calls[NOUTCOMES];
};

/* What hiredis' hooks need; it lives as long as its context, which may outlast a drop. */
struct link {
    struct loop_source *source;
    int events;
};

struct call {
    struct redis *redis;
    redis_fn *fn; /* NULL: answered, "late" */
    void *arg;
    struct loop_timer *timer;
    int64_t began_us;
    bool with_text; /* sent as EVAL */
    char key[REDIS_KEY_MAX];
    char argument[REDIS_ARGUMENTS_MAX][NUMBER_TEXT];
    unsigned n;
};

static void open_connection(void *arg);

/* ---- hiredis' hooks ---- */

static void set_events(void *data, int set, int clear)
{
    struct link *link = data;
    link->events = (link->events | set) & ~clear;
    loop_set_events(link->source, link->events);
}

static void add_read(void *data)
{
    set_events(data, LOOP_READ, 0);
}

static void del_read(void *data)
{
    set_events(data, 0, LOOP_READ);
}

static void add_write(void *data)
{
    set_events(data, LOOP_WRITE, 0);
}

static void del_write(void *data)
{
    set_events(data, 0, LOOP_WRITE);
}

static void clean_up(void *data)
{
    struct link *link = data;
    loop_remove(&link->source);
    free(link);
}

static void on_events(void *arg, int events)
{
    redisAsyncContext *ac = arg;
    /* Either may free the context; the other must not see it then. */
    if (events & LOOP_WRITE)
        redisAsyncHandleWrite(ac);
    else if (events & LOOP_READ)
        redisAsyncHandleRead(ac);
}

/* ---- state ---- */

static void answer_ping(struct redis *r, bool alive, const char *why)
{
    redis_ping_fn *fn = r->ping_fn;
    if (!fn)
        return;
    r->ping_fn = NULL;
    loop_timer_cancel(&r->ping_timer);
    fn(r->ping_arg, alive, why);
}

static void set_state(struct redis *r, enum state state)
{
    r->state = state;
    atomic_store_explicit(&r->up, state == STATE_UP, memory_order_relaxed);
    metric_set(r->up_gauge, state == STATE_UP);
}

static void retry(void *arg)
{
    struct redis *r = arg;
    r->timer = NULL;
    open_connection(r);
}

static void tell_down(struct redis *r)
{
    if (r->told)
        return;
    r->told = true;
    log_warn("redis", "away, limits are counted here alone", F_STR("reason", r->why));
}

/* The connection is no good. Its calls under way end with it. */
static void go_down(struct redis *r, const char *why)
{
    redisAsyncContext *ac = r->ac;
    r->ac = NULL;
    r->why = why;
    set_state(r, STATE_DOWN);
    loop_timer_cancel(&r->timer);
    r->timer = loop_timer(r->loop, r->retry_ms, 0, retry, r);
    r->retry_ms = r->retry_ms * 2 < RETRY_MAX_MS ? r->retry_ms * 2 : RETRY_MAX_MS;
    tell_down(r);
    if (ac)
        redisAsyncFree(ac);
    answer_ping(r, false, why);
}

static void go_up(struct redis *r)
{
    set_state(r, STATE_UP);
    loop_timer_cancel(&r->timer);
    r->retry_ms = RETRY_MIN_MS;
    r->late = 0;
    if (r->told)
        log_info("redis", "back");
    r->told = false;
    answer_ping(r, true, NULL);
}

/* ---- opening ---- */

static void on_open_late(void *arg)
{
    struct redis *r = arg;
    r->timer = NULL;
    go_down(r, "Redis does not answer");
}

static bool is_status(const redisReply *reply)
{
    return reply && reply->type == REDIS_REPLY_STATUS;
}

/* What belongs to a context that was dropped says nothing about the present one. */
static bool is_current(const struct redis *r, const redisAsyncContext *ac)
{
    return r->ac == ac && ac;
}

static void on_login(redisAsyncContext *ac, void *reply, void *arg)
{
    struct redis *r = arg;
    if (is_current(r, ac) && reply && !is_status(reply))
        go_down(r, "Redis refuses the login");
}

static void on_select(redisAsyncContext *ac, void *reply, void *arg)
{
    struct redis *r = arg;
    if (is_current(r, ac) && reply && !is_status(reply))
        go_down(r, "Redis refuses the database");
}

static void on_first_pong(redisAsyncContext *ac, void *reply, void *arg)
{
    struct redis *r = arg;
    if (!is_current(r, ac) || !reply)
        return;
    if (is_status(reply))
        go_up(r);
    else
        go_down(r, "Redis refuses PING");
}

static void greet(struct redis *r)
{
    struct str password = secret_expose(r->url.password);
    if (r->url.user)
        redisAsyncCommand(r->ac, on_login, r, "AUTH %s %b", r->url.user, password.p,
                          password.n);
    else if (password.n > 0)
        redisAsyncCommand(r->ac, on_login, r, "AUTH %b", password.p, password.n);
    if (r->url.db != 0)
        redisAsyncCommand(r->ac, on_select, r, "SELECT %d", r->url.db);
    redisAsyncCommand(r->ac, on_first_pong, r, "PING");
}

static void on_connect(const redisAsyncContext *ac, int status)
{
    struct redis *r = ac->data;
    if (!is_current(r, ac) || status == REDIS_OK)
        return;
    r->ac = NULL; /* hiredis frees it after this */
    go_down(r, "Redis cannot be reached");
}

static void on_disconnect(const redisAsyncContext *ac, int status)
{
    (void)status;
    struct redis *r = ac->data;
    if (!is_current(r, ac))
        return;
    r->ac = NULL;
    go_down(r, "the connection to Redis was lost");
}

/* "tcp://10.0.0.1:6379" -> its two parts; the resolver wrote it. */
static redisAsyncContext *connect_endpoint(const char *endpoint)
{
    char host[ENDPOINT_MAX];
    int64_t port;
    struct str s = str_of(endpoint + strlen("tcp://"));
    const char *colon = memrchr(s.p, ':', s.n);
    if (!colon || !str_to_i64(str_of(colon + 1), &port))
        return NULL;
    s.n = (size_t)(colon - s.p);
    if (s.n > 2 && s.p[0] == '[')
        s = (struct str){ s.p + 1, s.n - 2 };
    snprintf(host, sizeof host, "%.*s", STR_ARG(s));
    return redisAsyncConnect(host, (int)port);
}

static redisAsyncContext *connect_anywhere(const struct redis *r)
{
    if (r->url.path)
        return redisAsyncConnectUnix(r->url.path);
    return r->endpoint[0] ? connect_endpoint(r->endpoint) : NULL;
}

static void attach(struct redis *r, redisAsyncContext *ac)
{
    struct link *link = xcalloc(1, sizeof *link);
    link->source = loop_add_fd(r->loop, ac->c.fd, 0, on_events, ac);
    ac->data = r;
    ac->ev.data = link;
    ac->ev.addRead = add_read;
    ac->ev.delRead = del_read;
    ac->ev.addWrite = add_write;
    ac->ev.delWrite = del_write;
    ac->ev.cleanup = clean_up;
    redisAsyncSetConnectCallback(ac, on_connect);
    redisAsyncSetDisconnectCallback(ac, on_disconnect);
}

static void open_connection(void *arg)
{
    struct redis *r = arg;
    loop_timer_cancel(&r->timer);
    redisAsyncContext *ac = connect_anywhere(r);
    if (!ac || ac->err) {
        if (ac)
            redisAsyncFree(ac);
        go_down(r, "Redis cannot be reached");
        return;
    }
    r->ac = ac;
    set_state(r, STATE_OPENING);
    r->timer = loop_timer(r->loop, OPEN_MS, 0, on_open_late, r);
    attach(r, ac);
    greet(r);
}

static void on_resolved(void *arg, const char *const *endpoints, unsigned n)
{
    struct redis *r = arg;
    if (n == 0)
        return;
    bool first = !r->endpoint[0];
    snprintf(r->endpoint, sizeof r->endpoint, "%s", endpoints[0]);
    if (first && r->state == STATE_DOWN)
        open_connection(r);
}

/* ---- calls ---- */

static void count(struct redis *r, enum outcome outcome)
{
    metric_add(r->calls[outcome], 1);
}

static void end_call(struct call *call, const int64_t *numbers, unsigned n)
{
    redis_fn *fn = call->fn;
    if (!fn)
        return;
    call->fn = NULL;
    loop_timer_cancel(&call->timer);
    fn(call->arg, numbers, n);
}

static void on_call_late(void *arg)
{
    struct call *call = arg; /* hiredis still has it */
    struct redis *r = call->redis;
    call->timer = NULL;
    count(r, OUTCOME_LATE);
    end_call(call, NULL, 0);
    if (++r->late >= LATE_MAX && r->state == STATE_UP)
        go_down(r, "Redis does not answer in time");
}

static bool read_numbers(const redisReply *reply, int64_t numbers[REDIS_NUMBERS_MAX])
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements > REDIS_NUMBERS_MAX)
        return false;
    for (size_t i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type != REDIS_REPLY_INTEGER)
            return false;
        numbers[i] = reply->element[i]->integer;
    }
    return true;
}

static bool send_call(struct call *call);

static bool is_script_lost(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0;
}

static void on_call_reply(redisAsyncContext *ac, void *data, void *arg)
{
    struct call *call = arg;
    struct redis *r = call->redis;
    const redisReply *reply = data;
    int64_t numbers[REDIS_NUMBERS_MAX];
    if (reply && call->fn && is_current(r, ac))
        r->late = 0;
    if (reply && call->fn && !call->with_text && is_script_lost(reply)) {
        call->with_text = true;
        if (send_call(call))
            return;
    }
    bool fine = reply && read_numbers(reply, numbers);
    if (call->fn && fine)
        metric_observe_us(r->duration, clock_mono_us() - call->began_us);
    if (call->fn)
        count(r, fine ? OUTCOME_OK : OUTCOME_ERROR);
    if (call->fn && reply && reply->type == REDIS_REPLY_ERROR)
        log_warn("redis", "refused", F_STR("reason", reply->str));
    end_call(call, fine ? numbers : NULL, fine ? (unsigned)reply->elements : 0);
    free(call);
}

static bool send_call(struct call *call)
{
    enum { BEFORE_KEY = 3 };
    const struct redis *r = call->redis;
    const char *argv[BEFORE_KEY + 1 + REDIS_ARGUMENTS_MAX] = {
        call->with_text ? "EVAL" : "EVALSHA", call->with_text ? r->script : r->sha, "1",
        call->key
    };
    size_t length[ARRAY_LEN(argv)];
    int n = BEFORE_KEY + 1;
    for (unsigned i = 0; i < call->n; i++)
        argv[n++] = call->argument[i];
    for (int i = 0; i < n; i++)
        length[i] = strlen(argv[i]);
    return r->ac &&
           redisAsyncCommandArgv(r->ac, on_call_reply, call, n, argv, length) == REDIS_OK;
}

static struct call *call_new(struct redis *r, struct str key, const int64_t *arguments,
                             unsigned n)
{
    struct call *call = xcalloc(1, sizeof *call);
    call->redis = r;
    call->began_us = clock_mono_us();
    call->n = n;
    memcpy(call->key, key.p, key.n);
    for (unsigned i = 0; i < n; i++)
        snprintf(call->argument[i], NUMBER_TEXT, "%lld", (long long)arguments[i]);
    return call;
}

void redis_run(struct redis *r, struct str key, const int64_t *arguments, unsigned n,
               redis_fn *fn, void *arg)
{
    if (key.n >= REDIS_KEY_MAX || n > REDIS_ARGUMENTS_MAX)
        BUG("a redis call does not fit");
    if (r->state != STATE_UP) {
        count(r, OUTCOME_DOWN);
        fn(arg, NULL, 0);
        return;
    }
    struct call *call = call_new(r, key, arguments, n);
    if (!send_call(call)) {
        free(call);
        count(r, OUTCOME_DOWN);
        fn(arg, NULL, 0);
        return;
    }
    call->fn = fn;
    call->arg = arg;
    call->timer = loop_timer(r->loop, REDIS_CALL_MS, 0, on_call_late, call);
}

/* ---- health ---- */

static void on_ping_late(void *arg)
{
    struct redis *r = arg;
    r->ping_timer = NULL;
    answer_ping(r, false, r->state == STATE_UP ? "Redis does not answer" : r->why);
}

static void on_pong(redisAsyncContext *ac, void *reply, void *arg)
{
    struct redis *r = arg;
    if (is_current(r, ac) && reply)
        answer_ping(r, is_status(reply), "Redis refuses PING");
}

void redis_ping(struct redis *r, redis_ping_fn *fn, void *arg)
{
    r->ping_fn = fn;
    r->ping_arg = arg;
    r->ping_timer = loop_timer(r->loop, OPEN_MS, 0, on_ping_late, r);
    if (r->state == STATE_UP)
        redisAsyncCommand(r->ac, on_pong, r, "PING");
    else if (r->state == STATE_DOWN)
        open_connection(r); /* whoever asks need not wait for the next attempt */
}

bool redis_up(const struct redis *r)
{
    return atomic_load_explicit(&r->up, memory_order_relaxed);
}

/* ---- life ---- */

static void hash_script(struct redis *r)
{
    unsigned char sha[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (EVP_Digest(r->script, strlen(r->script), sha, &n, EVP_sha1(), NULL) != 1 ||
        n != SHA_BYTES)
        BUG("no SHA-1 for a script");
    hex_encode(sha, SHA_BYTES, r->sha);
}

static void make_metrics(struct redis *r)
{
    static const char *const OUTCOMES[NOUTCOMES] = { "ok", "late", "error", "down" };
    r->up_gauge = metric_gauge("redis_up", "1 while Redis answers", "");
    r->duration = metric_histogram("redis_call_duration_seconds",
                                   "Time until Redis answered a call", "");
    for (int i = 0; i < NOUTCOMES; i++) {
        char label[40];
        snprintf(label, sizeof label, "result=\"%s\"", OUTCOMES[i]);
        r->calls[i] = metric_counter("redis_calls_total", "Calls to Redis", label);
    }
}

struct redis *redis_open(struct loop *l, const struct secret *url, const char *script,
                         const char **ret_why)
{
    struct redis *r = xcalloc(1, sizeof *r);
    if (!redis_url_parse(secret_expose(url), &r->url, ret_why)) {
        free(r);
        return NULL;
    }
    r->loop = l;
    r->script = script;
    r->retry_ms = RETRY_MIN_MS;
    r->why = "Redis cannot be reached";
    hash_script(r);
    make_metrics(r);
    if (r->url.endpoint)
        r->resolver = resolver_start(l, r->url.endpoint, on_resolved, r);
    else
        open_connection(r);
    return r;
}

void redis_close(struct redis **rp)
{
    struct redis *r = *rp;
    if (!r)
        return;
    *rp = NULL;
    redisAsyncContext *ac = r->ac;
    r->ac = NULL;
    set_state(r, STATE_DOWN);
    resolver_stop(&r->resolver);
    if (ac)
        redisAsyncFree(ac);
    answer_ping(r, false, "the gateway stops");
    loop_timer_cancel(&r->timer);
    redis_url_clear(&r->url);
    free(r);
}
