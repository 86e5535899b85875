/*
 * What the files of the event consumer share; nobody else includes it.
 *
 *   events_consumer.c  receiving, applying, life
 *   events_pull.c      asking the stream's owner for what is missing
 *   events_parse.c     JSON to struct event
 */
#ifndef LIB_SVC_EVENTS_CONSUMER_PRIVATE_H
#define LIB_SVC_EVENTS_CONSUMER_PRIVATE_H

#include <jansson.h>

#include "base/arena.h"
#include "svc/events.h"
#include "svc/metrics.h"
#include "svc/peer.h"
#include "svc/svc.h"

enum {
    CONSUMER_BATCH = 500,    /* events of a pull */
    CONSUMER_WAITING = 1000, /* events held beside those being applied */
    CONSUMER_RETRY_MS = 1000,
    CONSUMER_EPOCH = 37,
};

/* Events in order with the memory they live in. */
struct run {
    struct arena arena;
    struct event *v;
    unsigned n, cap;
};

struct event_consumer {
    struct svc *svc;
    struct event_consumer_config cfg;
    const struct contract_method *pull;
    struct peer_link *link;
    struct loop_source *source;
    struct loop_timer *tick, *behind;
    char epoch[CONSUMER_EPOCH];
    int64_t cursor, head, tail;
    struct run waiting, flight;
    int64_t told; /* the cursor that the last pull said; below 0: it did not arrive */
    bool applying, pulling, want_pull;
    bool only_telling;      /* nothing is missing: the pull is not counted */
    bool pull_void;         /* the place it asked from is no longer ours */
    bool catching_up;       /* too far behind to follow PUB */
    bool stopped;           /* freed when the last answer owed has come */
    int64_t apply_after_ms; /* not before: the last one failed */
    int64_t pull_after_ms;
    int64_t last_heard_ms, last_pull_ms, last_alarm_ms;
    int64_t gaps, pulls, duplicates;
    unsigned limit; /* of the next pull */
    bool refused;
    int64_t answered_ms, fresh_ms;
    char note[EVENT_NOTE_MAX + 1];
    struct metric *lag_gauge, *gaps_total, *pulls_total, *duplicates_total;
};

/* True when what carries this epoch may be used; the first one seen is adopted. */
bool consumer_check_epoch(struct event_consumer *ec, const json_t *message);
/* Says that the stream is not the one our cursor counts in. */
void consumer_refuse(struct event_consumer *ec, const char *theirs);
void consumer_note_head(struct event_consumer *ec, const json_t *message);
/* A head that was just read from the database has come and been noted. */
void consumer_note_answer(struct event_consumer *ec);
/* Tells the owner of the consumer that something was heard. */
void consumer_heard(struct event_consumer *ec);
/* Appends an event that continues the tail; `hole` allows it to jump (a pull's first one:
 * what lies between was deleted by retention and nobody can deliver it any more). */
void consumer_append(struct event_consumer *ec, const json_t *event, bool hole);
/* Does what can be done now: hands events to apply, pulls. */
void consumer_work(struct event_consumer *ec);
void consumer_free(struct event_consumer *ec);
/* Pulls when that is wanted and possible. */
void consumer_pull(struct event_consumer *ec);

#endif
