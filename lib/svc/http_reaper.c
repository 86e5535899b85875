/*
 * Slow clients. libmicrohttpd's own timeout restarts with every byte and ignores
 * suspended connections, so each connection has a deadline of ours for its next step:
 * headers complete, body complete, answer taken, next request. A thread looks once a
 * second and shuts the sockets of those that are late. Whoever comes when the places are
 * running out takes the place of another one (http_crowd.h).
 */
#include "svc/http_private.h"

#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/log.h"
#include "svc/metrics.h"

enum { REAPER_STACK = 128 * 1024, REAPER_PERIOD_S = 1 };

void http_connection_allow(struct http_connection *c, int64_t milliseconds)
{
    int64_t now = clock_mono_ms();
    atomic_store_explicit(&c->deadline_ms, now + milliseconds, memory_order_relaxed);
    atomic_store_explicit(&c->place.waits_ms, now, memory_order_relaxed);
}

static void text_of_peer(const union MHD_ConnectionInfo *info, char *out)
{
    static const char MAPPED[] = "::ffff:";
    const struct sockaddr *sa = info ? info->client_addr : NULL;
    socklen_t n = sa && sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                  : sizeof(struct sockaddr_in);
    out[0] = '\0';
    if (!sa || getnameinfo(sa, n, out, HTTP_CLIENT_TEXT, NULL, 0, NI_NUMERICHOST) != 0)
        return;
    if (strncmp(out, MAPPED, sizeof MAPPED - 1) == 0)
        memmove(out, out + sizeof MAPPED - 1, strlen(out + sizeof MAPPED - 1) + 1);
}

/* With the lock held. */
static void make_room(struct http_listener *l, const struct http_connection *stays)
{
    struct http_connection *chosen = NULL;
    for (struct http_connection *c = l->connections; c; c = c->next)
        if (c != stays &&
            http_crowd_before(&l->crowd, &c->place, chosen ? &chosen->place : NULL))
            chosen = c;
    if (!chosen)
        return; /* all wait for us: who is answered first makes room */
    shutdown(chosen->fd, SHUT_RDWR);
    http_crowd_told(&l->crowd, &chosen->place);
    metric_add(l->evicted, 1);
}

static void link_connection(struct http_listener *l, struct http_connection *c)
{
    pthread_mutex_lock(&l->lock);
    c->next = l->connections;
    if (c->next)
        c->next->prev = c;
    l->connections = c;
    if (!c->next)
        pthread_cond_signal(&l->changed);
    if (http_crowd_enter(&l->crowd, &c->place, c->client))
        make_room(l, c);
    pthread_mutex_unlock(&l->lock);
}

void http_connection_turn(struct http_listener *l, struct http_connection *c, bool ours)
{
    atomic_store_explicit(&c->place.ours, ours, memory_order_relaxed);
    if (ours || !http_crowd_is_full(&l->crowd))
        return;
    pthread_mutex_lock(&l->lock);
    make_room(l, c); /* its answer may not be out yet */
    pthread_mutex_unlock(&l->lock);
}

static void unlink_connection(struct http_listener *l, struct http_connection *c)
{
    pthread_mutex_lock(&l->lock);
    if (c->prev)
        c->prev->next = c->next;
    else
        l->connections = c->next;
    if (c->next)
        c->next->prev = c->prev;
    http_crowd_leave(&l->crowd, &c->place);
    pthread_mutex_unlock(&l->lock);
}

static void opened(struct http_listener *l, struct MHD_Connection *mhd, void **context)
{
    struct http_connection *c = xcalloc(1, sizeof *c);
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    c->fd = fd ? fd->connect_fd : -1;
    text_of_peer(MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS),
                 c->client);
    http_connection_allow(c, l->cfg.header_timeout_s * 1000);
    *context = c;
    link_connection(l, c);
}

void http_connection_notify(void *arg, struct MHD_Connection *mhd, void **context,
                            enum MHD_ConnectionNotificationCode code)
{
    struct http_listener *l = arg;
    if (!l->named && l->cfg.thread_name) {
        pthread_setname_np(pthread_self(), l->cfg.thread_name);
        l->named = true;
    }
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        opened(l, mhd, context);
    } else if (*context) {
        /* Before libmicrohttpd closes the socket: the reaper never meets a foreign one.
         */
        unlink_connection(l, *context);
        free(*context);
        *context = NULL;
    }
}

unsigned http_connections(struct http_listener *l)
{
    unsigned n = 0;
    pthread_mutex_lock(&l->lock);
    for (const struct http_connection *c = l->connections; c; c = c->next)
        n++;
    pthread_mutex_unlock(&l->lock);
    return n;
}

void http_connection_shut_all(struct http_listener *l)
{
    pthread_mutex_lock(&l->lock);
    for (const struct http_connection *c = l->connections; c; c = c->next)
        shutdown(c->fd, SHUT_RDWR);
    pthread_mutex_unlock(&l->lock);
}

/* With the lock held. */
static unsigned reap(struct http_listener *l)
{
    int64_t now = clock_mono_ms();
    unsigned n = 0;
    for (struct http_connection *c = l->connections; c; c = c->next) {
        if (now < atomic_load_explicit(&c->deadline_ms, memory_order_relaxed))
            continue;
        shutdown(c->fd, SHUT_RDWR);
        http_connection_allow(c, 60 * 1000); /* not again every second */
        n++;
    }
    return n;
}

static void wait_for_work(struct http_listener *l)
{
    struct timespec until;
    if (!l->connections) {
        pthread_cond_wait(&l->changed, &l->lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += REAPER_PERIOD_S;
    pthread_cond_timedwait(&l->changed, &l->lock, &until);
}

static void *run_reaper(void *arg)
{
    struct http_listener *l = arg;
    pthread_setname_np(pthread_self(), "http-reaper");
    pthread_mutex_lock(&l->lock);
    while (!l->stopping) {
        wait_for_work(l);
        unsigned n = reap(l);
        if (n == 0)
            continue;
        pthread_mutex_unlock(&l->lock);
        log_debug("http", "closed slow connections", F_INT("count", n));
        pthread_mutex_lock(&l->lock);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

void http_reaper_start(struct http_listener *l)
{
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&l->changed, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&l->lock, NULL);
    http_crowd_init(&l->crowd, l->cfg.connection_limit);
    l->evicted = metric_counter("http_connections_evicted_total",
                                "Waiting clients that made room for others", "");

    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, REAPER_STACK);
    if (pthread_create(&l->reaper, &attr, run_reaper, l) != 0)
        BUG("no thread for the http reaper");
    pthread_attr_destroy(&attr);
}

void http_reaper_stop(struct http_listener *l)
{
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_cond_signal(&l->changed);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->reaper, NULL);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
}
