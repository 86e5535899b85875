/*
 * Who is alive, and how we know: replicas by their beats. Pure rules, no I/O: time comes
 * in as a parameter.
 *
 * A beat says ready, not ready or draining. Silence is not yet a verdict: after SILENT_MS
 * the app probes the replica's control port, and the two facts together tell a crash
 * (nobody listens) from a frozen loop (connected, no answer) from lost beats (answers).
 */
#ifndef MONITOR_REPLICA_H
#define MONITOR_REPLICA_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/jsonw.h"
#include "base/str.h"
#include "monitor/change.h"
#include "monitor/sample.h"
#include "monitor/scale.h"

enum {
    REPLICAS_MAX = 128,
    REPLICA_SILENT_MS = 2500, /* two beats missed and a margin */
    REPLICA_STALE_MS = 2000,  /* an older beat is history, never evidence of life */
    REPLICA_FORGET_MS = 300000,
};

enum replica_status {
    REPLICA_UP,
    REPLICA_NOT_READY,
    REPLICA_DRAINING,
    REPLICA_STOPPED,       /* said farewell */
    REPLICA_SILENT,        /* beats stopped, not probed yet */
    REPLICA_CRASHED,       /* no farewell, nobody listens */
    REPLICA_FROZEN,        /* connected, but its loop does not answer */
    REPLICA_MUTE,          /* answers, but its beats do not arrive */
    REPLICA_WRONG_VERSION, /* ready, but not of the version that should run */
    REPLICA_STATUSES
};

enum replica_probe { PROBE_NONE, PROBE_ANSWERED, PROBE_NO_ANSWER, PROBE_UNREACHABLE };

struct replica {
    char service[32], instance[64], version[32], boot_id[40], control[80];
    char state[16], why[120];
    int64_t first_ms, last_ms; /* monotonic, of receipt */
    int64_t uptime_s, pid, rss_kib, cpu_us, cpu_permille;
    double loadavg[3]; /* of its host; the first below 0: not told */
    int64_t at_us;     /* wall, of the sender's last beat */
    int64_t since_us;  /* wall, of the last change of status */
    bool farewell;
    bool first_boot; /* heard, and not yet looked whether its start is news */
    int restarts;
    enum replica_probe probe;
    int64_t probed_ms;
    bool probing;
    enum replica_status shown; /* as last noted in `changes` */
    json_t *load;              /* object as it came */
    struct sample *sample;
};

struct replicas {
    struct replica *r[REPLICAS_MAX];
    unsigned n;
    struct changes changes;
    struct scales scales;
    const char *version; /* that should run; NULL: any will do */
    bool recalled;       /* it is known what was on record before us */
    int64_t recorded_us; /* wall: until then somebody kept a record of starts */
    /* Told of slots that history keeps; may be NULL. */
    void (*keep)(void *arg, const struct replica *r, int tier, int64_t start_s,
                 const struct figure_slot *slot);
    void *arg;
};

/* A beat or farewell from the peer whose certificate says `sender`. False: refused
 * (another service's name in the text, no instance, too old, table full). */
bool replicas_beat(struct replicas *t, const char *sender, const json_t *beat,
                   int64_t now_ms, int64_t wall_us);
bool replicas_bye(struct replicas *t, const char *sender, const json_t *bye,
                  int64_t now_ms, int64_t wall_us);
/* The verdict; evidence receives one plain sentence. version: that should run, or NULL.
 */
enum replica_status replica_status(const struct replica *r, const char *version,
                                   int64_t now_ms, char evidence[static 200]);
const char *replica_status_name(enum replica_status s);
/* The outcome of a probe of the control port. */
void replica_probed(struct replica *r, enum replica_probe outcome, int64_t now_ms);
/* Should be probed now: silent, and not asked within the last two seconds. */
bool replica_wants_probe(const struct replica *r, int64_t now_ms);
/* What is on record ends at recorded_us (0: nothing is): of replicas heard for the first
 * time, only those that started later are noted as started. Until then they wait. */
void replicas_recalled(struct replicas *t, int64_t recorded_us);
/* Once a second: notes changes of state and of number, forgets what is long gone. */
void replicas_tick(struct replicas *t, int64_t now_ms, int64_t wall_us);
/* Hands over everything that history should have, before the end. */
void replicas_flush(struct replicas *t, int64_t wall_us);
/* Hands over what long slots have so far. */
void replicas_checkpoint(struct replicas *t);
struct replica *replicas_find(const struct replicas *t, struct str instance);
/* Its process is there: up, not ready, draining or of the wrong version. */
bool replica_is_live(enum replica_status s);
/* The same, of a replica as it stands at now_ms. */
bool replicas_is_live(const struct replicas *t, const struct replica *r, int64_t now_ms);
/* No longer shown. False: it is there, so it would only come back. */
bool replicas_forget(struct replicas *t, struct replica *r, int64_t now_ms,
                     int64_t wall_us, const char *who);
void replicas_deinit(struct replicas *t);

#endif
