#include "svc/resolve_private.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "svc/log.h"

enum { NAMES_MAX = 8, PERIOD_MS = 5000, HURRY_MS = 500, GONE_AFTER = 2 };

struct known {
    char endpoint[RESOLVE_ADDRESS_SIZE];
    unsigned missed; /* rounds in a row without it */
};

/* One member of the comma list. */
struct name {
    char *host, *port;
    bool numeric;
    struct known known[RESOLVE_ADDRESSES_MAX];
    unsigned n;
};

struct result {
    struct resolve_answer answer[NAMES_MAX];
    bool ok[NAMES_MAX];
};

/* Outlives resolver_stop: the thread may sit in getaddrinfo for as long as DNS stalls,
 * and nobody waits for it. */
struct shared {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    unsigned refs;
    bool closed;          /* nobody wants results any more; ready_fd is gone */
    int ready_fd;         /* an eventfd that the loop watches */
    struct result *ready; /* not yet taken */
    struct resolve_hooks hooks;
    char *host[NAMES_MAX], *port[NAMES_MAX]; /* NULL: numeric, nothing to look up */
    unsigned n;
};

struct resolver {
    resolver_fn *fn;
    void *arg;
    struct name name[NAMES_MAX];
    unsigned n;
    char **reported;
    unsigned nreported;
    struct shared *shared; /* NULL when everything is numeric */
    struct loop_source *source;
};

/* ---- text ---- */

static bool port_fine(const char *port)
{
    int64_t n;
    return str_to_i64(str_of(port), &n) && n > 0 && n < 65536;
}

static bool is_numeric(const char *host)
{
    struct in6_addr any;
    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

static void write_endpoint(char out[static RESOLVE_ADDRESS_SIZE], const char *host,
                           const char *port)
{
    snprintf(out, RESOLVE_ADDRESS_SIZE,
             strchr(host, ':') ? "tcp://[%s]:%s" : "tcp://%s:%s", host, port);
}

/* "tcp://host:port" or "tcp://[v6]:port". False: something else. */
static bool parse_name(struct str s, struct name *ret)
{
    const struct str scheme = STR("tcp://");
    s = str_trim(s);
    if (!str_starts(s, scheme))
        return false;
    s = (struct str){ s.p + scheme.n, s.n - scheme.n };
    const char *colon = s.n ? memrchr(s.p, ':', s.n) : NULL;
    if (!colon || colon == s.p)
        return false;
    struct str host = { s.p, (size_t)(colon - s.p) };
    if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
        host = (struct str){ host.p + 1, host.n - 2 };
    ret->host = xstrndup(host.p, host.n);
    ret->port = xstrndup(colon + 1, (size_t)(s.p + s.n - colon - 1));
    ret->numeric = is_numeric(ret->host);
    if (port_fine(ret->port) && (ret->numeric || !strchr(ret->host, ':')))
        return true;
    free(ret->host);
    free(ret->port);
    return false;
}

bool resolver_can_follow(const char *endpoints)
{
    struct str rest = str_of(endpoints);
    unsigned n = 0;
    while (rest.p) {
        struct name name;
        struct str s = str_trim(str_cut(&rest, ','));
        if (s.n == 0)
            continue;
        if (++n > NAMES_MAX || !parse_name(s, &name))
            return false;
        free(name.host);
        free(name.port);
    }
    return n > 0;
}

/* ---- the set, in the loop's thread ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static unsigned collect(const struct resolver *r, char **out)
{
    unsigned n = 0, kept = 0;
    for (unsigned i = 0; i < r->n; i++)
        for (unsigned j = 0; j < r->name[i].n; j++)
            out[n++] = (char *)r->name[i].known[j].endpoint;
    qsort(out, n, sizeof *out, by_text);
    for (unsigned i = 0; i < n; i++)
        if (kept == 0 || strcmp(out[kept - 1], out[i]) != 0)
            out[kept++] = out[i];
    return kept;
}

static bool same_as_reported(const struct resolver *r, char *const *set, unsigned n)
{
    if (n != r->nreported)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (strcmp(set[i], r->reported[i]) != 0)
            return false;
    return true;
}

static void forget_reported(struct resolver *r)
{
    for (unsigned i = 0; i < r->nreported; i++)
        free(r->reported[i]);
    free(r->reported);
    r->reported = NULL;
    r->nreported = 0;
}

static void report(struct resolver *r)
{
    char *set[NAMES_MAX * RESOLVE_ADDRESSES_MAX];
    unsigned n = collect(r, set);
    if (same_as_reported(r, set, n))
        return;
    forget_reported(r);
    r->reported = xcalloc(n ? n : 1, sizeof *r->reported);
    for (unsigned i = 0; i < n; i++)
        r->reported[i] = xstrdup(set[i]);
    r->nreported = n;
    r->fn(r->arg, (const char *const *)r->reported, n);
}

static void add_known(struct name *name, const char *endpoint)
{
    for (unsigned i = 0; i < name->n; i++) {
        if (strcmp(name->known[i].endpoint, endpoint) != 0)
            continue;
        name->known[i].missed = 0;
        return;
    }
    if (name->n == RESOLVE_ADDRESSES_MAX)
        return;
    struct known *k = &name->known[name->n++];
    snprintf(k->endpoint, sizeof k->endpoint, "%s", endpoint);
    k->missed = 0;
}

static void merge(struct name *name, const struct resolve_answer *answer)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < name->n; i++)
        name->known[i].missed++;
    for (unsigned i = 0; i < answer->n; i++)
        add_known(name, answer->address[i]);
    for (unsigned i = 0; i < name->n; i++)
        if (name->known[i].missed < GONE_AFTER)
            name->known[kept++] = name->known[i];
    name->n = kept;
}

static void shared_release(struct shared *s)
{
    pthread_mutex_lock(&s->lock);
    bool last = --s->refs == 0;
    pthread_mutex_unlock(&s->lock);
    if (!last)
        return;
    for (unsigned i = 0; i < s->n; i++) {
        free(s->host[i]);
        free(s->port[i]);
    }
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static void take_result(void *arg, int events)
{
    (void)events;
    struct resolver *r = arg;
    struct shared *s = r->shared;
    uint64_t count;
    pthread_mutex_lock(&s->lock);
    struct result *result = s->ready;
    s->ready = NULL;
    bool woken = read(s->ready_fd, &count, sizeof count) > 0;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    if (!woken || !result)
        return;
    for (unsigned i = 0; i < r->n; i++)
        if (result->ok[i])
            merge(&r->name[i], &result->answer[i]);
    free(result);
    report(r);
}

/* ---- the thread ---- */

static bool look_up(void *arg, const char *host, const char *port,
                    struct resolve_answer *ret)
{
    (void)arg;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
    struct addrinfo *list;
    if (getaddrinfo(host, NULL, &hints, &list) != 0)
        return false;
    for (struct addrinfo *a = list; a && ret->n < RESOLVE_ADDRESSES_MAX; a = a->ai_next) {
        char text[NI_MAXHOST];
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0,
                        NI_NUMERICHOST) != 0 ||
            strlen(text) > INET6_ADDRSTRLEN || strchr(text, '%'))
            continue;
        write_endpoint(ret->address[ret->n++], text, port);
    }
    freeaddrinfo(list);
    return ret->n > 0;
}

/* Both families of one host are one replica: with a v4 address the v6 twin would count
 * it twice, so v4 wins where a name has both. */
static void prefer_v4(struct resolve_answer *a)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < a->n; i++)
        if (!strchr(a->address[i], '['))
            memmove(a->address[kept++], a->address[i], RESOLVE_ADDRESS_SIZE);
    if (kept > 0)
        a->n = kept;
}

/* One look-up of every name; true when all are known. */
static bool run_round(struct shared *s, struct result *result)
{
    bool all = true;
    for (unsigned i = 0; i < s->n; i++) {
        if (!s->host[i])
            continue;
        result->ok[i] =
            s->hooks.lookup(s->hooks.arg, s->host[i], s->port[i], &result->answer[i]);
        prefer_v4(&result->answer[i]);
        all = all && result->ok[i];
    }
    return all;
}

/* Hands the result over and waits until the loop took it, so that no round is skipped.
 * False: nobody wants it, time to end. */
static bool hand_over(struct shared *s, struct result *result)
{
    pthread_mutex_lock(&s->lock);
    bool open = !s->closed;
    if (open) {
        s->ready = result;
        if (write(s->ready_fd, &(uint64_t){ 1 }, 8) < 0)
            BUG("eventfd cannot be written");
    }
    while (!s->closed && s->ready)
        pthread_cond_wait(&s->wake, &s->lock);
    pthread_mutex_unlock(&s->lock);
    if (!open)
        free(result);
    return open;
}

static void pause_round(struct shared *s, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&s->lock);
    while (!s->closed && pthread_cond_timedwait(&s->wake, &s->lock, &until) == 0)
        continue;
    pthread_mutex_unlock(&s->lock);
}

static void *resolve_thread(void *arg)
{
    struct shared *s = arg;
    for (;;) {
        struct result *result = xcalloc(1, sizeof *result);
        bool all = run_round(s, result);
        if (!hand_over(s, result))
            break;
        pause_round(s, all ? s->hooks.period_ms : s->hooks.hurry_ms);
    }
    shared_release(s);
    return NULL;
}

static bool start_thread(struct shared *s)
{
    enum { STACK = 256 * 1024 };
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&thread, &attr, resolve_thread, s);
    pthread_attr_destroy(&attr);
    return rc == 0;
}

static struct shared *shared_new(const struct resolver *r,
                                 const struct resolve_hooks *hooks)
{
    struct shared *s = xcalloc(1, sizeof *s);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&s->lock, NULL);
    s->refs = 2; /* the resolver's and the thread's */
    s->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->ready_fd < 0)
        BUG("no eventfd");
    s->hooks = *hooks;
    s->n = r->n;
    for (unsigned i = 0; i < r->n; i++) {
        if (r->name[i].numeric)
            continue;
        s->host[i] = xstrdup(r->name[i].host);
        s->port[i] = xstrdup(r->name[i].port);
    }
    return s;
}

/* ---- start and stop ---- */

/* Returns how many of the list's names need looking up. */
static unsigned parse_list(struct resolver *r, const char *endpoints)
{
    unsigned names = 0;
    struct str rest = str_of(endpoints);
    while (rest.n > 0) {
        struct str part = str_trim(str_cut(&rest, ','));
        if (part.n == 0)
            continue;
        struct name *name = &r->name[r->n];
        if (r->n == NAMES_MAX || !parse_name(part, name)) {
            log_error("resolve", "endpoint ignored", F_SLICE("endpoint", part),
                      F_STR("why", "not of the form tcp://host:port"));
            continue;
        }
        r->n++;
        if (!name->numeric) {
            names++;
            continue;
        }
        char text[RESOLVE_ADDRESS_SIZE];
        write_endpoint(text, name->host, name->port);
        add_known(name, text);
    }
    return names;
}

struct resolver *resolver_start_with(struct loop *l, const char *endpoints,
                                     const struct resolve_hooks *hooks, resolver_fn *fn,
                                     void *arg)
{
    struct resolver *r = xcalloc(1, sizeof *r);
    r->fn = fn;
    r->arg = arg;
    unsigned names = parse_list(r, endpoints);
    report(r);
    if (names == 0)
        return r;
    r->shared = shared_new(r, hooks);
    r->source = loop_add_fd(l, r->shared->ready_fd, LOOP_READ, take_result, r);
    if (start_thread(r->shared))
        return r;
    log_error("resolve", "no thread for name resolution");
    r->shared->refs--;
    return r;
}

struct resolver *resolver_start(struct loop *l, const char *endpoints, resolver_fn *fn,
                                void *arg)
{
    const struct resolve_hooks hooks = { look_up, NULL, PERIOD_MS, HURRY_MS };
    return resolver_start_with(l, endpoints, &hooks, fn, arg);
}

static void shared_close(struct shared *s)
{
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    close(s->ready_fd);
    free(s->ready);
    s->ready = NULL;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    shared_release(s);
}

void resolver_stop(struct resolver **pr)
{
    struct resolver *r = *pr;
    *pr = NULL;
    if (!r)
        return;
    loop_remove(&r->source);
    if (r->shared)
        shared_close(r->shared);
    forget_reported(r);
    for (unsigned i = 0; i < r->n; i++) {
        free(r->name[i].host);
        free(r->name[i].port);
    }
    free(r);
}
