#include "monitor/missed.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "monitor/app.h"

enum { PAGE = 1000 };

static const struct {
    const char *reason, *text;
} REASONS[] = {
    { "not_published", "The event still waits in auth's outbox." },
    { "not_pulled", "The mailer has not taken the event yet." },
    { "waiting", "It waits to be sent." },
    { "ignored", "The mailer took the event and made no mail of it." },
    { "lost", "The mailer took the event, and there is no mail of it." },
    { "dead", "It was given up." },
    { "expired", "Its link expired before it could be sent." },
};

static const char *text_of(const json_t *mail)
{
    const char *error = json_string_value(json_object_get(mail, "last_error"));
    const char *reason = json_string_value(json_object_get(mail, "reason"));
    if (error && *error)
        return error;
    for (size_t i = 0; reason && i < ARRAY_LEN(REASONS); i++)
        if (strcmp(reason, REASONS[i].reason) == 0)
            return REASONS[i].text;
    return "No mail has been accepted for them.";
}

/* The mailer's row with the names that the pages use added. */
static void add_row(struct missed_scan *s, json_t *mail)
{
    static const struct {
        const char *from, *to;
    } NAMES[] = { { "reason", "why" },
                  { "type", "event" },
                  { "created_at", "registered_at" } };
    json_t *row = json_copy(mail);
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
        json_object_set(row, NAMES[i].to, json_object_get(mail, NAMES[i].from));
    json_object_set_new(row, "text", json_string(text_of(mail)));
    json_array_append_new(s->rows, row);
}

bool missed_take_page(struct missed_scan *s, const json_t *page)
{
    size_t i;
    json_t *mail;
    s->count += json_integer_value(json_object_get(page, "missing"));
    s->checked += json_integer_value(json_object_get(page, "checked"));
    json_array_foreach(json_object_get(page, "mails"), i, mail)
    {
        if (json_is_true(json_object_get(mail, "missing")) &&
            json_array_size(s->rows) < MISSED_ROWS)
            add_row(s, mail);
    }
    const char *next = json_string_value(json_object_get(page, "next"));
    snprintf(s->cursor, sizeof s->cursor, "%s", next ? next : "");
    return next && ++s->pages < MISSED_PAGES && json_array_size(s->rows) < MISSED_ROWS;
}

static void ask(struct missed_scan *s);

static void on_page(void *arg, enum err e, const struct frame *reply)
{
    struct missed_scan *s = arg;
    if (e != ERR_OK) {
        s->done(s, e, reply);
        return;
    }
    json_t *page = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    bool more = missed_take_page(s, page);
    json_decref(page);
    if (more)
        ask(s);
    else
        s->done(s, ERR_OK, NULL);
}

static void ask(struct missed_scan *s)
{
    const struct contract_method *m =
        contract_by_name(s->app->svc->contract, "mailer.reconcile");
    struct frame req = { .method = m->number };
    char at[CLOCK_TEXT_SIZE];
    struct jsonw w;
    AUTO_BUF struct buf body, meta;
    buf_init(&body, 1024);
    buf_init(&meta, FRAME_META_MAX);
    jw_begin(&w, &body);
    jw_object(&w);
    jw_kcstr(&w, "since", clock_text(s->since_us, at));
    jw_kint(&w, "grace_s", s->grace_s);
    jw_kint(&w, "limit", PAGE);
    if (s->cursor[0])
        jw_kcstr(&w, "cursor", s->cursor);
    jw_object_end(&w);
    jw_end(&w);
    record_add(&meta, REC_CONTENT_TYPE, STR("application/json"));
    req.meta = buf_get(&meta);
    req.body = buf_get(&body);
    id_uuid7(req.request_id);
    rpc_call(s->app->mailer, &req, m->timeout_ms, true, on_page, s);
}

void missed_scan(struct missed_scan *s)
{
    s->rows = json_array();
    s->count = s->checked = 0;
    s->pages = 0;
    ask(s);
}

void missed_free(struct missed_scan *s)
{
    json_decref(s->rows);
    s->rows = NULL;
}
