#include "gateway/redis_probe.h"

#include <hiredis/hiredis.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

#include "base/mem.h"

enum { TIMEOUT_MS = 500, PROBE_STACK = 128 * 1024 };

struct redis_probe {
    struct loop *loop;
    redis_probe_fn *fn;
    void *arg;
    char *path; /* unix socket; NULL: host and port */
    char *host;
    int port;
    char *user;              /* NULL: none */
    struct secret *password; /* NULL: none */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool wanted, stop;
    bool posted; /* a result is on its way to the loop */
    pthread_t thread;
    bool alive;
    const char *why;
};

/* ---- the URL ---- */

static bool parse_port(struct str s, int *ret)
{
    int64_t port;
    if (!str_to_i64(s, &port) || port < 1 || port > 65535)
        return false;
    *ret = (int)port;
    return true;
}

static void parse_login(struct redis_probe *p, struct str login)
{
    struct str user = str_cut(&login, ':');
    /* "redis://password@host" has been seen in the wild, too. */
    struct str password = login.p ? login : user;
    if (login.p && user.n > 0)
        p->user = xstrndup(user.p, user.n);
    if (password.n > 0)
        p->password = secret_new(password);
}

static bool parse_tcp(struct redis_probe *p, struct str rest)
{
    struct str authority = str_cut(&rest, '/');
    const char *at = memrchr(authority.p, '@', authority.n);
    if (at) {
        parse_login(p, (struct str){ authority.p, (size_t)(at - authority.p) });
        authority.n -= (size_t)(at - authority.p) + 1;
        authority.p = at + 1;
    }
    p->port = 6379;
    struct str host = str_cut(&authority, ':');
    if (authority.p && !parse_port(authority, &p->port))
        return false;
    p->host = xstrndup(host.n ? host.p : "localhost", host.n ? host.n : 9);
    return true;
}

static bool parse_url(struct redis_probe *p, struct str url, const char **ret_why)
{
    if (str_starts(url, STR("redis://"))) {
        *ret_why = "REDIS_URL has no valid port";
        return parse_tcp(p, (struct str){ url.p + 8, url.n - 8 });
    }
    if (str_starts(url, STR("unix://"))) {
        struct str path = { url.p + 7, url.n - 7 };
        path = str_cut(&path, '?');
        p->path = xstrndup(path.p, path.n);
        *ret_why = "REDIS_URL needs an absolute socket path";
        return path.n > 0 && path.p[0] == '/';
    }
    *ret_why = str_starts(url, STR("rediss://"))
                   ? "REDIS_URL asks for TLS, which this build's hiredis does not have"
                   : "REDIS_URL must begin with redis:// or unix://";
    return false;
}

/* ---- the probe ---- */

static bool is_fine(redisContext *c, redisReply *reply)
{
    bool fine = reply && reply->type == REDIS_REPLY_STATUS;
    (void)c;
    if (reply)
        freeReplyObject(reply);
    return fine;
}

static bool log_in(const struct redis_probe *p, redisContext *c)
{
    if (!p->password)
        return true;
    struct str password = secret_expose(p->password);
    if (p->user)
        return is_fine(c, redisCommand(c, "AUTH %s %b", p->user, password.p, password.n));
    return is_fine(c, redisCommand(c, "AUTH %b", password.p, password.n));
}

static const char *ping(const struct redis_probe *p)
{
    struct timeval limit = { .tv_usec = TIMEOUT_MS * 1000 };
    redisContext *c = p->path ? redisConnectUnixWithTimeout(p->path, limit)
                              : redisConnectWithTimeout(p->host, p->port, limit);
    const char *why = NULL;
    if (!c || c->err || redisSetTimeout(c, limit) != REDIS_OK)
        why = "Redis cannot be reached";
    else if (!log_in(p, c))
        why = "Redis refuses the login";
    else if (!is_fine(c, redisCommand(c, "PING")))
        why = "Redis does not answer";
    if (c)
        redisFree(c);
    return why;
}

static void deliver(void *arg)
{
    struct redis_probe *p = arg;
    pthread_mutex_lock(&p->lock);
    p->posted = false;
    bool stop = p->stop, alive = p->alive;
    const char *why = p->why;
    pthread_mutex_unlock(&p->lock);
    if (!stop)
        p->fn(p->arg, alive, why);
}

static void *run(void *arg)
{
    struct redis_probe *p = arg;
    pthread_setname_np(pthread_self(), "redis-probe");
    pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        if (!p->wanted) {
            pthread_cond_wait(&p->changed, &p->lock);
            continue;
        }
        p->wanted = false;
        pthread_mutex_unlock(&p->lock);
        const char *why = ping(p);
        pthread_mutex_lock(&p->lock);
        p->alive = !why;
        p->why = why;
        if (!p->stop && !p->posted) {
            p->posted = true;
            loop_post(p->loop, deliver, p);
        }
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void destroy(struct redis_probe *p)
{
    secret_free(&p->password);
    free(p->path);
    free(p->host);
    free(p->user);
    free(p);
}

struct redis_probe *redis_probe_new(struct loop *l, const struct secret *url,
                                    redis_probe_fn *fn, void *arg, const char **ret_why)
{
    struct redis_probe *p = xcalloc(1, sizeof *p);
    p->loop = l;
    p->fn = fn;
    p->arg = arg;
    if (!parse_url(p, str_trim(secret_expose(url)), ret_why)) {
        destroy(p);
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, PROBE_STACK);
    if (pthread_create(&p->thread, &attr, run, p) != 0)
        BUG("no thread for the redis probe");
    pthread_attr_destroy(&attr);
    return p;
}

void redis_probe_start(struct redis_probe *p)
{
    pthread_mutex_lock(&p->lock);
    p->wanted = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

void redis_probe_free(struct redis_probe **pp)
{
    struct redis_probe *p = *pp;
    if (!p)
        return;
    *pp = NULL;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_signal(&p->changed);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
    destroy(p);
}
