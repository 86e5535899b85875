/* The consumer's questions to the stream's owner: everything after the tail, please. */
#include <stdio.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/jsonw.h"
#include "svc/events_consumer_private.h"
#include "svc/log.h"

static void take_pulled(struct event_consumer *ec, const json_t *reply)
{
    const json_t *events = json_object_get(reply, "events");
    int64_t before = ec->tail;
    size_t i;
    const json_t *e;
    if (!json_is_array(events) || !consumer_check_epoch(ec, reply))
        return;
    consumer_note_head(ec, reply);
    ec->want_pull = false;
    json_array_foreach(events, i, e) consumer_append(ec, e, true);
    consumer_note_answer(ec);
    bool more = ec->head > ec->tail;
    ec->catching_up = ec->catching_up && more;
    ec->want_pull = more;
    if (more && ec->tail == before)
        ec->pull_after_ms = clock_mono_ms() + CONSUMER_RETRY_MS;
}

static void note_pull_failure(struct event_consumer *ec, enum err e,
                              const struct frame *reply)
{
    ec->pull_after_ms = clock_mono_ms() + CONSUMER_RETRY_MS;
    ec->told = -1;
    if (e == ERR_TOO_LARGE && ec->limit > 1)
        ec->limit /= 2;
    if (e == ERR_CONFLICT) {
        char theirs[128] = "";
        if (reply)
            snprintf(theirs, sizeof theirs, "%.*s", STR_ARG(reply->body));
        consumer_refuse(ec, theirs);
        return;
    }
    log_debug("events", "pull failed", F_STR("code", err_info(e)->code));
}

static void on_pulled(void *arg, enum err e, const struct frame *reply)
{
    struct event_consumer *ec = arg;
    ec->pulling = false;
    if (ec->stopped) {
        if (!ec->applying)
            consumer_free(ec);
        return;
    }
    if (e != ERR_OK || !reply) {
        ec->pull_void = false;
        note_pull_failure(ec, e, reply);
        return;
    }
    json_t *body = json_loadb(reply->body.p, reply->body.n, JSON_REJECT_DUPLICATES, NULL);
    ec->last_heard_ms = clock_mono_ms();
    ec->limit = CONSUMER_BATCH;
    if (!json_is_object(body))
        ec->pull_after_ms = clock_mono_ms() + CONSUMER_RETRY_MS;
    else if (!ec->pull_void)
        take_pulled(ec, body);
    ec->pull_void = false;
    json_decref(body);
    consumer_work(ec);
    consumer_heard(ec);
}

static void write_pull(struct event_consumer *ec, struct buf *out)
{
    struct jsonw w;
    jw_begin(&w, out);
    jw_object(&w);
    jw_kcstr(&w, "epoch", ec->epoch);
    jw_kint(&w, "after", ec->tail);
    jw_kint(&w, "applied", ec->cursor);
    jw_kint(&w, "limit", ec->limit);
    jw_object_end(&w);
    jw_end(&w);
}

static void pull(struct event_consumer *ec)
{
    struct buf body AUTO_BUF;
    struct frame f = { .method = ec->pull->number };
    buf_init(&body, 256);
    write_pull(ec, &body);
    id_uuid7(f.request_id);
    f.body = buf_get(&body);
    ec->pulling = true;
    ec->told = ec->cursor;
    ec->last_pull_ms = clock_mono_ms();
    if (!ec->only_telling) {
        ec->pulls++;
        metric_add(ec->pulls_total, 1);
    }
    ec->only_telling = false;
    rpc_call(ec->cfg.client, &f, ec->pull->timeout_ms, true, on_pulled, ec);
}

void consumer_pull(struct event_consumer *ec)
{
    if (!ec->want_pull || ec->pulling || clock_mono_ms() < ec->pull_after_ms)
        return;
    if (ec->waiting.n + CONSUMER_BATCH <= CONSUMER_WAITING)
        pull(ec);
}
