#include "svc/trial.h"

#include <stdlib.h>

#include "base/mem.h"
#include "svc/socket_watch.h"

enum { PATIENCE_MS = 3000, STRANGERS = 2 };

enum state { CALLING, REFUSED, SERVED };

struct stranger {
    struct trial *trial;
    const char *who;
    void *socket;
    struct socket_watch *watch;
    enum state state;
};

struct trial {
    struct loop *loop;
    struct keys *keys;
    trial_fn *fn;
    void *arg;
    struct loop_timer *patience;
    struct stranger stranger[STRANGERS];
    bool over;
};

static void end(struct trial *t, enum trial_verdict verdict, const char *who)
{
    if (t->over)
        return;
    t->over = true;
    loop_timer_cancel(&t->patience);
    t->fn(t->arg, verdict, who);
}

static void judge(struct trial *t)
{
    unsigned refused = 0;
    for (unsigned i = 0; i < STRANGERS; i++) {
        if (t->stranger[i].state == SERVED)
            return end(t, TRIAL_SERVED, t->stranger[i].who);
        refused += t->stranger[i].state == REFUSED;
    }
    if (refused == STRANGERS)
        end(t, TRIAL_REFUSED, NULL);
}

static void on_patience_over(void *arg)
{
    struct trial *t = arg;
    t->patience = NULL;
    for (unsigned i = 0; i < STRANGERS; i++)
        if (t->stranger[i].state == CALLING)
            return end(t, TRIAL_OPEN, t->stranger[i].who);
}

/* A handshake that succeeds is a peer that is heard. */
static void on_event(void *arg)
{
    struct stranger *s = arg;
    struct socket_event e;
    while (s->state == CALLING && socket_watch_next(s->watch, &e))
        s->state = e.event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED ? SERVED : REFUSED;
    judge(s->trial);
}

static bool call(struct stranger *s, const char *endpoint)
{
    static const int EVENTS =
        ZMQ_EVENT_HANDSHAKE_SUCCEEDED | SOCKET_HANDSHAKE_FAILED | ZMQ_EVENT_DISCONNECTED;
    if (!s->socket)
        return false;
    s->watch = socket_watch_new(s->trial->loop, s->socket, EVENTS, on_event, s);
    return s->watch && keys_connect(s->socket, endpoint) == 0;
}

struct trial *trial_start(struct loop *l, struct keys *k, const char *endpoint,
                          trial_fn *fn, void *arg)
{
    static const char *const WHO[STRANGERS] = { "an unknown key", "no key" };
    struct trial *t = xcalloc(1, sizeof *t);
    *t = (struct trial){ .loop = l, .keys = k, .fn = fn, .arg = arg };
    /* Whoever cannot even call stays at CALLING, which is told when patience is over. */
    t->patience = loop_timer(l, PATIENCE_MS, 0, on_patience_over, t);
    for (unsigned i = 0; i < STRANGERS; i++) {
        struct stranger *s = &t->stranger[i];
        *s = (struct stranger){ .trial = t, .who = WHO[i] };
        s->socket = keys_stranger_socket(k, i == 0);
        call(s, endpoint);
    }
    return t;
}

void trial_free(struct trial **tp)
{
    struct trial *t = *tp;
    if (!t)
        return;
    *tp = NULL;
    loop_timer_cancel(&t->patience);
    for (unsigned i = 0; i < STRANGERS; i++) {
        struct stranger *s = &t->stranger[i];
        socket_watch_free(&s->watch);
        keys_socket_free(t->keys, &s->socket);
    }
    free(t);
}
