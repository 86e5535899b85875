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
    REPLICA_STOPPED, /* said farewell */
    REPLICA_SILENT,  /* beats stopped, not probed yet */
    REPLICA_CRASHED, /* no farewell, nobody listens */
    REPLICA_FROZEN,  /* connected, but its loop does not answer */
    REPLICA_MUTE,    /* answers, but its beats do not arrive */
};

enum replica_probe { PROBE_NONE, PROBE_ANSWERED, PROBE_NO_ANSWER, PROBE_UNREACHABLE };

struct replica {
    char service[32], instance[64], version[32], boot_id[40], control[80];
    char state[16], why[120];
    int64_t first_ms, last_ms; /* monotonic, of receipt */
    int64_t uptime_s, pid, rss_kib, cpu_us, cpu_permille;
    int64_t at_us; /* wall, of the sender's last beat */
    bool farewell;
    int restarts;
    enum replica_probe probe;
    int64_t probed_ms;
    bool probing;
    enum replica_status shown; /* as last noted in `changes` */
    char *load;                /* JSON object as it came; heap */
};

enum { CHANGES_MAX = 40 };

struct replica_change {
    int64_t wall_us;
    char text[160];
};

struct replicas {
    struct replica *r[REPLICAS_MAX];
    unsigned n;
    struct replica_change changes[CHANGES_MAX]; /* ring, newest at (next - 1) */
    unsigned next, nchanges;
};

/* A beat or farewell from the peer whose certificate says `sender`. False: refused
 * (another service's name in the text, no instance, too old, table full). */
bool replicas_beat(struct replicas *t, const char *sender, const json_t *beat,
                   int64_t now_ms, int64_t wall_us);
bool replicas_bye(struct replicas *t, const char *sender, const json_t *bye,
                  int64_t now_ms, int64_t wall_us);
/* The verdict; evidence receives one plain sentence. */
enum replica_status replica_status(const struct replica *r, int64_t now_ms,
                                   char evidence[static 200]);
const char *replica_status_name(enum replica_status s);
/* The outcome of a probe of the control port. */
void replica_probed(struct replica *r, enum replica_probe outcome, int64_t now_ms);
/* Should be probed now: silent, and not asked within the last two seconds. */
bool replica_wants_probe(const struct replica *r, int64_t now_ms);
/* Once a second: notes changes of state, forgets what is long gone. */
void replicas_tick(struct replicas *t, int64_t now_ms, int64_t wall_us);
/* {"services":[...],"changes":[...]}: members into an open object. expect: comma list. */
void replicas_write(const struct replicas *t, const char *expect, int64_t now_ms,
                    struct jsonw *w);
void replicas_deinit(struct replicas *t);

#endif
