#include "svc/http_private.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/log.h"

enum {
    DEFAULT_MEMORY = 32 * 1024,
    DEFAULT_CONNECTIONS = 512,
    DEFAULT_STEP_S = 10,
    DEFAULT_IDLE_S = 75,
    DEFAULT_ANSWER_S = 120,
    THREAD_STACK = 1024 * 1024, /* libjwt takes buffers of a token's size by alloca */
    BACKLOG = 511,
    STOP_WAIT_MS = 2000, /* once politely, once more after shutting every socket */
};

/* ---- the listening socket ---- */

/* "127.0.0.1:8000", "[::1]:8000", ":8000": host and port; false when it is not one. */
static bool split_address(const char *listen, char *host, size_t size, const char **port)
{
    const char *colon = strrchr(listen, ':');
    if (!colon || (size_t)(colon - listen) >= size)
        return false;
    size_t n = (size_t)(colon - listen);
    if (n >= 2 && listen[0] == '[' && listen[n - 1] == ']') {
        listen++;
        n -= 2;
    }
    memcpy(host, listen, n);
    host[n] = '\0';
    *port = colon + 1;
    int64_t number;
    return str_to_i64(str_of(*port), &number) && number >= 0 && number <= 65535;
}

static struct addrinfo *resolve(const char *listen)
{
    char host[64];
    const char *port;
    if (!split_address(listen, host, sizeof host, &port))
        return NULL;
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                              .ai_socktype = SOCK_STREAM };
    if (strcmp(host, "localhost") == 0)
        snprintf(host, sizeof host, "127.0.0.1");
    bool any = host[0] == '\0' || strcmp(host, "*") == 0;
    if (!any)
        hints.ai_flags |= AI_NUMERICHOST;
    else
        hints.ai_family = AF_INET;
    struct addrinfo *found = NULL;
    return getaddrinfo(any ? NULL : host, port, &hints, &found) == 0 ? found : NULL;
}

bool http_can_listen(const char *listen)
{
    struct addrinfo *ai = resolve(listen);
    if (ai)
        freeaddrinfo(ai);
    return ai != NULL;
}

static int bind_socket(const struct addrinfo *ai)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int open_listener(const char *listen, char **ret_why)
{
    struct addrinfo *ai = resolve(listen);
    if (!ai) {
        *ret_why = xasprintf("'%s' is not an address to listen on: say 127.0.0.1:8000 "
                             "or [::]:8000",
                             listen);
        return -1;
    }
    int fd = bind_socket(ai);
    if (fd < 0 && errno == EADDRINUSE)
        *ret_why = xasprintf("%s is taken by another program", listen);
    else if (fd < 0)
        *ret_why = xasprintf("cannot listen on %s: %s", listen, strerror(errno));
    freeaddrinfo(ai);
    return fd;
}

static char *bound_address(int fd)
{
    struct sockaddr_storage ss;
    socklen_t n = sizeof ss;
    char host[64], port[8];
    if (getsockname(fd, (struct sockaddr *)&ss, &n) != 0 ||
        getnameinfo((struct sockaddr *)&ss, n, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return xstrdup("");
    return xasprintf(ss.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* ---- start ---- */

/* The raw target is routed on; decoding it in place would only destroy it. */
static size_t keep_escapes(void *arg, struct MHD_Connection *c, char *s)
{
    (void)arg, (void)c;
    return strlen(s);
}

static void set_defaults(struct http_config *cfg)
{
    static const struct http_header_line NOSNIFF[] = {
        { "X-Content-Type-Options", "nosniff" },
        { NULL, NULL },
    };
    if (!cfg->refusal_headers)
        cfg->refusal_headers = NOSNIFF;
    if (cfg->connection_memory == 0)
        cfg->connection_memory = DEFAULT_MEMORY;
    if (cfg->connection_limit == 0)
        cfg->connection_limit = DEFAULT_CONNECTIONS;
    if (cfg->header_timeout_s == 0)
        cfg->header_timeout_s = DEFAULT_STEP_S;
    if (cfg->body_timeout_s == 0)
        cfg->body_timeout_s = DEFAULT_STEP_S;
    if (cfg->idle_timeout_s == 0)
        cfg->idle_timeout_s = DEFAULT_IDLE_S;
    if (cfg->answer_timeout_s == 0)
        cfg->answer_timeout_s = DEFAULT_ANSWER_S;
    if (cfg->bulk_max < cfg->body_max)
        cfg->bulk_max = cfg->body_max;
}

/* Strictness 0: a missing Host and a blank in the target come to our guard, whose answer
 * is one and whole; the library's own answer to the former has its head twice. */
static struct MHD_Daemon *start_daemon(struct http_listener *l, int fd)
{
    const struct http_config *cfg = &l->cfg;
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL,
        NULL, http_request_access, l, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        cfg->connection_memory, MHD_OPTION_CONNECTION_LIMIT, cfg->connection_limit,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)cfg->idle_timeout_s,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK, MHD_OPTION_URI_LOG_CALLBACK,
        http_request_uri, l, MHD_OPTION_NOTIFY_COMPLETED, http_request_completed, l,
        MHD_OPTION_NOTIFY_CONNECTION, http_connection_notify, l,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_END);
}

struct http_listener *http_start(const struct http_config *cfg, http_fn *fn,
                                 http_error_fn *error_fn, void *arg, char **ret_why)
{
    int fd = open_listener(cfg->listen, ret_why);
    if (fd < 0)
        return NULL;
    struct http_listener *l = xcalloc(1, sizeof *l);
    l->cfg = *cfg;
    set_defaults(&l->cfg);
    l->fn = fn;
    l->error_fn = error_fn;
    l->arg = arg;
    l->address = bound_address(fd);
    http_reaper_start(l);
    l->daemon = start_daemon(l, fd);
    if (l->daemon)
        return l;
    *ret_why = xasprintf("libmicrohttpd cannot serve on %s", cfg->listen);
    http_reaper_stop(l);
    close(fd);
    free(l->address);
    free(l);
    return NULL;
}

const char *http_address(const struct http_listener *l)
{
    return l->address;
}

unsigned http_in_flight(const struct http_listener *l)
{
    return atomic_load_explicit(&l->in_flight, memory_order_relaxed);
}

/* ---- stop ---- */

void http_leave(struct http_listener *l)
{
    atomic_store(&l->draining, true);
}

/* Clients that the kernel has connected already would be cut off with the socket. */
static void accept_the_rest(struct http_listener *l, int fd)
{
    struct sockaddr_storage from;
    for (;;) {
        socklen_t size = sizeof from;
        int client =
            accept4(fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0)
            return;
        if (MHD_add_connection(l->daemon, client, (struct sockaddr *)&from, size) !=
            MHD_YES)
            return; /* it closes the socket itself */
    }
}

void http_drain(struct http_listener *l)
{
    http_leave(l);
    if (l->quiesced)
        return;
    l->quiesced = true;
    /* Closed at once: otherwise new clients connect and wait for nobody. */
    int fd = MHD_quiesce_daemon(l->daemon);
    if (fd < 0)
        return;
    accept_the_rest(l, fd);
    close(fd);
}

static bool wait_until_idle(const struct http_listener *l)
{
    int64_t until = clock_mono_ms() + STOP_WAIT_MS;
    while (http_in_flight(l) > 0 && clock_mono_ms() < until)
        usleep(2000);
    return http_in_flight(l) == 0;
}

void http_stop(struct http_listener **lp)
{
    struct http_listener *l = *lp;
    if (!l)
        return;
    *lp = NULL;
    http_drain(l);
    /* A client that does not take its answer must not outlive what answers it. */
    if (!wait_until_idle(l))
        http_connection_shut_all(l);
    /* libmicrohttpd aborts the process when it is stopped with a suspended connection;
     * leaking the listener of a process that ends is the lesser evil. */
    if (!wait_until_idle(l)) {
        log_warn("http", "stopped with requests unanswered", F_STR("listen", l->address),
                 F_INT("count", http_in_flight(l)));
        return;
    }
    MHD_stop_daemon(l->daemon);
    http_reaper_stop(l);
    http_request_free_all(l);
    free(l->address);
    free(l);
}
