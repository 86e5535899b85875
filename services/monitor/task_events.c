#include "monitor/task_events.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

enum { ROWS_MAX = 512, TYPES = 6 };

static const struct {
    const char *state, *type; /* of the mail; of the event in Celery's words */
} MAP[TYPES] = {
    { "ready", "task-retried" },    { "leased", "task-started" },
    { "sent", "task-succeeded" },   { "dead", "task-failed" },
    { "expired", "task-rejected" }, { "revoked", "task-revoked" },
};

struct row {
    char worker[64], template[32];
    int64_t n[TYPES], timed;
    struct metric_sum times; /* of attempts */
};

struct task_events {
    struct row rows[ROWS_MAX];
    unsigned n;
};

struct task_events *task_events_new(void)
{
    return xcalloc(1, sizeof(struct task_events));
}

void task_events_free(struct task_events **t)
{
    free(*t);
    *t = NULL;
}

static struct row *find(struct task_events *t, const char *worker, const char *template)
{
    for (unsigned i = 0; i < t->n; i++)
        if (strcmp(t->rows[i].worker, worker) == 0 &&
            strcmp(t->rows[i].template, template) == 0)
            return &t->rows[i];
    if (t->n == ROWS_MAX || strlen(worker) >= sizeof t->rows[0].worker ||
        strlen(template) >= sizeof t->rows[0].template)
        return NULL;
    struct row *r = &t->rows[t->n++];
    snprintf(r->worker, sizeof r->worker, "%s", worker);
    snprintf(r->template, sizeof r->template, "%s", template);
    return r;
}

/* Both become labels: only what names are made of. */
static bool is_name(const char *s)
{
    static const char FINE[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789-_.@:";
    return s && *s && s[strspn(s, FINE)] == '\0';
}

static void note_time(struct row *r, const json_t *took_us)
{
    const int64_t *bounds = metric_bounds_us();
    size_t i = 0;
    if (!json_is_integer(took_us) || json_integer_value(took_us) < 0)
        return;
    while (i < METRIC_BUCKETS - 1 && json_integer_value(took_us) > bounds[i])
        i++;
    r->times.bucket[i]++;
    r->times.sum_us += json_integer_value(took_us);
    r->timed++;
}

void task_events_note(struct task_events *t, const char *worker, const json_t *data)
{
    const char *state = json_string_value(json_object_get(data, "state"));
    const char *template = json_string_value(json_object_get(data, "template"));
    if (!state || !is_name(worker) || !is_name(template))
        return;
    for (size_t i = 0; i < TYPES; i++) {
        if (strcmp(state, MAP[i].state) != 0)
            continue;
        struct row *r = find(t, worker, template);
        if (!r)
            return;
        r->n[i]++;
        note_time(r, json_object_get(data, "took_us"));
    }
}

void task_events_print(const struct task_events *t, struct buf *out)
{
    for (unsigned i = 0; i < t->n; i++)
        for (size_t k = 0; k < TYPES; k++)
            buf_printf(
                out,
                "flower_events_total{worker=\"%s\",type=\"%s\",task=\"mailer.%s\"} "
                "%lld\n",
                t->rows[i].worker, MAP[k].type, t->rows[i].template,
                (long long)t->rows[i].n[k]);
}

void task_events_each_time(const struct task_events *t, task_events_time_fn *fn,
                           void *arg)
{
    for (unsigned i = 0; i < t->n; i++)
        if (t->rows[i].timed > 0)
            fn(arg, t->rows[i].worker, t->rows[i].template, &t->rows[i].times);
}
