/* A consumer whose place in the stream is a row of its own database. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "svc/events.h"
#include "svc/exit.h"
#include "svc/log.h"
#include "svc/svc.h"

enum { READ_TIMEOUT_MS = 2000, RETRY_MS = 500, EPOCH_TEXT = 37 };

struct event_follower {
    struct svc *svc;
    struct event_consumer_config cfg;
    const struct db_stmt *cursor;
    struct event_consumer *consumer;
    struct loop_timer *retry;
    bool stopped;
};

static void read_cursor(void *arg);

static void follow(struct event_follower *f, struct str epoch, int64_t seq)
{
    char text[EPOCH_TEXT];
    snprintf(text, sizeof text, "%.*s", STR_ARG(epoch));
    f->consumer = event_consumer_start(f->svc, &f->cfg, text, seq);
    if (f->consumer)
        log_info("events", "following the stream", F_STR("stream", f->cfg.stream),
                 F_INT("cursor", seq));
}

static void on_cursor(void *arg, const struct db_result *r)
{
    struct event_follower *f = arg;
    if (f->stopped)
        return;
    if (r->status == DB_OK && r->rows == 1)
        follow(f, db_text(r, 0, 0), db_int(r, 0, 1));
    if (!f->consumer)
        f->retry = loop_timer(f->svc->loop, RETRY_MS, 0, read_cursor, f);
}

static void read_cursor(void *arg)
{
    struct event_follower *f = arg;
    struct str stream = str_of(f->cfg.stream);
    f->retry = NULL;
    db_query(f->svc->db, f->cursor, &stream, 1, READ_TIMEOUT_MS, on_cursor, f);
}

struct event_follower *event_follower_start(struct svc *svc,
                                            const struct event_consumer_config *cfg,
                                            const struct db_stmt *cursor)
{
    struct event_follower *f = xcalloc(1, sizeof *f);
    f->svc = svc;
    f->cfg = *cfg;
    f->cursor = cursor;
    read_cursor(f);
    return f;
}

void event_follower_stop(struct event_follower *f)
{
    f->stopped = true;
    loop_timer_cancel(&f->retry);
    event_consumer_stop(&f->consumer);
}

void event_follower_free(struct event_follower **f)
{
    if (!*f)
        return;
    event_follower_stop(*f);
    free(*f);
    *f = NULL;
}

bool event_follower_ready(const struct event_follower *f, const char **ret_why)
{
    struct event_consumer_state s;
    if (!f->consumer) {
        *ret_why = "the event cursor has not been read";
        return false;
    }
    event_consumer_state(f->consumer, &s);
    if (s.epoch_refused)
        *ret_why = "the event stream is not the one read so far";
    return !s.epoch_refused;
}

void event_follower_beat(const struct event_follower *f, struct jsonw *w)
{
    event_consumer_beat(f->consumer, w);
}

int event_accept_epoch(struct svc *svc, int argc, const char *sql)
{
    char *text = NULL;
    if (argc != 1) {
        fprintf(stderr, "Usage: %s accept-epoch\n", svc->def->name);
        return EXIT_USAGE;
    }
    if (!svc_query_once(svc, sql, NULL, 0, &text) || !text)
        return EXIT_MISSING;
    free(text);
    printf(
        "The stream is read again from its start; what is known has no second effect.\n"
        "Restart every %s.\n",
        svc->def->name);
    return 0;
}
