/*
 * mailer.jobs.retry and mailer.jobs.revoke: what operators do to mails, by id or by
 * filter. With a filter, the ids are looked up first and must be as many as expected; the
 * statement that acts looks at every job again, under its lock.
 */
#include <stdio.h>

#include "base/id.h"
#include "base/mem.h"
#include "mailer/app.h"
#include "mailer/handlers.h"
#include "mailer/job_hint.h"
#include "svc/log.h"

enum {
    REPLY_MAX = 1024 * 1024,
    IDS_MAX = 1000,
    CAP_DEFAULT = 100,
    ID_LIST_MAX = 64 * 1024
};

static const struct db_stmt JOB_PICK = { "job_pick", DB_LIST };

static const struct action {
    const char *method;
    struct db_stmt stmt;
    const char *states; /* that a filter may pick */
    bool tells;         /* the dashboard of what it ended */
} RETRY = { "mailer.jobs.retry",
            { "job_retry", DB_WRITE },
            "{ready,dead,expired,revoked}",
            false },
  REVOKE = { "mailer.jobs.revoke", { "job_revoke", DB_WRITE }, "{ready,leased}", true };

/* The columns of both statements, and two more of job_revoke.sql. */
enum column {
    COL_JOB,
    COL_RECIPIENT,
    COL_WHY, /* null: done */
    COL_ACTION,
    COL_TEMPLATE,
    COL_ATTEMPT,
};

struct acting {
    struct call *call;
    const struct action *action;
    struct str filter, actor, reason;
    int64_t expected, cap; /* expected -1: not said */
    bool look;             /* dry_run */
    bool picked;           /* by a filter */
    int64_t matching;
};

static bool is_done(const struct db_result *r, int row)
{
    return db_is_null(r, row, COL_WHY);
}

/* The rows are in the order of ids; recipients are counted by comparing each with those
 * before it, which a cap of 1,000 bounds. */
static int64_t count_recipients(const struct db_result *r)
{
    int64_t n = 0;
    for (int i = 0; i < r->rows; i++) {
        bool seen = !is_done(r, i);
        for (int k = 0; k < i && !seen; k++)
            seen = is_done(r, k) &&
                   str_eq(db_text(r, i, COL_RECIPIENT), db_text(r, k, COL_RECIPIENT));
        n += !seen;
    }
    return n;
}

static void write_skipped(struct jsonw *w, const struct db_result *r)
{
    jw_key(w, "skipped");
    jw_array(w);
    for (int i = 0; i < r->rows; i++) {
        if (is_done(r, i))
            continue;
        jw_object(w);
        jw_kstr(w, "job_id", db_text(r, i, COL_JOB));
        jw_kstr(w, "why", db_text(r, i, COL_WHY));
        jw_object_end(w);
    }
    jw_array_end(w);
}

static int64_t write_done(struct jsonw *w, const struct db_result *r)
{
    int64_t n = 0;
    jw_key(w, "job_ids");
    jw_array(w);
    for (int i = 0; i < r->rows; i++) {
        if (!is_done(r, i))
            continue;
        jw_str(w, db_text(r, i, COL_JOB));
        n++;
    }
    jw_array_end(w);
    return n;
}

static void tell_revoked(struct acting *a, const struct db_result *r)
{
    for (int i = 0; i < r->rows; i++)
        if (is_done(r, i))
            job_hint_send(a->call->svc,
                          &(struct job_hint){ .job_id = db_text(r, i, COL_JOB),
                                              .template = db_text(r, i, COL_TEMPLATE),
                                              .state = STR("revoked"),
                                              .attempt = db_int(r, i, COL_ATTEMPT) });
}

static void on_acted(void *arg, const struct db_result *r)
{
    struct acting *a = arg;
    struct mailer_app *app = a->call->app;
    AUTO_BUF struct buf out = { .max = REPLY_MAX };
    struct jsonw w;
    if (r->status != DB_OK) {
        call_fail(a->call, db_err(&a->action->stmt, r));
        return;
    }
    jw_begin(&w, &out);
    jw_object(&w);
    jw_kbool(&w, "dry_run", a->look);
    int64_t n = write_done(&w, r);
    jw_kint(&w, "done", n);
    jw_kint(&w, "recipients", count_recipients(r));
    write_skipped(&w, r);
    jw_kint(&w, "matching", a->picked ? a->matching : r->rows);
    if (r->rows > 0 && !db_is_null(r, 0, COL_ACTION))
        jw_kint(&w, "action_id", db_int(r, 0, COL_ACTION));
    else
        jw_knull(&w, "action_id");
    jw_object_end(&w);
    jw_end(&w);
    if (!a->look && n > 0)
        log_info("desk", a->action->method, F_SLICE("actor", a->actor), F_INT("jobs", n));
    if (!a->look && a->action->tells)
        tell_revoked(a, r);
    call_reply(a->call, 0, buf_get(&out));
    mailer_queue_wake(app->queue);
}

static void act(struct acting *a, struct str ids)
{
    struct buf detail AUTO_BUF;
    struct jsonw w;
    buf_init(&detail, 16 * 1024);
    jw_begin(&w, &detail);
    jw_object(&w);
    if (a->picked)
        jw_kraw(&w, "filter", a->filter);
    jw_object_end(&w);
    jw_end(&w);
    struct str params[] = { ids, a->actor, a->reason, buf_get(&detail),
                            a->look ? STR("true") : STR("false") };
    db_query(a->call->svc->db, &a->action->stmt, params, ARRAY_LEN(params),
             call_budget_ms(a->call), on_acted, a);
}

/* --- by filter --------------------------------------------------------------------- */

static void refuse_count(struct acting *a, const char *why)
{
    struct buf out AUTO_BUF;
    struct jsonw w;
    buf_init(&out, 1024);
    jw_begin(&w, &out);
    jw_object(&w);
    jw_kcstr(&w, "detail", why);
    jw_kint(&w, "matching", a->matching);
    jw_kint(&w, "cap", a->cap);
    jw_object_end(&w);
    jw_end(&w);
    call_fail_details(a->call, ERR_CONFLICT, buf_get(&out));
}

static void on_picked(void *arg, const struct db_result *r)
{
    struct acting *a = arg;
    AUTO_BUF struct buf ids = { .max = ID_LIST_MAX };
    if (r->status != DB_OK) {
        call_fail(a->call, db_err(&JOB_PICK, r));
        return;
    }
    a->matching = r->rows;
    if (r->rows > a->cap) {
        refuse_count(a, "More mails match than may be acted on at once.");
        return;
    }
    if (a->expected >= 0 && r->rows != a->expected) {
        refuse_count(a, "Not as many mails match as were expected.");
        return;
    }
    buf_char(&ids, '{');
    for (int i = 0; i < r->rows; i++)
        buf_printf(&ids, "%s%.*s", i ? "," : "", STR_ARG(db_text(r, i, 0)));
    buf_char(&ids, '}');
    act(a, buf_get(&ids));
}

static void pick(struct acting *a)
{
    char most[DB_INT_TEXT];
    if (!mailer_read_filter(a->call, &a->filter))
        return;
    if (a->expected < 0 && !a->look) {
        call_fail_field(a->call, "expected",
                        "With a filter, say how many mails you expect.");
        return;
    }
    struct str params[] = { a->filter, str_of(a->action->states),
                            db_int_param(a->cap + 1, most) };
    a->picked = true;
    db_query_anew(a->call->svc->db, &JOB_PICK, params, ARRAY_LEN(params),
                  call_budget_ms(a->call), on_picked, a);
}

/* --- by id ------------------------------------------------------------------------- */

static void act_on_ids(struct acting *a, const json_t *list)
{
    struct buf ids AUTO_BUF;
    const json_t *one;
    size_t i;
    buf_init(&ids, ID_LIST_MAX);
    buf_char(&ids, '{');
    json_array_foreach(list, i, one)
    {
        uint8_t id[16];
        char text[ID_UUID_TEXT];
        struct str given = { json_string_value(one), json_string_length(one) };
        if (!id_uuid_parse(str_trim(given), id)) {
            call_fail_field(a->call, "job_ids", "Must be a valid UUID.");
            return;
        }
        buf_printf(&ids, "%s%s", i ? "," : "", id_uuid_text(id, text));
    }
    buf_char(&ids, '}');
    act(a, buf_get(&ids));
}

static int64_t int_or(const struct call *c, const char *name, int64_t otherwise)
{
    const struct value *v = values_get(&c->body, name);
    return v->kind == VALUE_INT ? v->i : otherwise;
}

static void handle(struct call *c, const struct action *action)
{
    if (!call_body(c, SCHEMA_FULL))
        return;
    struct acting *a = arena_alloc(&c->arena, sizeof *a);
    const struct value *ids = values_get(&c->body, "job_ids");
    const struct value *look = values_get(&c->body, "dry_run");
    bool filtered = values_get(&c->body, "filter")->kind == VALUE_JSON;
    *a = (struct acting){
        .call = c,
        .action = action,
        .actor = values_get(&c->body, "actor")->s,
        .reason = values_get(&c->body, "reason")->s,
        .expected = int_or(c, "expected", -1),
        .cap = int_or(c, "cap", CAP_DEFAULT),
        .look = look->kind == VALUE_BOOL && look->i,
    };
    if ((ids->kind == VALUE_JSON) == filtered)
        call_fail_field(c, "job_ids", "Give either job_ids or filter.");
    else if (filtered)
        pick(a);
    else
        act_on_ids(a, ids->json);
}

void mailer_handle_jobs_retry(struct call *c)
{
    handle(c, &RETRY);
}

void mailer_handle_jobs_revoke(struct call *c)
{
    handle(c, &REVOKE);
}
