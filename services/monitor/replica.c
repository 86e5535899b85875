#include "monitor/replica.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "monitor/message.h"

static const char *const STATUS_NAMES[] = {
    [REPLICA_UP] = "up",
    [REPLICA_NOT_READY] = "not ready",
    [REPLICA_DRAINING] = "draining",
    [REPLICA_STOPPED] = "stopped",
    [REPLICA_SILENT] = "silent",
    [REPLICA_CRASHED] = "crashed",
    [REPLICA_FROZEN] = "frozen",
    [REPLICA_MUTE] = "mute",
    [REPLICA_WRONG_VERSION] = "wrong version",
};

const char *replica_status_name(enum replica_status s)
{
    return STATUS_NAMES[s];
}

static struct replica *find(struct replicas *t, const char *service, const char *instance)
{
    for (unsigned i = 0; i < t->n; i++)
        if (strcmp(t->r[i]->service, service) == 0 &&
            strcmp(t->r[i]->instance, instance) == 0)
            return t->r[i];
    return NULL;
}

static void drop(struct replicas *t, unsigned i)
{
    json_decref(t->r[i]->load);
    free(t->r[i]->sample);
    free(t->r[i]);
    memmove(&t->r[i], &t->r[i + 1], (t->n - i - 1) * sizeof t->r[0]);
    t->n--;
}

/* Somebody new answers where this one did: the old process is gone for certain. */
static void drop_predecessor(struct replicas *t, const struct replica *now)
{
    for (unsigned i = 0; i < t->n; i++) {
        struct replica *r = t->r[i];
        if (r == now || strcmp(r->service, now->service) != 0 ||
            strcmp(r->control, now->control) != 0 || r->last_ms >= now->last_ms)
            continue;
        drop(t, i--);
    }
}

static struct replica *add(struct replicas *t, const char *service, const char *instance,
                           int64_t now_ms)
{
    if (t->n == REPLICAS_MAX)
        return NULL;
    struct replica *r = xcalloc(1, sizeof *r);
    snprintf(r->service, sizeof r->service, "%s", service);
    snprintf(r->instance, sizeof r->instance, "%s", instance);
    r->first_ms = r->last_ms = now_ms;
    r->shown = REPLICA_UP;
    r->sample = xcalloc(1, sizeof *r->sample);
    /* Kept sorted by service and instance, so that a page never reorders itself. */
    unsigned at = t->n++;
    while (at > 0 && (strcmp(t->r[at - 1]->service, service) > 0 ||
                      (strcmp(t->r[at - 1]->service, service) == 0 &&
                       strcmp(t->r[at - 1]->instance, instance) > 0))) {
        t->r[at] = t->r[at - 1];
        at--;
    }
    t->r[at] = r;
    return r;
}

/* The replica a message speaks for; NULL when its text claims what its key does not. */
static struct replica *speaker(struct replicas *t, const char *sender, const json_t *m,
                               int64_t now_ms, bool create)
{
    const char *service = json_string_value(json_object_get(m, "service"));
    const char *instance = json_string_value(json_object_get(m, "instance"));
    if (!service || !instance || !*instance || strcmp(service, sender) != 0)
        return NULL;
    struct replica *r = find(t, service, instance);
    return r || !create ? r : add(t, service, instance, now_ms);
}

/* True when this is another process than before. */
static bool note_boot(struct replicas *t, struct replica *r, const char *boot_id,
                      const char *version, int64_t wall_us)
{
    struct changes *c = &t->changes;
    if (!r->boot_id[0]) {
        r->since_us = wall_us;
        r->first_boot = true;
        return false;
    }
    if (strcmp(r->boot_id, boot_id) == 0)
        return false;
    r->first_boot = false;
    r->restarts++;
    r->shown = REPLICA_UP;
    r->since_us = wall_us;
    changes_note(c, wall_us, "restarted", r->instance, "", "%s %s", r->instance,
                 r->farewell ? "restarted"
                             : "came back after it went without a farewell");
    if (strcmp(r->version, version) != 0)
        changes_note(c, wall_us, "version", r->instance, "", "%s %s \u2192 %s",
                     r->instance, r->version, version);
    return true;
}

static void read_loadavg(struct replica *r, const json_t *told)
{
    for (size_t i = 0; i < ARRAY_LEN(r->loadavg); i++) {
        const json_t *n = json_array_get(told, i);
        r->loadavg[i] = json_is_number(n) ? json_number_value(n) : -1;
    }
}

static void read_cpu(struct replica *r, const json_t *beat, int64_t now_ms)
{
    int64_t cpu = message_int(beat, "cpu_us");
    int64_t elapsed_ms = now_ms - r->last_ms;
    if (r->cpu_us > 0 && cpu >= r->cpu_us && elapsed_ms > 0)
        r->cpu_permille = (cpu - r->cpu_us) / elapsed_ms;
    r->cpu_us = cpu;
}

struct keeper {
    struct replicas *t;
    const struct replica *r;
};

static void keep(void *arg, int tier, int64_t start_s, const struct figure_slot *slot)
{
    const struct keeper *k = arg;
    if (k->t->keep)
        k->t->keep(k->t->arg, k->r, tier, start_s, slot);
}

/* Where a gauge stands in the beat's load; the first that is there counts. */
static int64_t read_gauge(const json_t *load, enum figure_gauge g)
{
    static const char *const KEYS[FIGURE_GAUGES][2] = {
        [GAUGE_IN_FLIGHT] = { "http_in_flight", "in_flight" },
        [GAUGE_QUEUE] = { "ready", NULL },
        [GAUGE_OLDEST_S] = { "oldest_s", NULL },
        [GAUGE_OUTBOX] = { "event_backlog", NULL },
        [GAUGE_LAG] = { "lag", NULL },
        [GAUGE_HASH_QUEUE] = { "hash_queue", NULL },
    };
    for (size_t i = 0; i < 2 && KEYS[g][i]; i++) {
        const json_t *v = json_object_get(load, KEYS[g][i]);
        if (json_is_integer(v) && json_integer_value(v) >= 0)
            return json_integer_value(v);
    }
    return -1;
}

static void sample(struct replicas *t, struct replica *r, const json_t *beat,
                   int64_t wall_us, bool restarted)
{
    struct keeper k = { t, r };
    struct figures totals;
    int64_t gauges[FIGURE_GAUGES];
    for (int g = 0; g < FIGURE_GAUGES; g++)
        gauges[g] = read_gauge(r->load, (enum figure_gauge)g);
    gauges[GAUGE_RSS_KIB] = r->rss_kib;
    gauges[GAUGE_CPU_PERMILLE] = r->cpu_permille;
    figures_read(beat, &totals);
    sample_beat(r->sample, &totals, gauges, wall_us, restarted, keep, &k);
}

bool replicas_beat(struct replicas *t, const char *sender, const json_t *beat,
                   int64_t now_ms, int64_t wall_us)
{
    char boot_id[sizeof((struct replica *)0)->boot_id];
    char version[sizeof((struct replica *)0)->version];
    int64_t at_us = message_int(beat, "at_us");
    if (at_us < wall_us - REPLICA_STALE_MS * 1000)
        return false;
    struct replica *r = speaker(t, sender, beat, now_ms, true);
    if (!r)
        return false;
    message_text(beat, "boot_id", boot_id, sizeof boot_id);
    message_text(beat, "version", version, sizeof version);
    bool restarted = note_boot(t, r, boot_id, version, wall_us);
    memcpy(r->version, version, sizeof r->version);
    message_text(beat, "boot_id", r->boot_id, sizeof r->boot_id);
    message_text(beat, "control", r->control, sizeof r->control);
    message_text(beat, "state", r->state, sizeof r->state);
    message_text(beat, "why", r->why, sizeof r->why);
    read_cpu(r, beat, now_ms);
    r->uptime_s = message_int(beat, "uptime_s");
    r->pid = message_int(beat, "pid");
    r->rss_kib = message_int(beat, "rss_kib");
    read_loadavg(r, json_object_get(beat, "loadavg"));
    r->at_us = at_us;
    r->last_ms = now_ms;
    r->farewell = false;
    r->probe = PROBE_NONE;
    json_decref(r->load);
    r->load = json_incref(json_object_get(beat, "load"));
    sample(t, r, beat, wall_us, restarted);
    drop_predecessor(t, r);
    return true;
}

bool replicas_bye(struct replicas *t, const char *sender, const json_t *bye,
                  int64_t now_ms, int64_t wall_us)
{
    char boot_id[sizeof((struct replica *)0)->boot_id];
    struct replica *r = speaker(t, sender, bye, now_ms, false);
    message_text(bye, "boot_id", boot_id, sizeof boot_id);
    if (!r || strcmp(r->boot_id, boot_id) != 0)
        return false;
    r->farewell = true;
    r->last_ms = now_ms;
    r->shown = REPLICA_STOPPED;
    r->since_us = wall_us;
    changes_note(&t->changes, wall_us, "stopped", r->instance, "", "%s stopped cleanly",
                 r->instance);
    return true;
}

void replica_probed(struct replica *r, enum replica_probe outcome, int64_t now_ms)
{
    r->probe = outcome;
    r->probed_ms = now_ms;
    r->probing = false;
}

bool replica_wants_probe(const struct replica *r, int64_t now_ms)
{
    enum { AGAIN_MS = 2000 };
    if (r->farewell || r->probing || now_ms - r->last_ms < REPLICA_SILENT_MS)
        return false;
    return r->probe == PROBE_NONE || now_ms - r->probed_ms > AGAIN_MS;
}

static enum replica_status silent_status(const struct replica *r)
{
    static const enum replica_status by_probe[] = {
        [PROBE_NONE] = REPLICA_SILENT,
        [PROBE_ANSWERED] = REPLICA_MUTE,
        [PROBE_NO_ANSWER] = REPLICA_FROZEN,
        [PROBE_UNREACHABLE] = REPLICA_CRASHED,
    };
    return by_probe[r->probe];
}

enum replica_status replica_status(const struct replica *r, const char *version,
                                   int64_t now_ms, char evidence[static 200])
{
    static const char *const said[] = {
        [PROBE_NONE] = "not asked yet",
        [PROBE_ANSWERED] = "its control port answers, so only its beats are lost",
        [PROBE_NO_ANSWER] = "its control port accepts but does not answer",
        [PROBE_UNREACHABLE] = "no farewell, and nobody listens on its control port",
    };
    double age = (double)(now_ms - r->last_ms) / 1000;
    if (r->farewell) {
        snprintf(evidence, 200, "Said farewell %.0f s ago.", age);
        return REPLICA_STOPPED;
    }
    if (now_ms - r->last_ms >= REPLICA_SILENT_MS) {
        snprintf(evidence, 200, "Last beat %.0f s ago; %s.", age, said[r->probe]);
        return silent_status(r);
    }
    snprintf(evidence, 200, "Beats every second, the last one %.1f s ago%s%s.", age,
             r->why[0] ? "; it says: " : "", r->why);
    if (strcmp(r->state, "ready") != 0)
        return strcmp(r->state, "draining") == 0 ? REPLICA_DRAINING : REPLICA_NOT_READY;
    if (!version || strcmp(version, r->version) == 0)
        return REPLICA_UP;
    snprintf(evidence, 200, "Ready, but it runs %s where %s should run.", r->version,
             version);
    return REPLICA_WRONG_VERSION;
}

bool replica_is_live(enum replica_status s)
{
    return s == REPLICA_UP || s == REPLICA_NOT_READY || s == REPLICA_DRAINING ||
           s == REPLICA_WRONG_VERSION;
}

bool replicas_is_live(const struct replicas *t, const struct replica *r, int64_t now_ms)
{
    char evidence[200];
    return replica_is_live(replica_status(r, t->version, now_ms, evidence));
}

/* As a sentence goes on after the name. */
static const char *const BECAME[REPLICA_STATUSES] = {
    [REPLICA_UP] = "is up",
    [REPLICA_NOT_READY] = "is not ready",
    [REPLICA_DRAINING] = "drains",
    [REPLICA_STOPPED] = "stopped cleanly",
    [REPLICA_SILENT] = "fell silent",
    [REPLICA_CRASHED] = "crashed",
    [REPLICA_FROZEN] = "froze",
    [REPLICA_MUTE] = "cannot be heard",
    [REPLICA_WRONG_VERSION] = "has the wrong version",
};

void replicas_recalled(struct replicas *t, int64_t recorded_us)
{
    t->recalled = true;
    t->recorded_us = recorded_us;
}

/* Heard for the first time is not started: it may have run long before us. */
static void note_start(struct replicas *t, struct replica *r)
{
    enum { INEXACT_US = 1000000 }; /* uptimes are whole seconds */
    int64_t started_us = r->at_us - r->uptime_s * 1000000;
    if (!r->first_boot || !t->recalled)
        return;
    r->first_boot = false;
    if (started_us > t->recorded_us + INEXACT_US)
        changes_note(&t->changes, started_us, "started", r->instance, "",
                     "%s started (%s)", r->instance, r->version);
}

static void flush(struct replicas *t, struct replica *r, int64_t wall_us, bool all)
{
    struct keeper k = { t, r };
    sample_flush(r->sample, wall_us, all, keep, &k);
}

/* Those of one service; they stand together. False: there is no further service. */
static bool count_service(const struct replicas *t, unsigned *at, int64_t now_ms,
                          int *ret_live, int *ret_broken)
{
    char evidence[200];
    unsigned first = *at;
    *ret_live = *ret_broken = 0;
    for (; *at < t->n && strcmp(t->r[*at]->service, t->r[first]->service) == 0; ++*at) {
        enum replica_status s = replica_status(t->r[*at], t->version, now_ms, evidence);
        *ret_live += replica_is_live(s);
        *ret_broken += !replica_is_live(s) && s != REPLICA_STOPPED;
    }
    return *at > first;
}

static void note_scale(struct replicas *t, int64_t now_ms, int64_t wall_us)
{
    unsigned at = 0, first = 0;
    int live, broken;
    for (; count_service(t, &at, now_ms, &live, &broken); first = at)
        scale_note(&t->scales, &t->changes, t->r[first]->service, live, broken, now_ms,
                   wall_us);
}

/* Not shown any more; what said farewell has left long before. */
static void drop_gone(struct replicas *t, unsigned i)
{
    if (!t->r[i]->farewell)
        scale_lost(&t->scales, t->r[i]->service);
    drop(t, i);
}

void replicas_tick(struct replicas *t, int64_t now_ms, int64_t wall_us)
{
    char evidence[200];
    for (unsigned i = 0; i < t->n; i++) {
        struct replica *r = t->r[i];
        enum replica_status s = replica_status(r, t->version, now_ms, evidence);
        flush(t, r, wall_us, false);
        note_start(t, r);
        if (now_ms - r->last_ms > REPLICA_FORGET_MS) {
            changes_note(&t->changes, wall_us, "gone", r->instance, "",
                         "%s is no longer shown", r->instance);
            drop_gone(t, i--);
            continue;
        }
        if (s == r->shown || s == REPLICA_SILENT)
            continue;
        r->shown = s;
        r->since_us = wall_us;
        changes_note(&t->changes, wall_us, STATUS_NAMES[s], r->instance, "", "%s %s",
                     r->instance, BECAME[s]);
    }
    note_scale(t, now_ms, wall_us);
}

void replicas_flush(struct replicas *t, int64_t wall_us)
{
    for (unsigned i = 0; i < t->n; i++)
        flush(t, t->r[i], wall_us, true);
}

void replicas_checkpoint(struct replicas *t)
{
    for (unsigned i = 0; i < t->n; i++) {
        struct keeper k = { t, t->r[i] };
        sample_checkpoint(t->r[i]->sample, keep, &k);
    }
}

struct replica *replicas_find(const struct replicas *t, struct str instance)
{
    for (unsigned i = 0; i < t->n; i++)
        if (str_eq(str_of(t->r[i]->instance), instance))
            return t->r[i];
    return NULL;
}

bool replicas_forget(struct replicas *t, struct replica *r, int64_t now_ms,
                     int64_t wall_us, const char *who)
{
    char evidence[200];
    enum replica_status s = replica_status(r, t->version, now_ms, evidence);
    if (s != REPLICA_STOPPED && s != REPLICA_CRASHED)
        return false;
    changes_note(&t->changes, wall_us, "gone", r->instance, who, "%s is no longer shown",
                 r->instance);
    flush(t, r, wall_us, true);
    for (unsigned i = 0; i < t->n; i++)
        if (t->r[i] == r) {
            drop_gone(t, i);
            break;
        }
    return true;
}

void replicas_deinit(struct replicas *t)
{
    while (t->n > 0)
        drop(t, t->n - 1);
}
