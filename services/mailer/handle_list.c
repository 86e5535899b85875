/* mailer.jobs.list: a page of mails, with the counts that stand above it. */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mailer/app.h"
#include "mailer/handlers.h"
#include "mailer/job_filter.h"
#include "mailer/job_row.h"

enum {
    REPLY_MAX = 1024 * 1024,
    LIMIT_DEFAULT = 50,
    MATCH_MAX = 10000,
    WHERE_ROWS = 10000 /* that are held against a condition for one page */
};
enum { COL_KEY = JOB_COLUMNS, COL_NTH, COL_MEANT };

static const struct db_stmt JOB_LIST = { "job_list", DB_LIST };
static const struct db_stmt JOB_MATCH = { "job_match", DB_LIST };
static const struct db_stmt JOB_COUNTS = { "job_counts", DB_LIST };

/* A list call between its queries. Lives in the call's arena. */
struct listing {
    struct call *call;
    struct str filter;
    int64_t limit, rows; /* to show; to look at */
    enum job_sort sort;
    bool desc, count;
    struct job_place place; /* job_id "": the first page */
    struct buf out;
    struct jsonw w;
};

static void give_up(struct listing *l, enum err e)
{
    buf_deinit(&l->out);
    call_fail(l->call, e);
}

static void on_counts(void *arg, const struct db_result *r)
{
    struct listing *l = arg;
    if (r->status != DB_OK) {
        give_up(l, db_err(&JOB_COUNTS, r));
        return;
    }
    jw_key(&l->w, "counts");
    jw_object(&l->w);
    for (int i = 0; i < r->rows; i++)
        jw_kint(&l->w, arena_str(&l->call->arena, db_text(r, i, 0)), db_int(r, i, 1));
    jw_object_end(&l->w);
    jw_object_end(&l->w);
    jw_end(&l->w);
    struct buf out AUTO_BUF = l->out; /* l goes with its call */
    call_reply(l->call, 0, buf_get(&out));
}

static void ask_counts(struct listing *l)
{
    db_query(l->call->svc->db, &JOB_COUNTS, NULL, 0, call_budget_ms(l->call), on_counts,
             l);
}

static void on_match(void *arg, const struct db_result *r)
{
    struct listing *l = arg;
    if (r->status != DB_OK || r->rows != 1) {
        give_up(l, db_err(&JOB_MATCH, r));
        return;
    }
    int64_t n = db_int(r, 0, 0);
    jw_kint(&l->w, "matching", n > MATCH_MAX ? MATCH_MAX : n);
    jw_kbool(&l->w, "matching_more", n > MATCH_MAX);
    ask_counts(l);
}

static void ask_match(struct listing *l)
{
    char most[DB_INT_TEXT];
    struct str params[] = { l->filter, db_int_param(MATCH_MAX + 1, most) };
    db_query_anew(l->call->svc->db, &JOB_MATCH, params, ARRAY_LEN(params),
                  call_budget_ms(l->call), on_match, l);
}

/* What was read of a page, in the order of reading. */
struct reach {
    int shown; /* rows, the first of r */
    int last;  /* the row that the next page this way lies behind; -1: the list is over */
};

/* One row more than asked for was looked for: it says whether the list goes on that way.
 * So does the last row that may be looked at, which is there whether it is meant or not.
 */
static struct reach measure(const struct listing *l, const struct db_result *r)
{
    int end = r->rows - 1;
    if (r->rows > l->limit)
        return (struct reach){ (int)l->limit, (int)l->limit - 1 };
    if (end < 0 || db_int(r, end, COL_NTH) < l->rows)
        return (struct reach){ r->rows, -1 };
    return (struct reach){ db_bool(r, end, COL_MEANT) ? r->rows : end, end };
}

/* The other way there is at least the row that this page lies behind. */
static void write_neighbours(struct listing *l, const struct db_result *r,
                             struct reach reach)
{
    int near = reach.shown > 0 && l->place.job_id[0] ? 0 : -1;
    int rows[2] = { l->place.back ? near : reach.last,
                    l->place.back ? reach.last : near };
    static const char *const KEYS[] = { "next", "previous" };
    for (int side = 0; side < 2; side++) {
        char text[JOB_PLACE_TEXT];
        struct job_place p = { .back = side == 1 };
        if (rows[side] < 0) {
            jw_knull(&l->w, KEYS[side]);
            continue;
        }
        p.key = db_int(r, rows[side], COL_KEY);
        snprintf(p.job_id, sizeof p.job_id, "%.*s",
                 STR_ARG(db_text(r, rows[side], JOB_ID)));
        jw_kcstr(&l->w, KEYS[side], job_place_text(&p, text));
    }
    if (l->rows > l->limit + 1 && reach.last >= 0)
        jw_kint(&l->w, "looked_at", db_int(r, reach.last, COL_NTH));
}

static void on_list(void *arg, const struct db_result *r)
{
    struct listing *l = arg;
    if (r->status != DB_OK) {
        call_fail(l->call, db_err(&JOB_LIST, r));
        return;
    }
    struct reach reach = measure(l, r);
    int n = reach.shown;
    buf_init(&l->out, REPLY_MAX);
    jw_begin(&l->w, &l->out);
    jw_object(&l->w);
    jw_key(&l->w, "jobs");
    jw_array(&l->w);
    for (int i = 0; i < n; i++) {
        jw_object(&l->w);
        job_row_write(&l->w, r, l->place.back ? n - 1 - i : i);
        jw_object_end(&l->w);
    }
    jw_array_end(&l->w);
    write_neighbours(l, r, reach);
    if (l->count)
        ask_match(l);
    else
        ask_counts(l);
}

static void ask_page(struct listing *l)
{
    char limit[DB_INT_TEXT], rows[DB_INT_TEXT], attempt[DB_INT_TEXT],
        time[CLOCK_TEXT_SIZE];
    bool placed = l->place.job_id[0], by_attempt = l->sort == JOB_SORT_ATTEMPT;
    struct str key =
        placed && by_attempt ? db_int_param(l->place.key, attempt) : db_null();
    struct str at = db_null();
    if (placed && !by_attempt)
        at = l->place.key < 0 ? STR("infinity") : str_of(clock_text(l->place.key, time));
    struct str params[] = {
        str_of(job_sort_name(l->sort)),
        l->desc != l->place.back ? STR("desc") : STR("asc"),
        l->filter,
        at,
        key,
        placed ? str_of(l->place.job_id) : db_null(),
        db_int_param(l->rows, rows),
        db_int_param(l->limit + 1, limit),
    };
    db_query_anew(l->call->svc->db, &JOB_LIST, params, ARRAY_LEN(params),
                  call_budget_ms(l->call), on_list, l);
}

static bool has_condition(const struct call *c)
{
    const struct value *filter = values_get(&c->body, "filter");
    return filter->kind == VALUE_JSON &&
           json_is_array(json_object_get(filter->json, "where"));
}

static bool read_place(struct listing *l)
{
    const struct value *cursor = values_get(&l->call->body, "cursor");
    if (cursor->kind != VALUE_STR || cursor->s.n == 0)
        return true;
    if (job_place_parse(cursor->s, &l->place) &&
        (l->sort != JOB_SORT_ATTEMPT || l->place.key <= INT16_MAX))
        return true;
    call_fail_field(l->call, "cursor", "This is not the `next` of another page.");
    return false;
}

bool mailer_read_filter(struct call *c, struct str *ret)
{
    const struct value *v = values_get(&c->body, "filter");
    const char *why;
    if (job_filter_text(v->kind == VALUE_JSON ? v->json : NULL, &c->arena, ret, &why))
        return true;
    call_fail_field(c, "filter", why ? why : "This filter is too long.");
    return false;
}

void mailer_handle_jobs_list(struct call *c)
{
    if (!call_body(c, SCHEMA_FULL))
        return;
    struct listing *l = arena_alloc(&c->arena, sizeof *l);
    const struct value *limit = values_get(&c->body, "limit");
    const struct value *sort = values_get(&c->body, "sort");
    const struct value *order = values_get(&c->body, "order");
    l->call = c;
    l->limit = limit->kind == VALUE_INT ? limit->i : LIMIT_DEFAULT;
    l->rows = has_condition(c) ? WHERE_ROWS : l->limit + 1;
    l->desc = order->kind != VALUE_STR || str_eq(order->s, STR("desc"));
    l->count = values_get(&c->body, "count")->kind == VALUE_BOOL &&
               values_get(&c->body, "count")->i;
    if (sort->kind == VALUE_STR && !job_sort_parse(sort->s, &l->sort))
        call_fail_field(c, "sort", "There is no such order.");
    else if (mailer_read_filter(c, &l->filter) && read_place(l))
        ask_page(l);
}
