#include "monitor/flower_task.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "svc/events_parse.h"

/* ---- states ---- */

static const struct {
    const char *ours, *celery;
} STATES[] = {
    { "ready", "RECEIVED" },  { "leased", "STARTED" },  { "sent", "SUCCESS" },
    { "dead", "FAILURE" },    { "expired", "FAILURE" }, { "suppressed", "REVOKED" },
    { "revoked", "REVOKED" },
};

const char *flower_state(const json_t *job)
{
    const char *state = json_string_value(json_object_get(job, "state"));
    bool tried = json_integer_value(json_object_get(job, "attempt")) > 0;
    for (size_t i = 0; state && i < ARRAY_LEN(STATES); i++)
        if (strcmp(state, STATES[i].ours) == 0)
            return i == 0 && tried ? "RETRY" : STATES[i].celery;
    return "PENDING";
}

/* Sorted; the last two are names that no task has here. */
static const struct {
    const char *celery, *search;
} TERMS[] = {
    { "FAILURE", "(state:dead OR state:expired)" },
    { "RECEIVED", "state:ready attempts:0" },
    { "RETRY", "state:retry" },
    { "REVOKED", "(state:revoked OR state:suppressed)" },
    { "STARTED", "state:leased" },
    { "SUCCESS", "state:sent" },
    { "PENDING", "state:ready attempts:0" },
    { "REJECTED", "state:suppressed" },
};

const char *flower_search_of_state(struct str state)
{
    for (size_t i = 0; i < ARRAY_LEN(TERMS); i++)
        if (str_eq_ci(state, str_of(TERMS[i].celery)))
            return TERMS[i].search;
    return NULL;
}

const char *flower_state_at(size_t i)
{
    return i + 2 < ARRAY_LEN(TERMS) ? TERMS[i].celery : NULL;
}

/* ---- texts ---- */

void flower_repr(struct buf *out, struct str text)
{
    bool single = memchr(text.p, '\'', text.n), twice = memchr(text.p, '"', text.n);
    char quote = single && !twice ? '"' : '\'';
    buf_char(out, quote);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < 0x20 || c == 0x7f) {
            buf_printf(out, "\\x%02x", c);
            continue;
        }
        if (c == '\\' || c == (unsigned char)quote)
            buf_char(out, '\\');
        buf_char(out, (char)c);
    }
    buf_char(out, quote);
}

/* ---- tasks ---- */

static void set_time(json_t *task, const char *key, const json_t *job, const char *from)
{
    const char *text = json_string_value(json_object_get(job, from));
    int64_t us;
    if (text && event_parse_time(text, &us))
        json_object_set_new(task, key, json_real((double)us / 1e6));
    else
        json_object_set_new(task, key, json_null());
}

static double seconds_between(const json_t *task, const char *from, const char *to)
{
    return json_real_value(json_object_get(task, to)) -
           json_real_value(json_object_get(task, from));
}

static void set_text(json_t *task, const char *key, const char *text)
{
    json_object_set_new(task, key, text ? json_string(text) : json_null());
}

json_t *flower_task(const json_t *job)
{
    json_t *t = json_object();
    const char *state = flower_state(job);
    const char *id = json_string_value(json_object_get(job, "job_id"));
    const char *error = json_string_value(json_object_get(job, "last_error"));
    bool ended = strcmp(state, "SUCCESS") == 0 || strcmp(state, "FAILURE") == 0;
    int64_t attempt = json_integer_value(json_object_get(job, "attempt"));
    const char *template = json_string_value(json_object_get(job, "template"));
    const char *recipient = json_string_value(json_object_get(job, "recipient"));
    char name[96];
    AUTO_BUF struct buf kwargs = { .max = 4096 };
    snprintf(name, sizeof name, "mailer.%s", template ? template : "");
    buf_cstr(&kwargs, "{'recipient': ");
    flower_repr(&kwargs, str_of(recipient ? recipient : ""));
    buf_char(&kwargs, '}');
    set_text(t, "uuid", id);
    set_text(t, "name", name);
    set_text(t, "state", state);
    set_time(t, "sent", job, "created_at");
    set_time(t, "received", job, "created_at");
    set_time(t, "started", job, "claimed_at");
    set_time(t, "succeeded", strcmp(state, "SUCCESS") == 0 ? job : NULL, "finished_at");
    set_time(t, "failed", strcmp(state, "FAILURE") == 0 ? job : NULL, "finished_at");
    set_time(t, "revoked", strcmp(state, "REVOKED") == 0 ? job : NULL, "finished_at");
    set_time(t, "retried", strcmp(state, "RETRY") == 0 ? job : NULL, "run_at");
    set_time(t, "eta", job, "run_at");
    set_time(t, "expires", job, "expires_at");
    set_time(t, "timestamp", job, ended ? "finished_at" : "created_at");
    set_text(t, "args", "()");
    json_object_set_new(t, "kwargs", json_stringn(kwargs.p, kwargs.n));
    json_object_set_new(t, "retries", json_integer(attempt > 0 ? attempt - 1 : 0));
    json_object_set(t, "worker", json_object_get(job, "worker"));
    set_text(t, "result", strcmp(state, "SUCCESS") == 0 ? "'sent'" : NULL);
    set_text(t, "exception", strcmp(state, "FAILURE") == 0 ? error : NULL);
    set_text(t, "traceback", NULL);
    if (ended)
        json_object_set_new(t, "runtime",
                            json_real(seconds_between(t, "received", "timestamp")));
    else
        json_object_set_new(t, "runtime", json_null());
    set_text(t, "exchange", "");
    set_text(t, "routing_key", "mail");
    set_text(t, "root_id", id);
    set_text(t, "parent_id", NULL);
    json_object_set_new(t, "children", json_array());
    return t;
}
