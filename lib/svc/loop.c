#include "svc/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/mem.h"

struct loop_source {
    struct loop *loop;
    struct loop_source *next;
    void *socket; /* or NULL: a plain descriptor */
    int fd;       /* of a socket: the one that says when to look at it */
    int events;
    loop_fn *socket_fn;
    loop_fd_fn *fd_fn;
    void *arg;
    struct loop_source *next_used;
    bool used;       /* a socket in the list of used ones */
    unsigned served; /* the turn that called it last */
    bool dead;       /* removed; freed when no turn can still see it */
};

struct loop_timer {
    struct loop *loop;
    int64_t due_ms;
    int64_t period_ms;
    loop_fn *fn;
    void *arg;
    size_t slot; /* in the heap */
};

struct hook {
    loop_fn *fn;
    void *arg;
};

struct post {
    struct post *next;
    loop_fn *fn;
    void *arg;
};

enum { HOOKS_MAX = 16, LOOK_AT_ALL_MS = 100, READY_MAX = 64 };

struct loop {
    struct loop_source *sources;
    struct loop_source **watched; /* by descriptor: whose it is */
    size_t watched_cap;
    int epoll_fd;
    bool has_dead;

    struct loop_source *used; /* sockets whose descriptor may not tell the truth */
    bool more;                /* one of them has messages left: do not sleep */
    int64_t looked_at_all_ms;
    unsigned turns;

    struct loop_timer **heap; /* binary, soonest first */
    size_t ntimers, timers_cap;

    struct hook hooks[HOOKS_MAX];
    unsigned nhooks;

    pthread_mutex_t post_lock;
    struct post *posts, **posts_end;
    int wake_fd;

    int64_t now_ms;
    atomic_llong last_turn_ms;
    bool stop;
};

/* ---- posts from other threads ---- */

static void run_posts(void *arg, int events)
{
    (void)events;
    struct loop *l = arg;
    uint64_t count;
    if (read(l->wake_fd, &count, sizeof count) < 0 && errno != EAGAIN)
        BUG("eventfd cannot be read");
    pthread_mutex_lock(&l->post_lock);
    struct post *p = l->posts;
    l->posts = NULL;
    l->posts_end = &l->posts;
    pthread_mutex_unlock(&l->post_lock);
    while (p) {
        struct post *next = p->next;
        p->fn(p->arg);
        free(p);
        p = next;
    }
}

void loop_post(struct loop *l, loop_fn *fn, void *arg)
{
    struct post *p = xmalloc(sizeof *p);
    *p = (struct post){ NULL, fn, arg };
    pthread_mutex_lock(&l->post_lock);
    bool was_empty = !l->posts;
    *l->posts_end = p;
    l->posts_end = &p->next;
    pthread_mutex_unlock(&l->post_lock);
    /* One wake-up a batch: a busy producer costs one system call a turn, not one each. */
    if (was_empty && write(l->wake_fd, &(uint64_t){ 1 }, 8) < 0 && errno != EAGAIN)
        BUG("eventfd cannot be written");
}

struct loop *loop_new(void)
{
    struct loop *l = xcalloc(1, sizeof *l);
    pthread_mutex_init(&l->post_lock, NULL);
    l->posts_end = &l->posts;
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->wake_fd < 0 || l->epoll_fd < 0)
        BUG("no eventfd or no epoll");
    l->now_ms = clock_mono_ms();
    atomic_store(&l->last_turn_ms, l->now_ms);
    loop_add_fd(l, l->wake_fd, LOOP_READ, run_posts, l);
    return l;
}

void loop_free(struct loop **lp)
{
    struct loop *l = *lp;
    if (!l)
        return;
    *lp = NULL;
    while (l->sources) {
        struct loop_source *s = l->sources;
        l->sources = s->next;
        free(s);
    }
    for (size_t i = 0; i < l->ntimers; i++)
        free(l->heap[i]);
    while (l->posts) {
        struct post *p = l->posts;
        l->posts = p->next;
        free(p);
    }
    close(l->wake_fd);
    close(l->epoll_fd);
    pthread_mutex_destroy(&l->post_lock);
    free(l->heap);
    free(l->watched);
    free(l);
}

/* ---- sources ---- */

static void grow_watched(struct loop *l, int fd)
{
    size_t n = l->watched_cap, need = (size_t)fd + 1;
    if (need <= n)
        return;
    need = need < 2 * n ? 2 * n : need;
    l->watched = xrealloc(l->watched, need * sizeof(struct loop_source *));
    memset(l->watched + n, 0, (need - n) * sizeof(struct loop_source *));
    l->watched_cap = need;
}

/* Tells the kernel what to wait for. A descriptor that was closed before its source was
 * removed is forgotten by the kernel, and its number may be another source's by then. */
static void watch(struct loop_source *s)
{
    struct loop *l = s->loop;
    struct epoll_event want = { .data.ptr = s };
    want.events = (s->events & LOOP_READ ? (uint32_t)EPOLLIN : 0) |
                  (s->events & LOOP_WRITE ? (uint32_t)EPOLLOUT : 0);
    grow_watched(l, s->fd);
    bool ours = l->watched[s->fd] == s;
    if (s->events && !s->dead) {
        l->watched[s->fd] = s;
        if (epoll_ctl(l->epoll_fd, ours ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, s->fd, &want))
            BUG("a descriptor cannot be watched");
    } else if (ours) {
        l->watched[s->fd] = NULL;
        epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
    }
}

static struct loop_source *add_source(struct loop *l, struct loop_source init)
{
    struct loop_source *s = xmalloc(sizeof *s);
    *s = init;
    s->loop = l;
    s->next = l->sources;
    l->sources = s;
    watch(s);
    return s;
}

struct loop_source *loop_add_socket(struct loop *l, void *socket, loop_fn *fn, void *arg)
{
    int fd = -1;
    if (zmq_getsockopt(socket, ZMQ_FD, &fd, &(size_t){ sizeof fd }) != 0)
        BUG("a ZeroMQ socket without a descriptor");
    struct loop_source *s = add_source(l, (struct loop_source){ .socket = socket,
                                                                .fd = fd,
                                                                .events = LOOP_READ,
                                                                .socket_fn = fn,
                                                                .arg = arg });
    loop_used(s);
    return s;
}

struct loop_source *loop_add_fd(struct loop *l, int fd, int events, loop_fd_fn *fn,
                                void *arg)
{
    return add_source(
        l, (struct loop_source){ .fd = fd, .events = events, .fd_fn = fn, .arg = arg });
}

void loop_used(struct loop_source *s)
{
    if (!s || s->used)
        return;
    s->used = true;
    s->next_used = s->loop->used;
    s->loop->used = s;
}

void loop_set_events(struct loop_source *s, int events)
{
    if (s->events == events)
        return;
    s->events = events;
    watch(s);
}

void loop_remove(struct loop_source **sp)
{
    struct loop_source *s = *sp;
    if (!s)
        return;
    *sp = NULL;
    s->dead = true;
    s->loop->has_dead = true;
    watch(s);
}

static void free_dead(struct loop *l)
{
    struct loop_source **at = &l->sources;
    while (*at) {
        struct loop_source *s = *at;
        if (!s->dead) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        free(s);
    }
    l->has_dead = false;
}

static void dispatch(struct loop_source *s, uint32_t ready)
{
    if (s->dead)
        return;
    if (s->socket) {
        s->served = s->loop->turns;
        s->socket_fn(s->arg);
        loop_used(s);
        return;
    }
    int events = (ready & (EPOLLIN | EPOLLERR | EPOLLHUP) ? LOOP_READ : 0) |
                 (ready & EPOLLOUT ? LOOP_WRITE : 0);
    s->fd_fn(s->arg, events);
}

/* ---- ZeroMQ sockets ----
 *
 * A socket's descriptor becomes readable when something has changed, and any use of the
 * socket may take that note away (zmq_getsockopt(3), ZMQ_FD). So whoever has been used is
 * looked at before the loop sleeps. zmq_poll would look at every socket, twice a turn, at
 * two system calls a look: that was a third of the time of a busy daemon. */

static bool has_messages(const struct loop_source *s)
{
    int events = 0;
    if (zmq_getsockopt(s->socket, ZMQ_EVENTS, &events, &(size_t){ sizeof events }) != 0)
        return false;
    return events & ZMQ_POLLIN;
}

/* Whoever forgot loop_used costs a delay, not a hang. */
static void use_all(struct loop *l)
{
    if (l->now_ms - l->looked_at_all_ms < LOOK_AT_ALL_MS)
        return;
    l->looked_at_all_ms = l->now_ms;
    for (struct loop_source *s = l->sources; s; s = s->next)
        if (s->socket && !s->dead)
            loop_used(s);
}

/* Forgets the sockets that have nothing left; the others are served in the next turn. */
static void look_at_used(struct loop *l)
{
    struct loop_source *list = l->used;
    l->used = NULL;
    l->more = false;
    for (struct loop_source *s = list, *next; s; s = next) {
        next = s->next_used;
        s->used = false;
        if (s->dead || !s->events || !has_messages(s))
            continue;
        loop_used(s);
        l->more = true;
    }
}

static void serve_used(struct loop *l)
{
    struct loop_source *list = l->used;
    l->used = NULL;
    for (struct loop_source *s = list, *next; s; s = next) {
        next = s->next_used;
        s->used = false;
        dispatch(s, 0);
    }
}

/* ---- timers ---- */

static void heap_put(struct loop *l, size_t slot, struct loop_timer *t)
{
    l->heap[slot] = t;
    t->slot = slot;
}

static void sift_up(struct loop *l, size_t slot)
{
    struct loop_timer *t = l->heap[slot];
    while (slot > 0 && l->heap[(slot - 1) / 2]->due_ms > t->due_ms) {
        heap_put(l, slot, l->heap[(slot - 1) / 2]);
        slot = (slot - 1) / 2;
    }
    heap_put(l, slot, t);
}

static void sift_down(struct loop *l, size_t slot)
{
    struct loop_timer *t = l->heap[slot];
    for (;;) {
        size_t child = 2 * slot + 1;
        if (child >= l->ntimers)
            break;
        if (child + 1 < l->ntimers && l->heap[child + 1]->due_ms < l->heap[child]->due_ms)
            child++;
        if (l->heap[child]->due_ms >= t->due_ms)
            break;
        heap_put(l, slot, l->heap[child]);
        slot = child;
    }
    heap_put(l, slot, t);
}

struct loop_timer *loop_timer(struct loop *l, int64_t delay_ms, int64_t period_ms,
                              loop_fn *fn, void *arg)
{
    struct loop_timer *t = xmalloc(sizeof *t);
    *t = (struct loop_timer){ l, clock_mono_ms() + delay_ms, period_ms, fn, arg, 0 };
    if (l->ntimers == l->timers_cap) {
        l->timers_cap = l->timers_cap ? l->timers_cap * 2 : 16;
        l->heap = xrealloc(l->heap, l->timers_cap * sizeof(struct loop_timer *));
    }
    heap_put(l, l->ntimers++, t);
    sift_up(l, t->slot);
    return t;
}

static void heap_remove(struct loop *l, size_t slot)
{
    struct loop_timer *last = l->heap[--l->ntimers];
    if (slot == l->ntimers)
        return;
    heap_put(l, slot, last);
    sift_down(l, slot);
    sift_up(l, last->slot);
}

void loop_timer_cancel(struct loop_timer **tp)
{
    struct loop_timer *t = *tp;
    if (!t)
        return;
    *tp = NULL;
    heap_remove(t->loop, t->slot);
    free(t);
}

static void run_timers(struct loop *l)
{
    /* A timer set by a callback waits for the next turn, so that this always ends. */
    int64_t now = l->now_ms;
    while (l->ntimers > 0 && l->heap[0]->due_ms <= now && !l->stop) {
        struct loop_timer *t = l->heap[0];
        loop_fn *fn = t->fn;
        void *arg = t->arg;
        if (t->period_ms > 0) {
            t->due_ms = now + t->period_ms;
            sift_down(l, 0);
        } else {
            heap_remove(l, 0);
            free(t);
        }
        fn(arg);
    }
}

/* ---- the turn ---- */

void loop_at_turn_end(struct loop *l, loop_fn *fn, void *arg)
{
    if (l->nhooks == HOOKS_MAX)
        BUG("too many turn hooks");
    l->hooks[l->nhooks++] = (struct hook){ fn, arg };
}

static int poll_timeout(const struct loop *l)
{
    enum { IDLE_MS = 1000 }; /* /livez wants to see turns also when nothing happens */
    if (l->more)
        return 0;
    if (l->ntimers == 0)
        return IDLE_MS;
    int64_t wait = l->heap[0]->due_ms - clock_mono_ms();
    if (wait < 0)
        return 0;
    return wait < IDLE_MS ? (int)wait : IDLE_MS;
}

static void serve_ready(struct loop *l, const struct epoll_event *ready, int n)
{
    for (int i = 0; i < n; i++) {
        struct loop_source *s = ready[i].data.ptr;
        if (!s->socket || s->served != l->turns)
            dispatch(s, ready[i].events);
    }
}

static void turn(struct loop *l)
{
    struct epoll_event ready[READY_MAX];
    l->turns++;
    use_all(l);
    look_at_used(l);
    if (l->has_dead)
        free_dead(l);
    int n = epoll_wait(l->epoll_fd, ready, READY_MAX, poll_timeout(l));
    l->now_ms = clock_mono_ms();
    atomic_store_explicit(&l->last_turn_ms, l->now_ms, memory_order_relaxed);
    serve_used(l);
    serve_ready(l, ready, n);
    run_timers(l);
    for (unsigned i = 0; i < l->nhooks; i++)
        l->hooks[i].fn(l->hooks[i].arg);
}

void loop_run(struct loop *l)
{
    l->stop = false;
    while (!l->stop)
        turn(l);
}

void loop_stop(struct loop *l)
{
    l->stop = true;
}

int64_t loop_now_ms(const struct loop *l)
{
    return l->now_ms;
}

int64_t loop_last_turn_ms(const struct loop *l)
{
    return atomic_load_explicit(&l->last_turn_ms, memory_order_relaxed);
}
