#include "svc/http_stream.h"

#include <string.h>

#include "base/mem.h"
#include "svc/http_private.h"

enum {
    BLOCK = 4096,
    SLOW_MS = 20 * 1000,  /* with bytes waiting: until the reader takes some */
    IDLE_MS = 120 * 1000, /* with nothing to send: whoever writes shows that it lives */
};

/* Shared by the writer and libmicrohttpd's response: freed by the last of the two. */
struct http_stream {
    pthread_mutex_t lock;
    int refs;
    struct MHD_Connection *mhd;         /* NULL: gone */
    struct http_connection *connection; /* as mhd */
    bool suspended, ended;
    char *bytes; /* room of them; the first n wait */
    size_t n, room;
};

static void release(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    bool last = --s->refs == 0;
    pthread_mutex_unlock(&s->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s->bytes);
    free(s);
}

/* libmicrohttpd wants bytes; its thread. Zero with a suspended connection means: later,
 * when somebody resumes it. */
static ssize_t give(void *arg, uint64_t offset, char *out, size_t max)
{
    (void)offset;
    struct http_stream *s = arg;
    ssize_t given = 0;
    pthread_mutex_lock(&s->lock);
    if (s->n > 0) {
        size_t n = s->n < max ? s->n : max;
        memcpy(out, s->bytes, n);
        memmove(s->bytes, s->bytes + n, s->n - n);
        s->n -= n;
        given = (ssize_t)n;
        if (s->connection)
            http_connection_allow(s->connection, SLOW_MS);
    } else if (s->ended) {
        given = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (s->mhd) {
        http_connection_allow(s->connection, IDLE_MS);
        s->suspended = true;
        MHD_suspend_connection(s->mhd);
    }
    pthread_mutex_unlock(&s->lock);
    return given;
}

/* The response goes before its connection does: nothing of either is touched again. */
static void forget(void *arg)
{
    struct http_stream *s = arg;
    pthread_mutex_lock(&s->lock);
    s->mhd = NULL;
    s->connection = NULL;
    s->suspended = false;
    pthread_mutex_unlock(&s->lock);
    release(s);
}

/* With the lock held. */
static void wake(struct http_stream *s)
{
    if (!s->suspended)
        return;
    s->suspended = false;
    http_connection_allow(s->connection, SLOW_MS);
    MHD_resume_connection(s->mhd);
}

struct http_stream *http_stream_open(struct http_request *r, const struct http_answer *a,
                                     size_t room)
{
    struct http_stream *s = xcalloc(1, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->refs = 2;
    s->mhd = r->mhd;
    s->connection = r->connection;
    s->room = room;
    s->bytes = xmalloc(room);
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, give, s, forget);
    if (!response)
        BUG("memory exhausted for an http response");
    http_request_answer(r, response, a);
    return s;
}

enum http_stream_state http_stream_write(struct http_stream *s, struct str bytes)
{
    enum http_stream_state state = HTTP_STREAM_OK;
    pthread_mutex_lock(&s->lock);
    if (!s->mhd) {
        state = HTTP_STREAM_GONE;
    } else if (bytes.n > s->room - s->n) {
        state = HTTP_STREAM_FULL;
    } else if (bytes.n > 0) {
        memcpy(s->bytes + s->n, bytes.p, bytes.n);
        s->n += bytes.n;
        wake(s);
    }
    pthread_mutex_unlock(&s->lock);
    return state;
}

size_t http_stream_waiting(struct http_stream *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->n;
    pthread_mutex_unlock(&s->lock);
    return n;
}

void http_stream_end(struct http_stream **sp)
{
    struct http_stream *s = *sp;
    if (!s)
        return;
    *sp = NULL;
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    if (s->mhd)
        wake(s);
    pthread_mutex_unlock(&s->lock);
    release(s);
}
