#include "mailer/intake.h"

#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "mailer/app.h"
#include "svc/log.h"

enum {
    APPLY_TIMEOUT_MS = 5000,
    SILENCE_MS = 15000,
    ROWS_MAX = 4 * 1024 * 1024,
};
/* A mail without an expiry of its own: after three days nobody wants it any more. */
static const int64_t KEEP_US = INT64_C(3) * 86400 * 1000000;

static const struct db_stmt CURSOR_READ = { "cursor_read", DB_WRITE };
static const struct db_stmt EVENT_APPLY = { "event_apply", DB_WRITE };

struct mailer_intake {
    struct mailer_app *app;
    struct event_follower *follower;
    struct event_consumer *applying; /* whose batch the statement carries */
    bool stopped;
};

/* --- events to rows ---------------------------------------------------------------- */

static const char *text_member(const json_t *payload, const char *key)
{
    const char *s = json_string_value(json_object_get(payload, key));
    return s ? s : "";
}

static const struct mail_rule {
    const char *type;
    int version;
    const char *template;
    bool needs_secret;
    bool replaces; /* the link of an earlier mail of this kind is void */
} RULES[] = {
    { "user.registered", 1, "verification", true, false },
    { "user.verified", 1, "welcome", false, false },
    { "user.verification_requested", 1, "verification", true, true },
    { "user.password_reset_requested", 1, "password_reset", true, true },
    { "user.password_changed", 1, "password_changed", false, false },
    { "user.account_exists", 1, "account_exists", false, false },
    { "session.revoked", 1, "session_ended", false, false },
};

static const struct mail_rule *find_rule(const struct event *e, const json_t *payload)
{
    for (size_t i = 0; i < ARRAY_LEN(RULES); i++) {
        const struct mail_rule *r = &RULES[i];
        if (strcmp(r->type, e->type) != 0 || r->version != e->version)
            continue;
        if (r->needs_secret && e->sealed.n == 0)
            return NULL;
        return *text_member(payload, "email") ? r : NULL;
    }
    return NULL;
}

static void write_inbox(struct jsonw *w, const struct event *e, bool taken)
{
    char id[ID_UUID_TEXT], at[CLOCK_TEXT_SIZE];
    jw_object(w);
    jw_kcstr(w, "event_id", id_uuid_text(e->event_id, id));
    jw_kint(w, "seq", e->seq);
    jw_kcstr(w, "type", e->type);
    jw_kcstr(w, "state", taken ? "taken" : "ignored");
    jw_kcstr(w, "published_at", e->published_us ? clock_text(e->published_us, at) : NULL);
    jw_object_end(w);
}

static int64_t user_of(const json_t *payload)
{
    return json_integer_value(json_object_get(payload, "user_id"));
}

static void write_params(struct jsonw *w, const json_t *payload)
{
    static const char *const KEPT[] = { "username", "link_base" };
    jw_key(w, "params");
    jw_object(w);
    for (size_t i = 0; i < ARRAY_LEN(KEPT); i++)
        if (*text_member(payload, KEPT[i]))
            jw_kcstr(w, KEPT[i], text_member(payload, KEPT[i]));
    if (user_of(payload) > 0)
        jw_kint(w, "user_id", user_of(payload));
    jw_object_end(w);
}

/* Base64url to hex, which Postgres decodes; null when it is neither. */
static void write_sealed(struct jsonw *w, struct str sealed)
{
    enum { SEALED_MAX = 512 };
    uint8_t raw[SEALED_MAX];
    char hex[2 * SEALED_MAX + 1];
    int n = sealed.n > 0 && sealed.n <= SEALED_MAX ? b64url_decode(sealed, raw) : -1;
    jw_kcstr(w, "sealed", n > 0 ? hex_encode(raw, (size_t)n, hex) : NULL);
}

static void write_id(struct jsonw *w, const char *key, const uint8_t id[static 16])
{
    static const uint8_t none[16];
    char hex[33];
    jw_kcstr(w, key, memcmp(id, none, 16) == 0 ? NULL : hex_encode(id, 16, hex));
}

static void write_times(struct jsonw *w, const struct event *e)
{
    char text[CLOCK_TEXT_SIZE];
    int64_t expires = e->expires_us ? e->expires_us : e->created_us + KEEP_US;
    jw_kcstr(w, "event_created_at", clock_text(e->created_us, text));
    jw_kcstr(w, "expires_at", clock_text(expires, text));
}

static void write_job(struct jsonw *w, const struct event *e, const json_t *payload,
                      const struct mail_rule *rule, struct str domain)
{
    uint8_t id[16];
    char text[ID_UUID_TEXT], message_id[512];
    id_uuid5(e->event_id, str_of(rule->template), id);
    jw_object(w);
    jw_kcstr(w, "job_id", id_uuid_text(id, text));
    snprintf(message_id, sizeof message_id, "%s@%.*s", text, STR_ARG(domain));
    jw_kcstr(w, "event_id", id_uuid_text(e->event_id, text));
    jw_kcstr(w, "template", rule->template);
    jw_kbool(w, "replaces", rule->replaces);
    jw_kcstr(w, "recipient", text_member(payload, "email"));
    write_params(w, payload);
    if (user_of(payload) > 0)
        jw_kint(w, "user_id", user_of(payload));
    write_sealed(w, e->sealed);
    jw_kcstr(w, "message_id", message_id);
    write_times(w, e);
    write_id(w, "request_id", e->request_id);
    write_id(w, "trace_id", e->trace_id);
    jw_object_end(w);
}

void mailer_intake_rows(const struct event_batch *batch, struct str domain,
                        struct buf *ret_inbox, struct buf *ret_jobs)
{
    struct jsonw inbox, jobs;
    jw_begin(&inbox, ret_inbox);
    jw_begin(&jobs, ret_jobs);
    jw_array(&inbox);
    jw_array(&jobs);
    for (unsigned i = 0; i < batch->n; i++) {
        const struct event *e = &batch->events[i];
        json_t *payload = json_loadb(e->payload.p, e->payload.n, 0, NULL);
        const struct mail_rule *rule = find_rule(e, payload);
        write_inbox(&inbox, e, rule != NULL);
        if (rule)
            write_job(&jobs, e, payload, rule, domain);
        json_decref(payload);
    }
    jw_array_end(&inbox);
    jw_array_end(&jobs);
    jw_end(&inbox);
    jw_end(&jobs);
}

/* --- applying ---------------------------------------------------------------------- */

static void on_applied(void *arg, const struct db_result *r)
{
    struct mailer_intake *in = arg;
    struct event_consumer *ec = in->applying;
    in->applying = NULL;
    if (r->status != DB_OK || r->rows != 1) {
        event_consumer_applied(ec, false, -1);
        return;
    }
    bool fits = db_bool(r, 0, 0);
    int64_t jobs = db_int(r, 0, 2);
    event_consumer_applied(ec, fits, db_int(r, 0, 1));
    if (jobs > 0 && !in->stopped)
        mailer_queue_wake(in->app->queue);
}

static void apply(void *arg, struct event_consumer *ec, const struct event_batch *b)
{
    struct mailer_intake *in = arg;
    struct buf inbox AUTO_BUF, jobs AUTO_BUF;
    char after[DB_INT_TEXT], last[DB_INT_TEXT];
    struct str domain = letters_sender(in->app->letters);
    str_cut(&domain, '@');
    buf_init(&inbox, ROWS_MAX);
    buf_init(&jobs, ROWS_MAX);
    mailer_intake_rows(b, domain, &inbox, &jobs);
    struct str params[] = { STR("user"),
                            str_of(b->epoch),
                            db_int_param(b->after, after),
                            db_int_param(b->last, last),
                            buf_get(&inbox),
                            buf_get(&jobs) };
    in->applying = ec;
    db_query(in->app->svc->db, &EVENT_APPLY, params, ARRAY_LEN(params), APPLY_TIMEOUT_MS,
             on_applied, in);
}

/* --- life -------------------------------------------------------------------------- */

struct mailer_intake *mailer_intake_start(struct mailer_app *app)
{
    struct mailer_intake *in = xcalloc(1, sizeof *in);
    in->app = app;
    in->follower = event_follower_start(
        app->svc,
        &(struct event_consumer_config){ .stream = "user",
                                         .peer = "auth",
                                         .endpoints = app->cfg->auth_events,
                                         .client = app->auth,
                                         .pull_method = "auth.events.pull",
                                         .silence_ms = SILENCE_MS,
                                         .apply = apply,
                                         .arg = in },
        &CURSOR_READ);
    return in;
}

void mailer_intake_stop(struct mailer_intake *in)
{
    in->stopped = true;
    event_follower_stop(in->follower);
}

bool mailer_intake_busy(const struct mailer_intake *in)
{
    return in->applying != NULL;
}

bool mailer_intake_ready(const struct mailer_intake *in, const char **ret_why)
{
    return event_follower_ready(in->follower, ret_why);
}

void mailer_intake_beat(const struct mailer_intake *in, struct jsonw *w)
{
    event_follower_beat(in->follower, w);
}
