#include "monitor/attention.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "monitor/overview.h"
#include "monitor/watch.h"

enum { LAG_MUCH = 1000, OLDEST_MUCH_S = 300, LINE = 300 };

struct line {
    const char *level, *kind, *subject;
    char title[LINE], text[LINE], page[160];
    const char *label;
    int64_t since_us;
};

static void write_line(const struct line *l, struct jsonw *w)
{
    jw_object(w);
    jw_kcstr(w, "level", l->level);
    jw_kcstr(w, "kind", l->kind);
    jw_kcstr(w, "subject", l->subject);
    jw_kcstr(w, "title", l->title);
    jw_kcstr(w, "text", l->text);
    jw_kcstr(w, "page", l->page);
    jw_kcstr(w, "label", l->label);
    api_ktime(w, "since", l->since_us);
    jw_object_end(w);
}

/* ---- replicas ---- */

static const struct {
    const char *level; /* NULL: nothing to tell */
    const char *words;
} SAID[REPLICA_STATUSES] = {
    [REPLICA_NOT_READY] = { "attention", "is not ready" },
    [REPLICA_SILENT] = { "attention", "has fallen silent" },
    [REPLICA_CRASHED] = { "broken", "has crashed" },
    [REPLICA_FROZEN] = { "broken", "is frozen" },
    [REPLICA_MUTE] = { "attention", "cannot be heard" },
    [REPLICA_WRONG_VERSION] = { "attention", "has the wrong version" },
};

static void write_replicas(const struct monitor_app *app, const char *level,
                           struct jsonw *w)
{
    int64_t now_ms = clock_mono_ms();
    for (unsigned i = 0; i < app->replicas.n; i++) {
        const struct replica *r = app->replicas.r[i];
        char evidence[200];
        enum replica_status s =
            replica_status(r, app->replicas.version, now_ms, evidence);
        if (!SAID[s].level || strcmp(SAID[s].level, level) != 0)
            continue;
        struct line l = { .level = level,
                          .kind = s == REPLICA_WRONG_VERSION ? "version" : "replica",
                          .subject = r->instance,
                          .label = "Evidence",
                          .since_us = r->since_us };
        snprintf(l.title, LINE, "%s %s.", r->instance, SAID[s].words);
        snprintf(l.text, LINE, "%s", evidence);
        snprintf(l.page, sizeof l.page, "workers/%s", r->instance);
        write_line(&l, w);
    }
}

/* ---- services ---- */

/* A replica that should serve and does not has a line of its own; one that left or takes
 * no work on purpose has none, so it is its service that is looked at. */
static struct presence_count count_service(const struct monitor_app *app,
                                           struct str service)
{
    char evidence[200];
    int64_t now_ms = clock_mono_ms();
    struct presence_count n = { 0 };
    for (unsigned i = 0; i < app->replicas.n; i++) {
        const struct replica *r = app->replicas.r[i];
        if (!str_eq(str_of(r->service), service))
            continue;
        enum replica_status s =
            replica_status(r, app->replicas.version, now_ms, evidence);
        n.draining += s == REPLICA_DRAINING;
        n.stopped += s == REPLICA_STOPPED;
        n.serving += s != REPLICA_DRAINING && s != REPLICA_STOPPED;
    }
    return n;
}

void attention_tick(struct monitor_app *app)
{
    struct str rest = str_of(app->cfg->expect), name;
    int64_t wanted;
    while (overview_next_expected(&rest, &name, &wanted)) {
        struct presence_count n = count_service(app, name);
        presence_note(&app->presences, name, wanted, &n, clock_mono_ms(),
                      clock_wall_us());
    }
}

static void say_missed(const struct presence *p, struct line *l)
{
    if (p->count.serving > 0)
        snprintf(l->title, LINE, "%s has %u of %lld replicas.", p->service,
                 p->count.serving, (long long)p->wanted);
    else if (!p->heard)
        snprintf(l->title, LINE, "%s was never seen.", p->service);
    else if (p->count.draining > 0)
        snprintf(l->title, LINE, "%s takes no work.", p->service);
    else
        snprintf(l->title, LINE, "%s is not running.", p->service);
    snprintf(l->text, LINE,
             "MONITOR_EXPECT asks for %lld: %u should serve now, %u drain, %u said "
             "farewell.",
             (long long)p->wanted, p->count.serving, p->count.draining, p->count.stopped);
}

static void write_missing_services(const struct monitor_app *app, struct jsonw *w)
{
    int64_t now_ms = clock_mono_ms();
    for (unsigned i = 0; i < app->presences.n; i++) {
        const struct presence *p = &app->presences.p[i];
        struct line l = { .level = "broken",
                          .kind = "unseen",
                          .subject = p->service,
                          .page = "workers",
                          .label = "Workers",
                          .since_us = p->since_us };
        if (!presence_is_missed(p, now_ms))
            continue;
        say_missed(p, &l);
        write_line(&l, w);
    }
}

/* ---- mail ---- */

static void write_missed(const struct monitor_app *app, struct jsonw *w)
{
    int64_t missed = watch_missed(app->watch), dead = watch_dead(app->watch);
    struct line l = { .level = "attention", .kind = "missed", .subject = "mail" };
    if (missed > 0) {
        l.label = "Look and resend";
        snprintf(l.title, LINE,
                 missed == 1 ? "%lld person did not get their mail."
                             : "%lld people did not get their mail.",
                 (long long)missed);
        snprintf(l.text, LINE, "%s", watch_missed_text(app->watch));
        snprintf(l.page, sizeof l.page, "missed");
        write_line(&l, w);
    }
    if (dead > 0) {
        l.kind = "dead";
        l.label = "Dead letters";
        snprintf(l.title, LINE,
                 dead == 1 ? "%lld mail was given up." : "%lld mails were given up.",
                 (long long)dead);
        snprintf(l.text, LINE, "Refused for good, or too often.");
        snprintf(l.page, sizeof l.page, "dead");
        write_line(&l, w);
    }
}

static void write_unknown(const struct monitor_app *app, struct jsonw *w)
{
    static const struct {
        const char *title, *text;
    } GAPS[] = {
        [WATCH_NO_ANSWER] = { "How the mails stand is not known.",
                              "The mailer does not tell it" },
        [WATCH_NOT_COMPARED] = { "Who did not get their mail is not known.",
                                 "The mailer cannot compare its mails with auth's "
                                 "events" },
    };
    enum { TIME_OF_DAY = 11 }; /* where it stands in a date and time */
    char at[CLOCK_TEXT_SIZE];
    struct line l = { .level = "attention",
                      .kind = "unknown",
                      .subject = "mail",
                      .page = "workers?service=mailer",
                      .label = "Look at the mailers" };
    enum watch_gap gap = watch_gap(app->watch, &l.since_us);
    if (gap == WATCH_KNOWN)
        return;
    snprintf(l.title, LINE, "%s", GAPS[gap].title);
    snprintf(l.text, LINE, "%s: not since %.8s UTC. A dash stands for what is not known.",
             GAPS[gap].text, clock_text(l.since_us, at) + TIME_OF_DAY);
    write_line(&l, w);
}

static void write_queue(const struct monitor_app *app, struct jsonw *w)
{
    struct line l = { .level = "attention",
                      .kind = "queue",
                      .subject = "mail",
                      .label = "Look at the queue" };
    snprintf(l.page, sizeof l.page, "flow");
    if (watch_queue_stands(app->watch, l.title, l.text, LINE))
        write_line(&l, w);
    int64_t oldest = watch_oldest_s(app->watch);
    if (oldest < OLDEST_MUCH_S)
        return;
    snprintf(l.title, LINE, "Mail is late.");
    snprintf(l.text, LINE, "The oldest mail that is due has waited for %lld min.",
             (long long)oldest / 60);
    write_line(&l, w);
}

static void write_lag(const struct monitor_app *app, struct jsonw *w)
{
    for (unsigned i = 0; i < app->replicas.n; i++) {
        const struct replica *r = app->replicas.r[i];
        int64_t lag = json_integer_value(json_object_get(r->load, "lag"));
        if (lag < LAG_MUCH || r->farewell)
            continue;
        struct line l = { .level = "attention",
                          .kind = "lag",
                          .subject = r->instance,
                          .label = "Look at the flow" };
        snprintf(l.title, LINE, "%s is behind.", r->instance);
        snprintf(l.text, LINE, "%lld events of auth are not applied there yet.",
                 (long long)lag);
        snprintf(l.page, sizeof l.page, "flow");
        write_line(&l, w);
    }
}

static void write_history(const struct monitor_app *app, struct jsonw *w)
{
    struct line l = { .level = "attention",
                      .kind = "history",
                      .subject = "monitor",
                      .label = "Look at the monitor" };
    if (!app->svc->db || db_ready(app->svc->db))
        return;
    snprintf(l.title, LINE, "History is not being kept.");
    snprintf(l.text, LINE,
             "The monitor's database does not answer: what is shown is live only, and "
             "nothing can be acted on that must be recorded.");
    snprintf(l.page, sizeof l.page, "workers/%s", app->svc->instance);
    write_line(&l, w);
}

void attention_write(const struct monitor_app *app, struct jsonw *w)
{
    jw_key(w, "attention");
    jw_array(w);
    write_replicas(app, "broken", w);
    write_missing_services(app, w);
    write_replicas(app, "attention", w);
    write_missed(app, w);
    write_unknown(app, w);
    write_queue(app, w);
    write_lag(app, w);
    write_history(app, w);
    jw_array_end(w);
}
