/*
 * Events that are not lost (proto/PROTOCOL.md 6). The record is a row in Postgres; PUB is
 * only a doorbell.
 *
 * Publisher (auth): business statements insert into `outbox`; the sequencer numbers rows
 * without gaps under the head-row lock, then publishes; a beacon tells the head; and the
 * method `<service>.events.pull` serves whatever a subscriber missed.
 *
 * Consumer (mailer, catalog, gateway): SUB to all replicas; a number that is not the next
 * one, a beacon ahead of the cursor, or silence leads to a pull. Push and pull end in the
 * same `apply`.
 */
#ifndef LIB_SVC_EVENTS_H
#define LIB_SVC_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/jsonw.h"
#include "base/str.h"
#include "svc/rpc_client.h"
#include "svc/rpc_server.h"

struct svc;

/* ---- publisher ---- */
struct event_publisher;
/* stream: "user". endpoint: where to bind PUB. Uses the SQL files of lib/svc/sql (table
 * layout in lib/svc/sql/README.md), which the service's migrations create. NULL: logged.
 */
struct event_publisher *event_publisher_start(struct svc *svc, const char *stream,
                                              const char *endpoint);
void event_publisher_stop(struct event_publisher **p);
/* A transaction with an outbox row has committed: sequence soon (this turn's end). */
void event_publisher_wake(struct event_publisher *p);
/* The handler of `<service>.events.pull`. */
void event_publisher_handle_pull(struct event_publisher *p, struct call *c);
/* The handler of `<service>.events.status`: the stream's epoch and head, what waits in
 * the outbox (counted up to 100,000) and for how long, and what each consumer said with
 * its last pull that it keeps. Asks the database (list lane); needs no publisher. */
void event_stream_handle_status(struct svc *svc, const char *stream, struct call *c);
/* A short text that every beacon carries from now on, "" for none: what a subscriber
 * should know and can ask for (auth: the version of its key ring). Copied; at most
 * EVENT_NOTE_MAX bytes count. */
enum { EVENT_NOTE_MAX = 64 };
void event_publisher_note(struct event_publisher *p, const char *note);
int64_t event_publisher_head(const struct event_publisher *p);
unsigned event_publisher_backlog(const struct event_publisher *p);

/* ---- consumer ---- */
struct event {
    int64_t seq;
    uint8_t event_id[16];
    const char *type; /* "user.registered" */
    int version;
    int64_t aggregate_id;
    int64_t created_us; /* wall */
    uint8_t request_id[16], trace_id[16];
    int64_t published_us; /* wall; 0 = not said */
    int64_t expires_us;   /* 0 = never */
    struct str payload;   /* JSON object */
    struct str sealed;    /* sealed secret, may be empty */
    struct str json;      /* the whole event as received, for one-statement applies */
};

struct event_consumer;
struct event_batch {
    char epoch[37];
    int64_t after;        /* cursor before */
    int64_t last;         /* cursor after */
    struct event *events; /* consecutive, ascending */
    unsigned n;
};
/* Applies a batch, then calls event_consumer_applied exactly once. Durably (inbox,
 * effects and cursor in one statement), or in memory by a consumer that begins with a
 * snapshot; that one may call it before it returns. */
typedef void event_apply_fn(void *arg, struct event_consumer *ec,
                            const struct event_batch *batch);

struct event_consumer_config {
    const char *stream;        /* "user" */
    const char *peer;          /* "auth" */
    const char *endpoints;     /* AUTH_EVENTS */
    struct rpc_client *client; /* for events.pull */
    const char *pull_method;   /* "auth.events.pull" */
    unsigned silence_ms;       /* pull after that much quiet: 15,000 */
    event_apply_fn *apply;
    /* For a consumer in memory, NULL for others: the stream cannot be followed from where
     * it stands (another epoch, events that are gone). It takes a new snapshot and calls
     * event_consumer_reset, later; until then this may be called again. */
    loop_fn *lost;
    /* Optional: the stream's owner was heard or answered, and what it said is applied or
     * being applied. */
    loop_fn *heard;
    void *arg;
};
/* cursor/epoch: where the consumer's own tables say it stands (0, "" = from the start).
 */
struct event_consumer *event_consumer_start(struct svc *svc,
                                            const struct event_consumer_config *cfg,
                                            const char *epoch, int64_t cursor);
/* ok: the cursor is batch->last now. Not ok: it is tried again after a second. When
 * another replica moved the cursor first, say where it stands (actual >= 0). */
void event_consumer_applied(struct event_consumer *ec, bool ok, int64_t actual);
/* Begins anew from a snapshot that holds everything up to `cursor`. Not from within a
 * callback of the consumer. */
void event_consumer_reset(struct event_consumer *ec, const char *epoch, int64_t cursor);
void event_consumer_stop(struct event_consumer **ec);

struct event_consumer_state {
    int64_t cursor, head;  /* lag = head - cursor */
    int64_t last_heard_ms; /* monotonic: message or beacon */
    /* Monotonic: when the owner last said a head that it had just read from its database
     * (by a message, a beacon or a pull) and everything up to it is applied. 0: never. */
    int64_t fresh_ms;
    const char *note; /* of the last beacon, "" when it had none; borrowed */
    int64_t gaps, pulls, duplicates; /* pulls: for what was missing */
    bool epoch_refused; /* the stream's epoch is not ours: nothing is applied */
};
void event_consumer_state(const struct event_consumer *ec,
                          struct event_consumer_state *ret);

/* `cursor`, `lag`, `gaps` and `pulls` of the beat; zeros for NULL. */
void event_consumer_beat(const struct event_consumer *ec, struct jsonw *w);

/* ---- a consumer whose place is a row of its own database ---- */
struct event_follower;
struct db_stmt;
/* cursor: gives epoch and seq of the stream in $1. It is asked until the database
 * answers, then the stream is followed from there. cfg is copied. Never NULL. */
struct event_follower *event_follower_start(struct svc *svc,
                                            const struct event_consumer_config *cfg,
                                            const struct db_stmt *cursor);
/* Hands out no more batches; what apply has begun ends with event_consumer_applied as
 * before. */
void event_follower_stop(struct event_follower *f);
/* Stops; once the loop turns no more. NULL is fine. */
void event_follower_free(struct event_follower **f);
/* False while the stream is not being followed; *ret_why says why. */
bool event_follower_ready(const struct event_follower *f, const char **ret_why);
/* The verb `accept-epoch` of such a service: sql, which returns a row, sets its place to
 * no epoch and number 0, so that the stream is read as a new one. Says so, or what is
 * wrong; the exit code. */
int event_accept_epoch(struct svc *svc, int argc, const char *sql);
/* event_consumer_beat of it. */
void event_follower_beat(const struct event_follower *f, struct jsonw *w);

#endif
