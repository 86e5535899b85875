/*
 * The publisher's half of events.h. Three small machines around one table: the sequencer
 * (woken after a commit, and every 200 ms for what another process committed), the
 * beacon, and retention. A message that PUB drops is not an error: whoever misses it
 * pulls.
 */
#include "svc/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "svc/events_row.h"
#include "svc/log.h"
#include "svc/metrics.h"
#include "svc/svc.h"

enum {
    POLL_MS = 200,
    BEACON_MS = 250,
    HEAD_FRESH_MS = 1000, /* a beacon must not vouch for an older head */
    SEQUENCE_TIMEOUT_MS = 2000,
    PRUNE_MS = 60 * 1000,
    SEEN_MS = 10 * 1000, /* a place that has not grown is written at most this often */
    KEEP_DAYS = 7,
    KEEP_DAYS_MAX = 30,
    EVENT_MAX = 256 * 1024,
    CONSUMERS_MAX = 16,
    BATCH = 500,
    COUNT_MS = 1000, /* what waits behind a full batch is counted at most this often */
};

static const struct db_stmt SEQUENCE = { "outbox_sequence", DB_WRITE };
static const struct db_stmt PRUNE = { "outbox_prune", DB_WRITE };
static const struct db_stmt SEEN = { "outbox_seen", DB_WRITE };
static const struct db_stmt PULL = { "outbox_pull", DB_POINT };

struct consumer_seen {
    char name[KEYS_NAME_MAX + 1];
    int64_t written_ms, applied;
};

struct event_publisher {
    struct svc *svc;
    char *stream;
    void *pub;
    struct loop_timer *poll, *beacon, *prune;
    bool sequencing; /* the statement is under way */
    bool again;      /* woken meanwhile */
    bool woken;
    char epoch[40], note[EVENT_NOTE_MAX + 1];
    int64_t head, head_read_ms;
    unsigned backlog;
    int64_t counted_ms;
    struct consumer_seen seen[CONSUMERS_MAX];
    struct metric *sequenced, *backlog_gauge, *head_gauge, *pulls, *failures;
};

static void sequence(struct event_publisher *p);

/* --- PUB -----------------------------------------------------------------------------
 */

static void send_frames(struct event_publisher *p, const char *topic, struct str body)
{
    if (zmq_send(p->pub, topic, strlen(topic), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        (void)zmq_send(p->pub, body.p, body.n, ZMQ_DONTWAIT);
}

static void publish(struct event_publisher *p, const struct db_result *r, int row)
{
    AUTO_BUF struct buf body;
    AUTO_FREE char *topic =
        xasprintf("%s.v%d.%.*s", p->stream, (int)db_int(r, row, EVENT_ROW_VERSION),
                  STR_ARG(db_text(r, row, EVENT_ROW_TYPE)));
    struct jsonw w;

    buf_init(&body, EVENT_MAX);
    jw_begin(&w, &body);
    jw_object(&w);
    jw_kcstr(&w, "stream", p->stream);
    jw_kcstr(&w, "epoch", p->epoch);
    jw_kint(&w, "head", p->head);
    event_row_write(&w, r, row);
    jw_object_end(&w);
    jw_end(&w);
    if (!body.overflow) /* a giant waits for the consumer's pull */
        send_frames(p, topic, buf_get(&body));
}

static void send_beacon(void *arg)
{
    struct event_publisher *p = arg;
    AUTO_BUF struct buf body;
    AUTO_FREE char *topic = xasprintf("beacon.%s", p->stream);
    struct jsonw w;

    buf_init(&body, 512);
    if (p->head_read_ms == 0 || clock_mono_ms() - p->head_read_ms > HEAD_FRESH_MS)
        return;
    jw_begin(&w, &body);
    jw_object(&w);
    jw_kcstr(&w, "stream", p->stream);
    jw_kcstr(&w, "epoch", p->epoch);
    jw_kint(&w, "head", p->head);
    jw_kcstr(&w, "replica", p->svc->instance);
    if (p->note[0])
        jw_kcstr(&w, "note", p->note);
    jw_object_end(&w);
    jw_end(&w);
    send_frames(p, topic, buf_get(&body));
}

/* --- sequencing ----------------------------------------------------------------------
 */

static void set_epoch(struct event_publisher *p, struct str epoch)
{
    if (str_eq(str_of(p->epoch), epoch) || epoch.n >= sizeof(p->epoch))
        return;
    memcpy(p->epoch, epoch.p, epoch.n);
    p->epoch[epoch.n] = '\0';
}

/* As of the last batch that was not full, or that it was counted for. */
static void note_backlog(struct event_publisher *p, const struct db_result *r, int events)
{
    int64_t waiting = db_int(r, 0, EVENT_ROW_WAITING) - events;

    if (db_is_null(r, 0, EVENT_ROW_WAITING))
        return;
    p->backlog = waiting > 0 ? (unsigned)waiting : 0;
    metric_set(p->backlog_gauge, p->backlog);
}

/* The number of events in r. */
static int note_head(struct event_publisher *p, const struct db_result *r)
{
    int events = r->rows > 0 && !db_is_null(r, 0, EVENT_ROW_SEQ) ? r->rows : 0;

    set_epoch(p, db_text(r, 0, EVENT_ROW_EPOCH));
    p->head =
        events > 0 ? db_int(r, r->rows - 1, EVENT_ROW_SEQ) : db_int(r, 0, EVENT_ROW_HEAD);
    p->head_read_ms = clock_mono_ms();
    metric_set(p->head_gauge, p->head);
    note_backlog(p, r, events);
    return events;
}

static void on_sequenced(void *arg, const struct db_result *r)
{
    struct event_publisher *p = arg;

    p->sequencing = false;
    if (r->status != DB_OK || r->rows == 0) {
        metric_add(p->failures, 1);
        if (r->status == DB_OK)
            log_error("events", "stream_missing", F_STR("stream", p->stream));
        return;
    }
    int events = note_head(p, r);
    for (int i = 0; i < events; i++)
        publish(p, r, i);
    metric_add(p->sequenced, events);
    if (p->again || events == BATCH)
        sequence(p);
}

static bool count_is_due(struct event_publisher *p)
{
    int64_t now = clock_mono_ms();

    if (p->counted_ms && now - p->counted_ms < COUNT_MS)
        return false;
    p->counted_ms = now;
    return true;
}

static void sequence(struct event_publisher *p)
{
    struct str params[] = { str_of(p->stream), STR("false") };

    p->woken = false;
    if (p->sequencing) {
        p->again = true;
        return;
    }
    p->sequencing = true;
    p->again = false;
    if (count_is_due(p))
        params[1] = STR("true");
    db_query(p->svc->db, &SEQUENCE, params, 2, SEQUENCE_TIMEOUT_MS, on_sequenced, p);
}

static void on_poll(void *arg)
{
    struct event_publisher *p = arg;

    if (!p->sequencing)
        sequence(p);
}

static void on_wake(void *arg)
{
    struct event_publisher *p = arg;

    if (p->woken)
        sequence(p);
}

/* At the turn's end: one statement for all that committed in the turn. */
void event_publisher_wake(struct event_publisher *p)
{
    if (!p || p->woken)
        return;
    p->woken = true;
    loop_post(p->svc->loop, on_wake, p);
}

/* --- retention -----------------------------------------------------------------------
 */

static void prune(void *arg);

static void on_pruned(void *arg, const struct db_result *r)
{
    struct event_publisher *p = arg;

    if (r->status != DB_OK || r->rows == 0)
        return;
    if (db_int(r, 0, 1) > 0)
        log_warn("events", "unread_events_deleted", F_STR("stream", p->stream),
                 F_INT("events", db_int(r, 0, 1)));
    if (db_int(r, 0, 0) == 1000)
        prune(p);
}

static void prune(void *arg)
{
    struct event_publisher *p = arg;
    const int64_t day_us = INT64_C(86400) * 1000000;
    char keep[CLOCK_TEXT_SIZE], limit[CLOCK_TEXT_SIZE];
    int64_t now = clock_wall_us();
    struct str params[] = {
        str_of(p->stream),
        str_of(clock_text(now - KEEP_DAYS * day_us, keep)),
        str_of(clock_text(now - KEEP_DAYS_MAX * day_us, limit)),
    };

    db_query(p->svc->db, &PRUNE, params, 3, SEQUENCE_TIMEOUT_MS, on_pruned, p);
}

/* --- pull ----------------------------------------------------------------------------
 */

static void on_seen(void *arg, const struct db_result *r)
{
    (void)arg, (void)r; /* the next pull says it again */
}

static struct consumer_seen *seen_slot(struct event_publisher *p, const char *name)
{
    for (int i = 0; i < CONSUMERS_MAX; i++) {
        struct consumer_seen *s = &p->seen[i];
        if (s->name[0] == '\0')
            snprintf(s->name, sizeof(s->name), "%s", name);
        if (strcmp(s->name, name) == 0)
            return s;
    }
    return NULL;
}

/* The service's own key and the monitor look without consuming. */
static void note_consumer(struct event_publisher *p, const char *peer, int64_t applied)
{
    char seq[DB_INT_TEXT], now[CLOCK_TEXT_SIZE];

    if (strcmp(peer, p->svc->def->name) == 0 || strcmp(peer, "monitor") == 0)
        return;
    struct consumer_seen *s = seen_slot(p, peer);
    bool recent = s && s->written_ms && clock_mono_ms() - s->written_ms < SEEN_MS;
    if (!s || (recent && applied <= s->applied))
        return;
    s->written_ms = clock_mono_ms();
    s->applied = applied;
    struct str params[] = { str_of(peer), str_of(p->stream), db_int_param(applied, seq),
                            str_of(clock_text(clock_wall_us(), now)) };
    db_query(p->svc->db, &SEEN, params, 4, SEQUENCE_TIMEOUT_MS, on_seen, p);
}

struct pull {
    struct event_publisher *p;
    struct call *call;
    int64_t after;
    int64_t applied; /* what it holds for good: less than `after` while it applies */
};

/* The stream was restored from a backup, or is another one: the consumer must decide. */
static void refuse_pull(struct call *c, const struct db_result *r)
{
    AUTO_BUF struct buf body;
    struct jsonw w;

    buf_init(&body, 512);
    jw_begin(&w, &body);
    jw_object(&w);
    jw_kstr(&w, "epoch", db_text(r, 0, EVENT_ROW_EPOCH));
    jw_kint(&w, "head", db_int(r, 0, EVENT_ROW_HEAD));
    jw_object_end(&w);
    jw_end(&w);
    log_warn("events", "pull_refused", F_STR("peer", c->peer),
             F_INT("head", db_int(r, 0, EVENT_ROW_HEAD)),
             F_ID("request_id", c->frame.request_id));
    call_fail_details(c, ERR_CONFLICT, buf_get(&body));
}

static void reply_pull(struct call *c, const struct db_result *r)
{
    AUTO_BUF struct buf body;
    struct jsonw w;

    buf_init(&body, FRAME_REPLY_MAX);
    jw_begin(&w, &body);
    jw_object(&w);
    jw_kstr(&w, "epoch", db_text(r, 0, EVENT_ROW_EPOCH));
    jw_kint(&w, "head", db_int(r, 0, EVENT_ROW_HEAD));
    jw_key(&w, "events");
    jw_array(&w);
    for (int i = 0; i < r->rows && !db_is_null(r, i, EVENT_ROW_SEQ); i++) {
        jw_object(&w);
        event_row_write(&w, r, i);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    jw_end(&w);
    if (body.overflow)
        call_fail(c, ERR_TOO_LARGE); /* with a smaller limit it fits */
    else
        call_reply(c, 0, buf_get(&body));
}

static void on_pulled(void *arg, const struct db_result *r)
{
    struct pull *pull = arg;
    struct call *c = pull->call;
    struct str epoch = values_get(&c->body, "epoch")->s;

    if (r->status != DB_OK)
        return call_fail(c, db_err(&PULL, r));
    if (r->rows == 0)
        return call_fail(c, ERR_UNAVAILABLE);
    if ((epoch.n > 0 && !str_eq(epoch, db_text(r, 0, EVENT_ROW_EPOCH))) ||
        pull->after > db_int(r, 0, EVENT_ROW_HEAD))
        return refuse_pull(c, r);
    note_consumer(pull->p, c->peer, pull->applied);
    reply_pull(c, r);
}

void event_publisher_handle_pull(struct event_publisher *p, struct call *c)
{
    char after[DB_INT_TEXT], limit[DB_INT_TEXT];

    if (!p)
        return call_fail(c, ERR_UNAVAILABLE);
    if (!call_body(c, SCHEMA_FULL))
        return;
    struct pull *pull = arena_alloc(&c->arena, sizeof(*pull));
    *pull = (struct pull){ p, c, values_get(&c->body, "after")->i,
                           values_get(&c->body, "applied")->i };
    struct str params[] = {
        str_of(p->stream),
        db_int_param(pull->after, after),
        db_int_param(values_get(&c->body, "limit")->i, limit),
    };
    metric_add(p->pulls, 1);
    db_query(p->svc->db, &PULL, params, 3, call_budget_ms(c), on_pulled, pull);
}

/* --- life ----------------------------------------------------------------------------
 */

static void make_metrics(struct event_publisher *p)
{
    p->sequenced = metric_counter("events_sequenced_total", "Events numbered here", "");
    p->pulls = metric_counter("events_pulls_total", "Pulls answered", "");
    p->failures = metric_counter("events_sequencer_failures_total",
                                 "Sequencer statements that failed", "");
    p->backlog_gauge = metric_gauge("events_backlog", "Events not numbered yet", "");
    p->head_gauge = metric_gauge("events_head", "Last number of the stream", "");
}

struct event_publisher *event_publisher_start(struct svc *svc, const char *stream,
                                              const char *endpoint)
{
    void *pub = keys_server_socket(svc->keys, ZMQ_PUB);

    if (!pub || keys_bind(pub, endpoint) != 0) {
        log_error("events", "cannot_bind", F_STR("endpoint", endpoint),
                  F_STR("error", zmq_strerror(zmq_errno())));
        if (pub)
            keys_socket_free(svc->keys, &pub);
        return NULL;
    }
    struct event_publisher *p = xcalloc(1, sizeof(*p));
    p->svc = svc;
    p->stream = xstrdup(stream);
    p->pub = pub;
    make_metrics(p);
    p->poll = loop_timer(svc->loop, 0, POLL_MS, on_poll, p);
    p->beacon = loop_timer(svc->loop, BEACON_MS, BEACON_MS, send_beacon, p);
    p->prune = loop_timer(svc->loop, PRUNE_MS, PRUNE_MS, prune, p);
    log_info("events", "publishing", F_STR("stream", stream),
             F_STR("endpoint", endpoint));
    return p;
}

/* The loop has stopped by now: no query or posted call comes back any more. */
void event_publisher_stop(struct event_publisher **p)
{
    struct event_publisher *pub = *p;

    if (!pub)
        return;
    loop_timer_cancel(&pub->poll);
    loop_timer_cancel(&pub->beacon);
    loop_timer_cancel(&pub->prune);
    keys_socket_free(pub->svc->keys, &pub->pub);
    free(pub->stream);
    free(pub);
    *p = NULL;
}

void event_publisher_note(struct event_publisher *p, const char *note)
{
    snprintf(p->note, sizeof(p->note), "%s", note);
}

int64_t event_publisher_head(const struct event_publisher *p)
{
    return p ? p->head : 0;
}

unsigned event_publisher_backlog(const struct event_publisher *p)
{
    return p ? p->backlog : 0;
}
