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
};

const char *replica_status_name(enum replica_status s)
{
    return STATUS_NAMES[s];
}

__attribute__((format(printf, 3, 4))) static void
note(struct replicas *t, int64_t wall_us, const char *fmt, ...)
{
    struct replica_change *c = &t->changes[t->next];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->text, sizeof c->text, fmt, ap);
    va_end(ap);
    c->wall_us = wall_us;
    t->next = (t->next + 1) % CHANGES_MAX;
    if (t->nchanges < CHANGES_MAX)
        t->nchanges++;
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
    free(t->r[i]->load);
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

static void note_boot(struct replicas *t, struct replica *r, const char *boot_id,
                      const char *version, int64_t wall_us)
{
    if (!r->boot_id[0])
        note(t, wall_us, "%s started (%s)", r->instance, version);
    else if (strcmp(r->boot_id, boot_id) != 0) {
        r->restarts++;
        r->shown = REPLICA_UP;
        note(t, wall_us, "%s %s", r->instance,
             r->farewell ? "restarted" : "came back after it went without a farewell");
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

bool replicas_beat(struct replicas *t, const char *sender, const json_t *beat,
                   int64_t now_ms, int64_t wall_us)
{
    char boot_id[sizeof((struct replica *)0)->boot_id];
    int64_t at_us = message_int(beat, "at_us");
    if (at_us < wall_us - REPLICA_STALE_MS * 1000)
        return false;
    struct replica *r = speaker(t, sender, beat, now_ms, true);
    if (!r)
        return false;
    message_text(beat, "boot_id", boot_id, sizeof boot_id);
    message_text(beat, "version", r->version, sizeof r->version);
    note_boot(t, r, boot_id, r->version, wall_us);
    message_text(beat, "boot_id", r->boot_id, sizeof r->boot_id);
    message_text(beat, "control", r->control, sizeof r->control);
    message_text(beat, "state", r->state, sizeof r->state);
    message_text(beat, "why", r->why, sizeof r->why);
    read_cpu(r, beat, now_ms);
    r->uptime_s = message_int(beat, "uptime_s");
    r->pid = message_int(beat, "pid");
    r->rss_kib = message_int(beat, "rss_kib");
    r->at_us = at_us;
    r->last_ms = now_ms;
    r->farewell = false;
    r->probe = PROBE_NONE;
    free(r->load);
    r->load = json_dumps(json_object_get(beat, "load"), JSON_COMPACT);
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
    note(t, wall_us, "%s stopped cleanly", r->instance);
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

enum replica_status replica_status(const struct replica *r, int64_t now_ms,
                                   char evidence[static 200])
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
    if (strcmp(r->state, "ready") == 0)
        return REPLICA_UP;
    return strcmp(r->state, "draining") == 0 ? REPLICA_DRAINING : REPLICA_NOT_READY;
}

void replicas_tick(struct replicas *t, int64_t now_ms, int64_t wall_us)
{
    char evidence[200];
    for (unsigned i = 0; i < t->n; i++) {
        struct replica *r = t->r[i];
        enum replica_status s = replica_status(r, now_ms, evidence);
        if (now_ms - r->last_ms > REPLICA_FORGET_MS) {
            drop(t, i--);
            continue;
        }
        if (s == r->shown || s == REPLICA_SILENT)
            continue;
        r->shown = s;
        note(t, wall_us, "%s is %s", r->instance, STATUS_NAMES[s]);
    }
}

static void write_replica(const struct replica *r, int64_t now_ms, struct jsonw *w)
{
    char evidence[200];
    enum replica_status s = replica_status(r, now_ms, evidence);
    jw_object(w);
    jw_kcstr(w, "instance", r->instance);
    jw_kcstr(w, "status", STATUS_NAMES[s]);
    jw_kcstr(w, "evidence", evidence);
    jw_kcstr(w, "version", r->version);
    jw_kcstr(w, "control", r->control);
    jw_kint(w, "pid", r->pid);
    jw_kint(w, "uptime_s", r->uptime_s);
    jw_kint(w, "silent_ms", now_ms - r->last_ms);
    jw_kint(w, "rss_kib", r->rss_kib);
    jw_kint(w, "cpu_permille", r->cpu_permille);
    jw_kint(w, "restarts", r->restarts);
    jw_kraw(w, "load", r->load ? str_of(r->load) : STR("{}"));
    jw_object_end(w);
}

static void write_service(const struct replicas *t, struct str name, int64_t now_ms,
                          struct jsonw *w)
{
    jw_object(w);
    jw_kstr(w, "name", name);
    jw_key(w, "replicas");
    jw_array(w);
    for (unsigned i = 0; i < t->n; i++)
        if (str_eq(str_of(t->r[i]->service), name))
            write_replica(t->r[i], now_ms, w);
    jw_array_end(w);
    jw_object_end(w);
}

static void write_changes(const struct replicas *t, struct jsonw *w)
{
    char at[CLOCK_TEXT_SIZE];
    jw_key(w, "changes");
    jw_array(w);
    for (unsigned i = 1; i <= t->nchanges; i++) {
        const struct replica_change *c =
            &t->changes[(t->next + CHANGES_MAX - i) % CHANGES_MAX];
        jw_object(w);
        jw_kcstr(w, "at", clock_text(c->wall_us, at));
        jw_kcstr(w, "text", c->text);
        jw_object_end(w);
    }
    jw_array_end(w);
}

void replicas_write(const struct replicas *t, const char *expect, int64_t now_ms,
                    struct jsonw *w)
{
    struct str rest = str_of(expect);
    jw_key(w, "services");
    jw_array(w);
    while (rest.p)
        write_service(t, str_trim(str_cut(&rest, ',')), now_ms, w);
    jw_array_end(w);
    write_changes(t, w);
}

void replicas_deinit(struct replicas *t)
{
    while (t->n > 0)
        drop(t, t->n - 1);
}
