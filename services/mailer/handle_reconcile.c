/*
 * mailer.reconcile: who should have had a mail and did not, and why. Auth is asked what
 * was to be mailed, a page at a time; our tables say what became of it. Nothing is kept
 * between pages.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "mailer/app.h"
#include "mailer/handlers.h"
#include "mailer/job_row.h"

enum { REPLY_MAX = 2 * 1024 * 1024, BODY_MAX = 4096, GRACE_DEFAULT_S = 60 };
static const int64_t WINDOW_US = INT64_C(24) * 3600 * 1000000;

static const struct db_stmt RECONCILE = { "reconcile", DB_LIST };

enum found_column {
    COL_EVENT,
    COL_SEQ,
    COL_TYPE,
    COL_USER,
    COL_NAME,
    COL_EMAIL,
    COL_CREATED,
    COL_JOB,
    COL_TEMPLATE,
    COL_STATE,
    COL_ATTEMPT,
    COL_CODE,
    COL_ERROR,
    COL_RUN,
    COL_REASON,
};

/* missing: somebody should have had this mail by now. listed: worth a look all the same.
 */
static const struct reason {
    const char *name;
    bool missing, listed;
} REASONS[] = {
    { "sent", false, false },         { "verified", false, false },
    { "replaced", false, false },     { "retired", false, false },
    { "user_deleted", false, false }, { "user_inactive", false, false },
    { "no_address", false, true },    { "on_its_way", false, true },
    { "suppressed", false, true },    { "revoked", false, true },
    { "not_published", true, true },  { "not_pulled", true, true },
    { "waiting", true, true },        { "ignored", true, true },
    { "lost", true, true },           { "dead", true, true },
    { "expired", true, true },
};

struct reconciling {
    struct call *call;
    bool all;
    char next[80];
};

static const struct reason *reason_of(const struct db_result *r, int row)
{
    static const struct reason UNKNOWN = { "unknown", true, true };
    for (size_t i = 0; i < ARRAY_LEN(REASONS); i++)
        if (str_eq(db_text(r, row, COL_REASON), str_of(REASONS[i].name)))
            return &REASONS[i];
    return &UNKNOWN;
}

static void write_found(struct jsonw *w, const struct db_result *r, int row)
{
    const struct reason *why = reason_of(r, row);
    jw_object(w);
    jw_kcstr(w, "reason", why->name);
    jw_kbool(w, "missing", why->missing);
    row_text(w, "event_id", r, row, COL_EVENT);
    row_int(w, "seq", r, row, COL_SEQ);
    row_text(w, "type", r, row, COL_TYPE);
    row_int(w, "user_id", r, row, COL_USER);
    row_text(w, "username", r, row, COL_NAME);
    row_text(w, "email", r, row, COL_EMAIL);
    row_text(w, "created_at", r, row, COL_CREATED);
    row_text(w, "job_id", r, row, COL_JOB);
    row_text(w, "template", r, row, COL_TEMPLATE);
    row_text(w, "state", r, row, COL_STATE);
    row_int(w, "attempt", r, row, COL_ATTEMPT);
    row_int(w, "last_code", r, row, COL_CODE);
    row_text(w, "last_error", r, row, COL_ERROR);
    row_text(w, "run_at", r, row, COL_RUN);
    jw_object_end(w);
}

static void write_reasons(struct jsonw *w, const struct db_result *r)
{
    jw_key(w, "reasons");
    jw_object(w);
    for (size_t i = 0; i < ARRAY_LEN(REASONS); i++) {
        int64_t n = 0;
        for (int row = 0; row < r->rows; row++)
            n += reason_of(r, row) == &REASONS[i];
        if (n > 0)
            jw_kint(w, REASONS[i].name, n);
    }
    jw_object_end(w);
}

static void on_found(void *arg, const struct db_result *r)
{
    struct reconciling *x = arg;
    AUTO_BUF struct buf out = { .max = REPLY_MAX };
    struct jsonw w;
    int64_t missing = 0;
    if (r->status != DB_OK) {
        call_fail(x->call, db_err(&RECONCILE, r));
        return;
    }
    jw_begin(&w, &out);
    jw_object(&w);
    jw_kint(&w, "checked", r->rows);
    write_reasons(&w, r);
    jw_key(&w, "mails");
    jw_array(&w);
    for (int i = 0; i < r->rows; i++) {
        missing += reason_of(r, i)->missing;
        if (x->all || reason_of(r, i)->listed)
            write_found(&w, r, i);
    }
    jw_array_end(&w);
    jw_kint(&w, "missing", missing);
    jw_kcstr(&w, "next", x->next[0] ? x->next : NULL);
    jw_object_end(&w);
    jw_end(&w);
    call_reply(x->call, 0, buf_get(&out));
}

static bool take_next(struct reconciling *x, const json_t *page)
{
    const char *next = json_string_value(json_object_get(page, "next"));
    if (!next)
        return true;
    return snprintf(x->next, sizeof x->next, "%s", next) < (int)sizeof x->next;
}

static void on_expected(void *arg, enum err e, const struct frame *reply)
{
    struct reconciling *x = arg;
    struct call *c = x->call;
    char grace[DB_INT_TEXT];
    if (e != ERR_OK) { /* auth's word about the cursor; otherwise auth is what fails */
        call_fail(c, e == ERR_VALIDATION ? e : ERR_UNAVAILABLE);
        return;
    }
    json_t *page = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    AUTO_FREE char *events =
        json_dumps(json_object_get(page, "events"), JSON_COMPACT | JSON_ENCODE_ANY);
    bool ok = events && take_next(x, page);
    json_decref(page);
    if (!ok) {
        call_fail(c, ERR_UNAVAILABLE);
        return;
    }
    const struct value *v = values_get(&c->body, "grace_s");
    struct str params[] = {
        str_of(events), db_int_param(v->kind == VALUE_INT ? v->i : GRACE_DEFAULT_S, grace)
    };
    db_query(c->svc->db, &RECONCILE, params, ARRAY_LEN(params), call_budget_ms(c),
             on_found, x);
}

static void write_time(struct jsonw *w, const struct call *c, const char *name,
                       int64_t otherwise_us)
{
    char text[CLOCK_TEXT_SIZE];
    const struct value *v = values_get(&c->body, name);
    if (v->kind == VALUE_STR)
        jw_kstr(w, name, v->s);
    else
        jw_kcstr(w, name, clock_text(otherwise_us, text));
}

static void write_question(const struct call *c, struct buf *out)
{
    struct jsonw w;
    const struct value *cursor = values_get(&c->body, "cursor");
    const struct value *limit = values_get(&c->body, "limit");
    int64_t now = clock_wall_us();
    jw_begin(&w, out);
    jw_object(&w);
    write_time(&w, c, "since", now - WINDOW_US);
    write_time(&w, c, "until", now + WINDOW_US);
    if (cursor->kind == VALUE_STR)
        jw_kstr(&w, "cursor", cursor->s);
    if (limit->kind == VALUE_INT)
        jw_kint(&w, "limit", limit->i);
    jw_object_end(&w);
    jw_end(&w);
}

void mailer_handle_reconcile(struct call *c)
{
    const struct mailer_app *app = c->app;
    const struct contract_method *m =
        contract_by_name(c->svc->contract, "auth.mail.expected");
    AUTO_BUF struct buf body = { .max = BODY_MAX };
    AUTO_BUF struct buf meta = { .max = FRAME_META_MAX };
    if (!call_body(c, SCHEMA_FULL))
        return;
    struct reconciling *x = arena_alloc(&c->arena, sizeof *x);
    const struct value *all = values_get(&c->body, "all");
    x->call = c;
    x->all = all->kind == VALUE_BOOL && all->i;
    write_question(c, &body);
    record_add(&meta, REC_CONTENT_TYPE, STR("application/json"));
    struct frame req = { .method = m->number, .body = buf_get(&body) };
    req.meta = buf_get(&meta);
    memcpy(req.request_id, c->frame.request_id, sizeof req.request_id);
    memcpy(req.trace_id, c->frame.trace_id, sizeof req.trace_id);
    rpc_call(app->auth, &req, call_budget_ms(c), true, on_expected, x);
}
