/* The life of a request between two threads. */
#include "gateway/app.h"

#include "base/mem.h"

enum { FREE_LIST_MAX = 256 };

struct gateway_request *gateway_request_new(struct gateway_app *app,
                                            struct http_request *http)
{
    struct gateway_inbox *box = &app->inbox;
    pthread_mutex_lock(&box->lock);
    struct gateway_request *rq = box->free_list;
    if (rq) {
        box->free_list = rq->next;
        box->free_count--;
    }
    pthread_mutex_unlock(&box->lock);
    if (!rq)
        rq = xmalloc(sizeof *rq);
    /* Claims, route and ids are only read after they were written. */
    rq->next = NULL;
    rq->app = app;
    rq->http = http;
    rq->method = rq->shown = NULL;
    rq->is_options = rq->asked_for_keys = rq->asks_limiter = rq->has_actor = false;
    rq->handed_over = false;
    rq->allow_origin = NULL;
    rq->step = 0;
    rq->route.allow[0] = '\0';
    gateway_metrics_began(app->metrics);
    return rq;
}

void gateway_request_free(struct gateway_request *rq)
{
    struct gateway_inbox *box = &rq->app->inbox;
    pthread_mutex_lock(&box->lock);
    bool keep = box->free_count < FREE_LIST_MAX;
    if (keep) {
        rq->next = box->free_list;
        box->free_list = rq;
        box->free_count++;
    }
    pthread_mutex_unlock(&box->lock);
    if (!keep)
        free(rq);
}

void gateway_inbox_init(struct gateway_inbox *box)
{
    pthread_mutex_init(&box->lock, NULL);
    box->end = &box->first;
}

void gateway_inbox_deinit(struct gateway_inbox *box)
{
    while (box->free_list) {
        struct gateway_request *rq = box->free_list;
        box->free_list = rq->next;
        free(rq);
    }
    pthread_mutex_destroy(&box->lock);
}

void gateway_submit(struct gateway_request *rq)
{
    struct gateway_inbox *box = &rq->app->inbox;
    struct loop *loop = rq->app->svc->loop;
    /* First: a resume that comes before its suspend would be lost. */
    if (!rq->handed_over)
        http_suspend(rq->http);
    rq->handed_over = true;
    rq->next = NULL;
    pthread_mutex_lock(&box->lock);
    bool closed = box->closed, was_empty = !box->first;
    if (!closed) {
        *box->end = rq;
        box->end = &rq->next;
    }
    pthread_mutex_unlock(&box->lock);
    if (closed)
        gateway_reply_error(rq, ERR_DRAINING, NULL);
    else if (was_empty)
        loop_post(loop, gateway_forward_batch, rq->app);
}

static struct gateway_request *take_all(struct gateway_inbox *box)
{
    struct gateway_request *list = box->first;
    box->first = NULL;
    box->end = &box->first;
    return list;
}

struct gateway_request *gateway_inbox_take(struct gateway_inbox *box)
{
    pthread_mutex_lock(&box->lock);
    struct gateway_request *list = take_all(box);
    pthread_mutex_unlock(&box->lock);
    return list;
}

struct gateway_request *gateway_inbox_close(struct gateway_inbox *box)
{
    pthread_mutex_lock(&box->lock);
    box->closed = true;
    struct gateway_request *list = take_all(box);
    pthread_mutex_unlock(&box->lock);
    return list;
}
