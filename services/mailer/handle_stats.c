/* mailer.stats and mailer.actions.list: what happened, counted and named. */
#include "base/clock.h"
#include "base/mem.h"
#include "mailer/app.h"
#include "mailer/handlers.h"
#include "mailer/job_row.h"

enum { REPLY_MAX = 4 * 1024 * 1024, DOMAINS_DEFAULT = 20, ACTIONS_DEFAULT = 50 };

static const struct db_stmt STATS_MAILS = { "stats_mails", DB_LIST };
static const struct db_stmt STATS_DOMAINS = { "stats_domains", DB_LIST };
static const struct db_stmt ACTION_LIST = { "action_list", DB_LIST };

static int64_t int_or(const struct call *c, const char *name, int64_t otherwise)
{
    const struct value *v = values_get(&c->body, name);
    return v->kind == VALUE_INT ? v->i : otherwise;
}

/* --- stats ------------------------------------------------------------------------- */

struct stats {
    struct call *call;
    struct str by, since, until;
    struct buf out;
    struct jsonw w;
};

static void on_domains(void *arg, const struct db_result *r)
{
    static const char *const KEYS[] = { "sent", "deferred", "bounced", "given_up" };
    struct stats *s = arg;
    struct jsonw *w = &s->w;
    if (r->status != DB_OK) {
        buf_deinit(&s->out);
        call_fail(s->call, db_err(&STATS_DOMAINS, r));
        return;
    }
    jw_key(w, "domains");
    jw_array(w);
    for (int i = 0; i < r->rows; i++) {
        jw_object(w);
        row_text(w, "domain", r, i, 0);
        for (int k = 0; k < (int)ARRAY_LEN(KEYS); k++)
            row_int(w, KEYS[k], r, i, k + 1);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
    jw_end(w);
    struct buf out AUTO_BUF = s->out; /* s goes with its call */
    call_reply(s->call, 0, buf_get(&out));
}

static void ask_domains(struct stats *s)
{
    char limit[DB_INT_TEXT];
    struct str params[] = { s->since, s->until,
                            db_int_param(int_or(s->call, "domains", DOMAINS_DEFAULT),
                                         limit) };
    db_query(s->call->svc->db, &STATS_DOMAINS, params, ARRAY_LEN(params),
             call_budget_ms(s->call), on_domains, s);
}

static void on_mails(void *arg, const struct db_result *r)
{
    struct stats *s = arg;
    struct jsonw *w = &s->w;
    if (r->status != DB_OK) {
        call_fail(s->call, db_err(&STATS_MAILS, r));
        return;
    }
    buf_init(&s->out, REPLY_MAX);
    jw_begin(w, &s->out);
    jw_object(w);
    jw_kstr(w, "by", s->by);
    jw_key(w, "mails");
    jw_array(w);
    for (int i = 0; i < r->rows; i++) {
        jw_object(w);
        row_text(w, "at", r, i, 0);
        row_text(w, "template", r, i, 1);
        row_text(w, "outcome", r, i, 2);
        row_int(w, "n", r, i, 3);
        jw_object_end(w);
    }
    jw_array_end(w);
    ask_domains(s);
}

/* A time of the body, or one that lies so far from now. */
static struct str time_or(struct call *c, const char *name, int64_t from_now_us)
{
    const struct value *v = values_get(&c->body, name);
    if (v->kind == VALUE_STR)
        return v->s;
    char *text = arena_alloc(&c->arena, CLOCK_TEXT_SIZE);
    return str_of(clock_text(clock_wall_us() + from_now_us, text));
}

void mailer_handle_stats(struct call *c)
{
    if (!call_body(c, SCHEMA_FULL))
        return;
    struct stats *s = arena_alloc(&c->arena, sizeof *s);
    const struct value *by = values_get(&c->body, "by");
    s->call = c;
    s->by = by->kind == VALUE_STR ? by->s : STR("hour");
    s->since = time_or(c, "since", INT64_C(-24) * 3600 * 1000000);
    s->until = time_or(c, "until", INT64_C(3600) * 1000000);
    struct str params[] = { s->by, s->since, s->until };
    db_query(c->svc->db, &STATS_MAILS, params, ARRAY_LEN(params), call_budget_ms(c),
             on_mails, s);
}

/* --- actions ----------------------------------------------------------------------- */

static void on_actions(void *arg, const struct db_result *r)
{
    struct call *c = arg;
    AUTO_BUF struct buf out = { .max = REPLY_MAX };
    struct jsonw w;
    if (r->status != DB_OK) {
        call_fail(c, db_err(&ACTION_LIST, r));
        return;
    }
    int limit = (int)int_or(c, "limit", ACTIONS_DEFAULT);
    int n = r->rows > limit ? limit : r->rows;
    jw_begin(&w, &out);
    jw_object(&w);
    jw_key(&w, "actions");
    jw_array(&w);
    for (int i = 0; i < n; i++) {
        jw_object(&w);
        row_int(&w, "id", r, i, 0);
        row_text(&w, "at", r, i, 1);
        row_text(&w, "method", r, i, 2);
        row_text(&w, "actor", r, i, 3);
        row_text(&w, "reason", r, i, 4);
        jw_kraw(&w, "detail", db_text(r, i, 5));
        jw_object_end(&w);
    }
    jw_array_end(&w);
    if (r->rows > n && n > 0)
        jw_kint(&w, "next", db_int(r, n - 1, 0));
    else
        jw_knull(&w, "next");
    jw_object_end(&w);
    jw_end(&w);
    call_reply(c, 0, buf_get(&out));
}

void mailer_handle_actions_list(struct call *c)
{
    char before[DB_INT_TEXT], limit[DB_INT_TEXT];
    if (!call_body(c, SCHEMA_FULL))
        return;
    int64_t older = int_or(c, "before", 0);
    struct str params[] = { older ? db_int_param(older, before) : db_null(),
                            db_int_param(int_or(c, "limit", ACTIONS_DEFAULT) + 1,
                                         limit) };
    db_query(c->svc->db, &ACTION_LIST, params, ARRAY_LEN(params), call_budget_ms(c),
             on_actions, c);
}
