#include "monitor/live.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "monitor/app.h"
#include "monitor/overview.h"
#include "monitor/watch.h"
#include "svc/http_stream.h"
#include "svc/metrics.h"

enum {
    REPLAY = 1024, /* events that are kept */
    ROOM = 256 * 1024,
    TEXT_MAX = 240 * 1024,
    HEARTBEAT_TICKS = 10,
    MAILS_A_SECOND = 100,
    BOOT_TEXT = 17,
};

struct page {
    struct http_stream *stream;
    uint64_t session; /* 0: by Basic */
    bool missed;      /* an event: to be told when there is room */
};

struct live {
    struct monitor_app *app;
    struct page **pages;
    unsigned n, max;
    char boot[BOOT_TEXT]; /* the first part of our ids */
    struct {
        uint64_t number;
        char *text; /* heap */
    } kept[REPLAY]; /* ring by number */
    uint64_t last;
    unsigned ticks, mails, mails_left_out;
    bool draining;
    struct metric *gauge;
};

struct live *live_new(struct monitor_app *app)
{
    uint8_t id[8];
    struct live *l = xcalloc(1, sizeof *l);
    l->app = app;
    l->max = (unsigned)app->cfg->live_streams;
    l->pages = xcalloc(l->max, sizeof *l->pages);
    id_random(id, sizeof id);
    hex_encode(id, sizeof id, l->boot);
    l->gauge = metric_gauge("monitor_live_streams", "Pages that are live", "");
    return l;
}

static void let_go(struct live *l, unsigned i)
{
    http_stream_end(&l->pages[i]->stream);
    free(l->pages[i]);
    l->pages[i] = l->pages[--l->n];
    metric_set(l->gauge, l->n);
}

void live_drain(struct live *l)
{
    l->draining = true;
    while (l->n > 0)
        let_go(l, 0);
}

void live_free(struct live **lp)
{
    struct live *l = *lp;
    if (!l)
        return;
    *lp = NULL;
    live_drain(l);
    for (size_t i = 0; i < REPLAY; i++)
        free(l->kept[i].text);
    free(l->pages);
    free(l);
}

unsigned live_count(const struct live *l)
{
    return l->n;
}

/* ---- saying ---- */

/* False: the page has gone and so has its place. */
static bool give(struct live *l, unsigned i, struct str text, bool must_arrive)
{
    struct page *p = l->pages[i];
    switch (http_stream_write(p->stream, text)) {
    case HTTP_STREAM_OK:
        return true;
    case HTTP_STREAM_FULL:
        p->missed |= must_arrive;
        return true;
    case HTTP_STREAM_GONE:
        break;
    }
    let_go(l, i);
    return false;
}

static void give_all(struct live *l, struct str text, bool must_arrive)
{
    for (unsigned i = 0; i < l->n;)
        if (give(l, i, text, must_arrive))
            i++;
}

void live_say(struct live *l, const char *event, struct str json)
{
    uint64_t number = ++l->last;
    AUTO_BUF struct buf b;
    buf_init(&b, TEXT_MAX);
    buf_printf(&b, "id: %s-%llu\nevent: %s\ndata: %.*s\n\n", l->boot,
               (unsigned long long)number, event, STR_ARG(json));
    if (b.overflow)
        return;
    give_all(l, buf_get(&b), true);
    free(l->kept[number % REPLAY].text);
    l->kept[number % REPLAY].number = number;
    l->kept[number % REPLAY].text = buf_take(&b, NULL);
}

void live_say_mail(struct live *l, struct str json)
{
    if (l->mails++ < MAILS_A_SECOND)
        live_say(l, "mail", json);
    else
        l->mails_left_out++;
}

static void say_left_out(struct live *l)
{
    char text[64];
    unsigned n = l->mails_left_out;
    l->mails = l->mails_left_out = 0;
    if (n == 0)
        return;
    snprintf(text, sizeof text, "{\"job_id\":null,\"more\":%u}", n);
    live_say(l, "mail", str_of(text));
}

static void say_overview(struct live *l)
{
    struct jsonw w;
    AUTO_BUF struct buf b;
    buf_init(&b, TEXT_MAX);
    buf_cstr(&b, "event: overview\ndata: ");
    jw_begin(&w, &b);
    jw_object(&w);
    overview_write_live(l->app, &w);
    jw_object_end(&w);
    jw_end(&w);
    buf_cstr(&b, "\n\n");
    if (b.overflow)
        return;
    for (unsigned i = 0; i < l->n;) {
        /* Behind: the next picture will do. */
        if (http_stream_waiting(l->pages[i]->stream) > 0 ||
            give(l, i, buf_get(&b), false))
            i++;
    }
}

/* Pages that missed something, and sessions that are over. False: it was let go. */
static bool look_after(struct live *l, unsigned i)
{
    struct page *p = l->pages[i];
    if (p->session && !access_by_serial(l->app->access, p->session, clock_mono_ms())) {
        http_stream_write(p->stream, STR("event: bye\ndata: {}\n\n"));
        let_go(l, i);
        return false;
    }
    if (!p->missed || http_stream_waiting(p->stream) > 0)
        return true;
    p->missed = false;
    return give(l, i, STR("event: reset\ndata: {}\n\n"), true);
}

void live_tick(struct live *l)
{
    say_left_out(l);
    for (unsigned i = 0; i < l->n;)
        if (look_after(l, i))
            i++;
    if (l->n == 0)
        return;
    watch_wanted(l->app->watch);
    if (++l->ticks % HEARTBEAT_TICKS == 0)
        give_all(l, STR(": alive\n\n"), false);
    say_overview(l);
}

/* ---- a page comes ---- */

/* Writes what came after the last event that the page knows. */
static void replay(struct live *l, struct page *p, struct str last_id)
{
    struct str number_text = last_id;
    int64_t known;
    struct str boot = str_cut(&number_text, '-');
    bool ours = str_eq(boot, str_of(l->boot)) && str_to_i64(number_text, &known) &&
                known >= 0 && (uint64_t)known <= l->last &&
                l->last - (uint64_t)known <= REPLAY;
    if (!ours) {
        http_stream_write(p->stream, STR("event: reset\ndata: {}\n\n"));
        return;
    }
    for (uint64_t n = (uint64_t)known + 1; n <= l->last; n++)
        if (http_stream_write(p->stream, str_of(l->kept[n % REPLAY].text)) !=
            HTTP_STREAM_OK)
            p->missed = true;
}

void handle_live(struct api *a)
{
    static const struct http_header_line HEADERS[] = {
        { "Content-Type", "text/event-stream" },
        { "Cache-Control", "no-store" },
        { "X-Content-Type-Options", "nosniff" },
        { "X-Accel-Buffering", "no" }, /* for proxies that would collect it */
        { NULL, NULL },
    };
    struct live *l = a->app->live;
    if (l->draining || l->n == l->max) {
        api_fail(a, l->draining ? ERR_DRAINING : ERR_STREAMS, NULL);
        return;
    }
    struct page *p = xcalloc(1, sizeof *p);
    struct str last_id = arena_dup(&a->arena, http_header(a->http, "Last-Event-ID"));
    p->session = a->who.session;
    p->stream = http_stream_open(
        a->http, &(struct http_answer){ .status = 200, .headers = HEADERS }, ROOM);
    http_stream_write(p->stream, STR("retry: 2000\n\n"));
    if (last_id.n > 0)
        replay(l, p, last_id);
    l->pages[l->n++] = p;
    metric_set(l->gauge, l->n);
    api_free(a);
}
