#include "svc/ops.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "svc/http.h"
#include "svc/log.h"
#include "svc/metrics.h"
#include "svc/svc.h"

enum {
    WHY_SIZE = 121,
    LOOP_STUCK_MS = 5000,
    CONNECTION_MEMORY = 8 * 1024,
    CONNECTIONS = 32,
    PAGE_MAX = 4 * 1024 * 1024,
    CHECK_TIMEOUT_S = 3,
};

struct ops {
    struct svc *svc;
    struct http_listener *listener;
    pthread_mutex_t lock; /* ready, why */
    bool ready;
    char why[WHY_SIZE];
};

static void answer(struct http_request *r, int status, const char *type, struct str body)
{
    const struct http_header_line headers[] = {
        { "Content-Type", type },
        { "Cache-Control", "no-store" },
        { "X-Content-Type-Options", "nosniff" },
        { NULL, NULL },
    };
    http_reply(
        r, &(struct http_answer){ .status = status, .body = body, .headers = headers });
}

static void answer_text(struct http_request *r, int status, const char *text)
{
    answer(r, status, "text/plain; charset=utf-8", str_of(text));
}

/* True when the loop turned lately; *ret_ms is the age of its last turn. */
static bool is_live(const struct ops *o, int64_t *ret_ms)
{
    *ret_ms = o->svc->loop ? clock_mono_ms() - loop_last_turn_ms(o->svc->loop) : 0;
    return *ret_ms < LOOP_STUCK_MS;
}

static void serve_livez(struct ops *o, struct http_request *r)
{
    int64_t age_ms;
    if (is_live(o, &age_ms)) {
        answer_text(r, 200, "ok\n");
        return;
    }
    char text[80];
    snprintf(text, sizeof text, "the event loop has not turned for %lld ms\n",
             (long long)age_ms);
    answer_text(r, 503, text);
}

static bool wants_verbose(const struct http_request *r)
{
    struct str rest = http_query(r);
    while (rest.n > 0) {
        struct str pair = str_cut(&rest, '&');
        if (str_eq(str_cut(&pair, '='), STR("verbose")))
            return true;
    }
    return false;
}

static void print_verbose(const struct ops *o, bool ready, const char *why,
                          struct buf *out)
{
    int64_t age_ms;
    bool live = is_live(o, &age_ms);
    struct jsonw w;
    jw_begin(&w, out);
    jw_object(&w);
    jw_kcstr(&w, "status", ready ? "ready" : "not ready");
    jw_kcstr(&w, "reason", ready ? NULL : why);
    jw_kcstr(&w, "service", o->svc->def->name);
    jw_kcstr(&w, "instance", o->svc->instance);
    jw_kcstr(&w, "version", SVC_VERSION);
    jw_key(&w, "loop");
    jw_object(&w);
    jw_kbool(&w, "live", live);
    jw_kint(&w, "last_turn_ms", age_ms);
    jw_object_end(&w);
    jw_object_end(&w);
    jw_end(&w);
    buf_char(out, '\n');
}

static void serve_readyz(struct ops *o, struct http_request *r)
{
    char why[WHY_SIZE];
    int64_t age_ms;
    pthread_mutex_lock(&o->lock);
    bool ready = o->ready;
    memcpy(why, o->why, sizeof why);
    pthread_mutex_unlock(&o->lock);
    if (ready && !is_live(o, &age_ms)) {
        ready = false;
        snprintf(why, sizeof why, "the event loop is stuck");
    }

    AUTO_BUF struct buf page;
    buf_init(&page, PAGE_MAX);
    bool verbose = wants_verbose(r);
    if (verbose)
        print_verbose(o, ready, why, &page);
    else
        buf_printf(&page, "%s\n", ready ? "ok" : why);
    answer(r, ready ? 200 : 503,
           verbose ? "application/json" : "text/plain; charset=utf-8", buf_get(&page));
}

static void serve_metrics(struct ops *o, struct http_request *r)
{
    (void)o;
    AUTO_BUF struct buf page;
    buf_init(&page, PAGE_MAX);
    metrics_print(&page);
    answer(r, 200, "text/plain; version=0.0.4", buf_get(&page));
}

static void serve_version(struct ops *o, struct http_request *r)
{
    AUTO_BUF struct buf page;
    buf_init(&page, PAGE_MAX);
    struct jsonw w;
    jw_begin(&w, &page);
    jw_object(&w);
    jw_kcstr(&w, "service", o->svc->def->name);
    jw_kcstr(&w, "version", SVC_VERSION);
    jw_object_end(&w);
    jw_end(&w);
    buf_char(&page, '\n');
    answer(r, 200, "application/json", buf_get(&page));
}

static const struct {
    const char *path;
    void (*serve)(struct ops *o, struct http_request *r);
} PAGES[] = {
    { "/livez", serve_livez },
    { "/readyz", serve_readyz },
    { "/metrics", serve_metrics },
    { "/version", serve_version },
};

static void serve(struct http_request *r, void *arg)
{
    struct ops *o = arg;
    struct str method = http_method(r);
    if (!str_eq(method, STR("GET")) && !str_eq(method, STR("HEAD"))) {
        answer_text(r, 405, "method not allowed\n");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(PAGES); i++) {
        if (!str_eq(http_path(r), str_of(PAGES[i].path)))
            continue;
        PAGES[i].serve(o, r);
        return;
    }
    answer_text(r, 404, "not found; try /livez /readyz /metrics /version\n");
}

struct ops *ops_start(struct svc *svc, const char *listen)
{
    struct ops *o = xcalloc(1, sizeof *o);
    o->svc = svc;
    pthread_mutex_init(&o->lock, NULL);
    snprintf(o->why, sizeof o->why, "starting");
    AUTO_FREE char *why = NULL;
    o->listener =
        http_start(&(struct http_config){ .listen = listen,
                                          .connection_memory = CONNECTION_MEMORY,
                                          .connection_limit = CONNECTIONS,
                                          .header_timeout_s = 5,
                                          .body_timeout_s = 5,
                                          .idle_timeout_s = 60,
                                          .thread_name = "ops" },
                   serve, NULL, o, &why);
    if (o->listener)
        return o;
    log_error("ops", "cannot listen", F_STR("listen", listen), F_STR("reason", why));
    pthread_mutex_destroy(&o->lock);
    free(o);
    return NULL;
}

void ops_set_ready(struct ops *o, bool ready, const char *why)
{
    pthread_mutex_lock(&o->lock);
    o->ready = ready;
    snprintf(o->why, sizeof o->why, "%s", why ? why : "not ready");
    pthread_mutex_unlock(&o->lock);
}

const char *ops_address(const struct ops *o)
{
    return http_address(o->listener);
}

void ops_stop(struct ops **op)
{
    struct ops *o = *op;
    if (!o)
        return;
    *op = NULL;
    http_stop(&o->listener);
    pthread_mutex_destroy(&o->lock);
    free(o);
}

/* ---- the verb ---- */

/* An address of all interfaces is asked on loopback. */
static int connect_to(const char *listen)
{
    const char *colon = strrchr(listen, ':');
    if (!colon)
        return -1;
    bool v6 = listen[0] == '[';
    size_t n = (size_t)(colon - listen);
    AUTO_FREE char *host =
        v6 && n >= 2 ? xstrndup(listen + 1, n - 2) : xstrndup(listen, n);
    const char *target = host;
    if (!*host || strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0)
        target = "127.0.0.1";
    else if (strcmp(host, "::") == 0)
        target = "::1";
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai = NULL;
    if (getaddrinfo(target, colon + 1, &hints, &ai) != 0)
        return -1;
    struct timeval limit = { .tv_sec = CHECK_TIMEOUT_S };
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(ai);
    return fd;
}

static size_t read_all(int fd, char *out, size_t size)
{
    size_t have = 0;
    ssize_t n;
    while (have + 1 < size && (n = read(fd, out + have, size - 1 - have)) > 0)
        have += (size_t)n;
    out[have] = '\0';
    return have;
}

int ops_healthcheck(const char *listen)
{
    static const char REQUEST[] = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n"
                                  "Connection: close\r\n\r\n";
    char reply[1024];
    int fd = connect_to(listen);
    if (fd < 0) {
        fprintf(stderr, "nothing answers on %s\n", listen);
        return 1;
    }
    size_t n = 0;
    if (send(fd, REQUEST, sizeof REQUEST - 1, MSG_NOSIGNAL) ==
        (ssize_t)sizeof REQUEST - 1)
        n = read_all(fd, reply, sizeof reply);
    close(fd);
    int status = 0;
    if (n == 0 || sscanf(reply, "HTTP/1.1 %d", &status) != 1) {
        fprintf(stderr, "no answer from %s\n", listen);
        return 1;
    }
    const char *body = strstr(reply, "\r\n\r\n");
    if (status != 200)
        fprintf(stderr, "not ready: %s", body ? body + 4 : "\n");
    return status == 200 ? 0 : 1;
}
