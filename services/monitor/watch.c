#include "monitor/watch.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "monitor/app.h"
#include "monitor/missed.h"
#include "svc/events_parse.h"

enum {
    LOOKED_MS = 30000, /* so long after the last look it is asked often */
    SCAN_EVERY_MS = 15000,
    GRACE_S = 60, /* younger mails may still be on their way */
    HOURS = 24,
    HOUR_S = 3600,
};

struct poll {
    struct watch *watch;
    json_t *answer;
    int64_t answered_ms, asked_ms;
    bool asking;
};

enum what { QUEUE, COUNTS, STATS, POLLS };

struct watch {
    struct monitor_app *app;
    int64_t began_ms, looked_ms;
    int64_t old_ms; /* an older answer is none */
    struct poll poll[POLLS];
    struct missed_scan scan; /* under way */
    bool scanning;
    int64_t scanned_ms, scan_asked_ms; /* scanned: 0 before the first one */
    int64_t missed;
    char missed_text[256];
};

struct question {
    const char *method;
    int64_t every_ms;              /* while somebody looks */
    void (*body)(struct jsonw *w); /* its members; may be NULL */
};
static const struct question ASK[POLLS];

struct watch *watch_new(struct monitor_app *app)
{
    struct watch *w = xcalloc(1, sizeof *w);
    w->app = app;
    w->old_ms = app->cfg->stale_s * 1000;
    w->began_ms = clock_mono_ms();
    w->looked_ms = w->began_ms - LOOKED_MS;
    for (int i = 0; i < POLLS; i++)
        w->poll[i].watch = w;
    return w;
}

void watch_free(struct watch **wp)
{
    struct watch *w = *wp;
    if (!w)
        return;
    *wp = NULL;
    for (int i = 0; i < POLLS; i++)
        json_decref(w->poll[i].answer);
    free(w);
}

/* ---- asking ---- */

static void on_answer(void *arg, enum err e, const struct frame *reply)
{
    struct poll *p = arg;
    p->asking = false;
    if (e != ERR_OK)
        return;
    json_decref(p->answer);
    p->answer = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    p->answered_ms = clock_mono_ms();
}

static void ask(struct watch *w, int which)
{
    struct poll *p = &w->poll[which];
    const struct contract_method *m =
        contract_by_name(w->app->svc->contract, ASK[which].method);
    struct frame req = { .method = m->number };
    struct jsonw jw;
    AUTO_BUF struct buf body, meta;
    buf_init(&body, 1024);
    buf_init(&meta, FRAME_META_MAX);
    if (ASK[which].body) {
        jw_begin(&jw, &body);
        jw_object(&jw);
        ASK[which].body(&jw);
        jw_object_end(&jw);
        jw_end(&jw);
        record_add(&meta, REC_CONTENT_TYPE, STR("application/json"));
    }
    req.body = buf_get(&body);
    req.meta = buf_get(&meta);
    id_uuid7(req.request_id);
    p->asking = true;
    p->asked_ms = clock_mono_ms();
    rpc_call(w->app->mailer, &req, m->timeout_ms, false, on_answer, p);
}

/* ---- who did not get their mail ---- */

static void on_scanned(struct missed_scan *s, enum err e, const struct frame *reply)
{
    struct watch *w = s->arg;
    (void)reply;
    w->scanning = false;
    if (e == ERR_OK) {
        const char *text =
            json_string_value(json_object_get(json_array_get(s->rows, 0), "text"));
        w->missed = s->count;
        w->scanned_ms = clock_mono_ms();
        snprintf(w->missed_text, sizeof w->missed_text, "%s", text ? text : "");
    }
    missed_free(s);
}

static void scan(struct watch *w)
{
    static const int64_t BACK_US = INT64_C(3) * 86400 * 1000000;
    w->scan = (struct missed_scan){ .app = w->app,
                                    .grace_s = GRACE_S,
                                    .since_us = clock_wall_us() - BACK_US,
                                    .done = on_scanned,
                                    .arg = w };
    w->scanning = true;
    w->scan_asked_ms = clock_mono_ms();
    missed_scan(&w->scan);
}

void watch_wanted(struct watch *w)
{
    w->looked_ms = clock_mono_ms();
}

static bool is_due(int64_t asked_ms, int64_t every_ms)
{
    return asked_ms == 0 || clock_mono_ms() - asked_ms >= every_ms;
}

/* Often enough for one answer to be missed. Comparing costs more, so it is done less
 * often, and lasts as much longer. */
static int64_t idle_ms(const struct watch *w)
{
    return w->old_ms / 2;
}

static int64_t scan_idle_ms(const struct watch *w)
{
    return w->old_ms * 2;
}

static int64_t scan_old_ms(const struct watch *w)
{
    return w->old_ms * 3;
}

static int64_t every_ms(bool looked, int64_t often_ms, int64_t idle)
{
    return looked && often_ms < idle ? often_ms : idle;
}

void watch_tick(struct watch *w)
{
    bool looked = clock_mono_ms() - w->looked_ms <= LOOKED_MS;
    struct rpc_client_state mailer;
    rpc_client_state(w->app->mailer, &mailer);
    if (mailer.live == 0)
        return;
    for (int i = 0; i < POLLS; i++)
        if (!w->poll[i].asking &&
            is_due(w->poll[i].asked_ms, every_ms(looked, ASK[i].every_ms, idle_ms(w))))
            ask(w, i);
    if (!w->scanning &&
        is_due(w->scan_asked_ms, every_ms(looked, SCAN_EVERY_MS, scan_idle_ms(w))))
        scan(w);
}

void watch_stale(struct watch *w)
{
    w->scan_asked_ms = 0;
    for (int i = 0; i < POLLS; i++)
        w->poll[i].asked_ms = 0;
}

/* ---- answers ---- */

static const json_t *answer_of(const struct watch *w, enum what which)
{
    const struct poll *p = &w->poll[which];
    return p->answer && clock_mono_ms() - p->answered_ms < w->old_ms ? p->answer : NULL;
}

static int64_t integer_of(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

/* Of an answer that may be missing. */
static int64_t figure_of(const json_t *answer, const json_t *o, const char *key)
{
    return answer ? integer_of(o, key) : -1;
}

int64_t watch_missed(const struct watch *w)
{
    bool known = w->scanned_ms > 0 && clock_mono_ms() - w->scanned_ms < scan_old_ms(w);
    return known ? w->missed : -1;
}

const char *watch_missed_text(const struct watch *w)
{
    return w->missed_text;
}

int64_t watch_dead(const struct watch *w)
{
    const json_t *answer = answer_of(w, COUNTS);
    return figure_of(answer, json_object_get(answer, "counts"), "dead");
}

const json_t *watch_queue(const struct watch *w)
{
    return answer_of(w, QUEUE);
}

int64_t watch_oldest_s(const struct watch *w)
{
    const json_t *answer = answer_of(w, QUEUE);
    return figure_of(answer, answer, "oldest_s");
}

void watch_write_figure(struct jsonw *out, const char *key, int64_t figure)
{
    if (figure < 0)
        jw_knull(out, key);
    else
        jw_kint(out, key, figure);
}

/* When it was last known; our own start when it never was. */
static int64_t known_ms(const struct watch *w, int64_t answered_ms)
{
    return answered_ms > 0 ? answered_ms : w->began_ms;
}

enum watch_gap watch_gap(const struct watch *w, int64_t *ret_since_us)
{
    int64_t now = clock_mono_ms(), answered = now;
    int64_t scanned = known_ms(w, w->scanned_ms);
    for (int i = 0; i < POLLS; i++) {
        int64_t at = known_ms(w, w->poll[i].answer ? w->poll[i].answered_ms : 0);
        answered = at < answered ? at : answered;
    }
    bool silent = now - answered >= w->old_ms;
    *ret_since_us = clock_wall_us() - (now - (silent ? answered : scanned)) * 1000;
    if (silent)
        return WATCH_NO_ANSWER;
    return now - scanned >= scan_old_ms(w) ? WATCH_NOT_COMPARED : WATCH_KNOWN;
}

bool watch_queue_stands(const struct watch *w, char *title, char *text, size_t size)
{
    const json_t *q = answer_of(w, QUEUE), *breaker = json_object_get(q, "breaker");
    const char *by = json_string_value(json_object_get(q, "paused_by"));
    const char *why = json_string_value(json_object_get(q, "paused_why"));
    const char *state = json_string_value(json_object_get(breaker, "state"));
    const char *said = json_string_value(json_object_get(breaker, "text"));
    if (json_is_true(json_object_get(q, "paused"))) {
        snprintf(title, size, "The mail queue is paused.");
        snprintf(text, size, "By %s: %s", by ? by : "an operator", why ? why : "");
        return true;
    }
    if (!state || strcmp(state, "open") != 0)
        return false;
    snprintf(title, size, "No mail can be handed over.");
    snprintf(text, size, "The mail server says: %s", said ? said : "nothing");
    return true;
}

/* ---- mails by hour ---- */

static int64_t first_hour_s(void)
{
    int64_t now = clock_wall_s();
    return now - now % HOUR_S - (HOURS - 1) * HOUR_S;
}

enum outcome { SENT, DEFERRED, DEAD, OUTCOMES };

static const char *const OUTCOME_NAMES[OUTCOMES] = { "sent", "deferred", "dead" };

/* The mailer tells apart why a mail was given up; here it is dead either way. */
static const struct {
    const char *told;
    enum outcome is;
} TOLD[] = { { "sent", SENT },
             { "deferred", DEFERRED },
             { "dead", DEAD },
             { "bounced", DEAD },
             { "expired", DEAD } };

static void count_mails(const json_t *stats, int64_t n[OUTCOMES][HOURS])
{
    size_t i;
    const json_t *row;
    int64_t first = first_hour_s();
    json_array_foreach(json_object_get(stats, "mails"), i, row)
    {
        const char *at = json_string_value(json_object_get(row, "at"));
        const char *outcome = json_string_value(json_object_get(row, "outcome"));
        int64_t us;
        if (!at || !outcome || !event_parse_time(at, &us))
            continue;
        int64_t hour = us / 1000000 < first ? -1 : (us / 1000000 - first) / HOUR_S;
        for (size_t o = 0; o < ARRAY_LEN(TOLD); o++)
            if (strcmp(outcome, TOLD[o].told) == 0 && hour >= 0 && hour < HOURS)
                n[TOLD[o].is][hour] += integer_of(row, "n");
    }
}

void watch_write_mails(const struct watch *w, struct jsonw *out)
{
    const json_t *stats = answer_of(w, STATS);
    int64_t n[OUTCOMES][HOURS] = { 0 }, total[OUTCOMES] = { 0 };
    count_mails(stats, n);
    jw_key(out, "mails");
    jw_object(out);
    api_ktime(out, "start", first_hour_s() * 1000000);
    jw_kint(out, "step_s", HOUR_S);
    jw_kbool(out, "complete", stats != NULL);
    for (int o = 0; o < OUTCOMES; o++) {
        jw_key(out, OUTCOME_NAMES[o]);
        jw_array(out);
        for (int h = 0; h < HOURS; h++) {
            if (stats)
                jw_int(out, n[o][h]);
            else
                jw_null(out);
            total[o] += n[o][h];
        }
        jw_array_end(out);
    }
    jw_key(out, "totals");
    jw_object(out);
    for (int o = 0; o < OUTCOMES; o++)
        watch_write_figure(out, OUTCOME_NAMES[o], stats ? total[o] : -1);
    jw_object_end(out);
    jw_object_end(out);
}

/* ---- the questions ---- */

static void ask_counts(struct jsonw *w)
{
    jw_kint(w, "limit", 1);
}

static void ask_stats(struct jsonw *w)
{
    char at[CLOCK_TEXT_SIZE];
    jw_kcstr(w, "by", "hour");
    jw_kcstr(w, "since", clock_text(first_hour_s() * 1000000, at));
}

static const struct question ASK[POLLS] = {
    [QUEUE] = { "mailer.queue.status", 2000, NULL },
    [COUNTS] = { "mailer.jobs.list", 4000, ask_counts },
    [STATS] = { "mailer.stats", 15000, ask_stats },
};
