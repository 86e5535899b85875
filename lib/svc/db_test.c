#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/db.h"
#include "svc/log.h"
#include "svc/metrics.h"
#include "svc/test_postgres.h"

enum { GUARD_MS = 20000, PLENTY_MS = 8000 };

#define FILE_OF(name, sql)                                                               \
    {                                                                                    \
        name ".sql", sql, sizeof(sql) - 1                                                \
    }

static const struct embed_file SQL[] = {
    { "0001_not_a_query.sql", "nonsense", 8 },
    FILE_OF("echo", "select $1::text, $2::bigint, $3::boolean"),
    FILE_OF("divide", "select 10 / $1::int"),
    FILE_OF("items", "select id, name from item where id = any($1::bigint[])"),
    FILE_OF("items_alone", "select id, name from item where id = any($1::bigint[])"),
    FILE_OF("item_add", "insert into item (id, name) values ($1, $2) returning id"),
    FILE_OF("part_add", "insert into part (item) values ($1)"),
    FILE_OF("sleep", "select pg_sleep($1::float8)"),
    FILE_OF("sleep_write", "select pg_sleep($1::float8)"),
    FILE_OF("sleep_search", "select pg_sleep($1::float8)"),
    FILE_OF("setting", "select current_setting($1::text)"),
    FILE_OF("draw", "select nextval('draws')::text || coalesce($1::text, ' of nothing')"),
    FILE_OF("third_time", "select third_time()"),
    FILE_OF("never", "select never()"),
    FILE_OF("broken", "select from no_such_table where x = $1"),
    FILE_OF("where_am_i", "select current_schema()"),
    FILE_OF("times", "select $1::timestamptz"),
    FILE_OF("ids", "select nextval('item_ids') from generate_series(1, $1::int)"),
    { 0 },
};
static const struct embed_file *const SETS[] = { SQL, NULL };

static const struct db_stmt ECHO = { "echo", DB_POINT };
static const struct db_stmt DIVIDE = { "divide", DB_POINT };
static const struct db_stmt ITEMS = { "items", DB_POINT };
static const struct db_stmt ITEMS_ALONE = { "items_alone", DB_POINT };
static const struct db_stmt ITEM_ADD = { "item_add", DB_WRITE };
static const struct db_stmt PART_ADD = { "part_add", DB_WRITE };
static const struct db_stmt SLEEP = { "sleep", DB_LIST };
static const struct db_stmt SLEEP_WRITE = { "sleep_write", DB_WRITE };
static const struct db_stmt SLEEP_SEARCH = { "sleep_search", DB_SEARCH };
static const struct db_stmt SETTING = { "setting", DB_SEARCH };
static const struct db_stmt DRAW = { "draw", DB_LIST };
static const struct db_stmt DRAW_POINT = { "draw", DB_POINT };
static const struct db_stmt THIRD_TIME = { "third_time", DB_WRITE };
static const struct db_stmt NEVER = { "never", DB_WRITE };
static const struct db_stmt BROKEN = { "broken", DB_POINT };
static const struct db_stmt WHERE_AM_I = { "where_am_i", DB_LIST };
static const struct db_stmt TIMES = { "times", DB_POINT };
static const struct db_stmt IDS = { "ids", DB_WRITE };

static const char SETUP[] =
    "create table item (id bigint primary key, name text not null);"
    "create table part (item bigint constraint part_item references item);"
    "insert into item values (1, 'one'), (2, 'two'), (3, 'three');"
    "create schema elsewhere;"
    "create sequence item_ids; create sequence tries; create sequence draws;"
    "create function third_time() returns bigint language plpgsql as $$"
    "declare n bigint := nextval('tries'); begin if n % 3 <> 0 then"
    " raise exception 'again' using errcode = '40001'; end if; return n; end $$;"
    "create function never() returns bigint language plpgsql as $$ begin"
    " raise exception 'again' using errcode = '40P01'; end $$;";

struct fixture {
    struct test_postgres pg;
    PGconn *admin;
};

static struct fixture shared;

static int group_setup(void **state)
{
    if (!test_postgres_new(&shared.pg))
        return *shared.pg.bin ? -1 : 0;
    shared.admin = test_postgres_connect(&shared.pg, "postgres", "postgres");
    free(test_postgres_ask(shared.admin, SETUP));
    *state = &shared;
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    PQfinish(shared.admin);
    test_postgres_free(&shared.pg);
    return 0;
}

/* ---- one test's loop and database -------------------------------------------- */

struct answer {
    struct bench *bench;
    unsigned times;
    enum db_status status;
    int row, rows;
    char text[128], constraint[64], time[CLOCK_TEXT_SIZE];
    int64_t number, at_ms;
    bool flag, null;
};

struct bench {
    struct loop *loop;
    struct db *db;
    unsigned owed;
    bool timed_out;
};

static void on_guard(void *arg)
{
    struct bench *b = arg;
    b->timed_out = true;
    loop_stop(b->loop);
}

static void open_with(struct bench *b, const char *host, const char *schema)
{
    struct db_config cfg = { .host = host,
                             .dbname = "postgres",
                             .user = "postgres",
                             .application = "db_test",
                             .schema = schema,
                             .connections = { 1, 1, 2, 2 } };
    *b = (struct bench){ .loop = loop_new() };
    b->db = db_open(b->loop, &cfg, SETS);
}

static void open_bench(struct bench *b)
{
    if (!*shared.pg.bin)
        skip();
    open_with(b, shared.pg.dir, NULL);
}

static void close_bench(struct bench *b)
{
    db_close(&b->db);
    loop_free(&b->loop);
}

static void run_until_answered(struct bench *b)
{
    struct loop_timer *guard = loop_timer(b->loop, GUARD_MS, 0, on_guard, b);
    if (b->owed > 0)
        loop_run(b->loop);
    assert_false(b->timed_out);
    loop_timer_cancel(&guard);
}

static void answered(struct answer *a)
{
    a->times++;
    a->at_ms = clock_mono_ms();
    if (--a->bench->owed == 0)
        loop_stop(a->bench->loop);
}

static void on_answer(void *arg, const struct db_result *r)
{
    struct answer *a = arg;
    a->status = r->status;
    a->rows = r->rows;
    snprintf(a->text, sizeof(a->text), "%.*s", STR_ARG(db_text(r, 0, 0)));
    snprintf(a->constraint, sizeof(a->constraint), "%s", db_constraint(r));
    db_time(r, 0, 0, a->time);
    a->null = db_is_null(r, 0, 0);
    a->number = db_int(r, 0, 1);
    a->flag = db_bool(r, 0, 2);
    answered(a);
}

static void on_row(void *arg, const struct db_result *r, int row)
{
    struct answer *a = arg;
    a->status = r->status;
    a->row = row;
    snprintf(a->text, sizeof(a->text), "%.*s", STR_ARG(db_text(r, row, 1)));
    answered(a);
}

static void ask(struct bench *b, struct answer *a, const struct db_stmt *stmt,
                const char *param, uint32_t timeout_ms)
{
    struct str p = param ? str_of(param) : db_null();
    *a = (struct answer){ .bench = b };
    b->owed++;
    db_query(b->db, stmt, &p, 1, timeout_ms, on_answer, a);
    assert_int_equal(a->times, 0); /* never before it returned */
}

/* Every connection is made: what is asked from now on is sent at once. */
static void wait_ready(struct bench *b)
{
    struct answer a;
    int64_t until = clock_mono_ms() + GUARD_MS;
    while (!db_ready(b->db) && clock_mono_ms() < until) {
        ask(b, &a, &DIVIDE, "1", PLENTY_MS);
        run_until_answered(b);
    }
    assert_true(db_ready(b->db));
}

static void look_up(struct bench *b, struct answer *a, const struct db_stmt *stmt,
                    int64_t key)
{
    *a = (struct answer){ .bench = b };
    b->owed++;
    db_lookup(b->db, stmt, key, PLENTY_MS, on_row, a);
}

static int64_t count_of(const char *statement, const char *status)
{
    AUTO_FREE char *labels =
        xasprintf("statement=\"%s\",status=\"%s\"", statement, status);
    return metric_value(metric_counter("db_queries_total", "", labels));
}

/* ---- values ------------------------------------------------------------------ */

static void values_pass_both_ways(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct answer a = { .bench = &b }, n = { .bench = &b };
    char id[DB_INT_TEXT];
    struct str params[] = { STR("caf\xc3\xa9 'quoted' \\"), db_int_param(INT64_MIN, id),
                            STR("true") };
    struct str nulls[] = { db_null(), db_null(), STR("false") };
    b.owed = 2;
    db_query(b.db, &ECHO, params, 3, PLENTY_MS, on_answer, &a);
    db_query(b.db, &ECHO, nulls, 3, PLENTY_MS, on_answer, &n);
    memset(id, 'x', sizeof(id)); /* the values were copied */
    run_until_answered(&b);
    assert_int_equal(a.status, DB_OK);
    assert_int_equal(a.rows, 1);
    assert_string_equal(a.text, "caf\xc3\xa9 'quoted' \\");
    assert_true(a.number == INT64_MIN);
    assert_true(a.flag);
    assert_false(a.null);
    assert_int_equal(n.status, DB_OK);
    assert_true(n.null);
    assert_true(n.number == 0);
    assert_false(n.flag);
    close_bench(&b);
}

static void a_nul_is_refused_not_cut(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct answer a = { .bench = &b };
    struct str params[] = { STR("one\0two"), STR("1"), STR("t") };
    b.owed = 1;
    db_query(b.db, &ECHO, params, 3, PLENTY_MS, on_answer, &a);
    run_until_answered(&b);
    assert_int_equal(a.status, DB_REFUSED);
    close_bench(&b);
}

static void times_are_printed_one_way(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "2026-11-22 10:12:57.161784+00", "2026-11-22T10:12:57.161784Z" },
        { "2026-11-22T12:12:57.5+02:00", "2026-11-22T10:12:57.500000Z" },
        { "2026-11-22T10:12:57Z", "2026-11-22T10:12:57Z" },
        { NULL, "" },
    };
    struct bench b;
    open_bench(&b);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer a;
        ask(&b, &a, &TIMES, cases[i].in, PLENTY_MS);
        run_until_answered(&b);
        assert_string_equal(a.time, cases[i].out);
    }
    close_bench(&b);
}

/* ---- neighbours -------------------------------------------------------------- */

static void a_failing_read_spares_its_neighbours(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct answer a[9];
    for (int i = 0; i < 9; i++)
        ask(&b, &a[i], i == 7 ? &BROKEN : &DIVIDE, i % 4 == 1 ? "0" : "5", PLENTY_MS);
    run_until_answered(&b);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(a[i].times, 1);
        assert_int_equal(a[i].status, i % 4 == 1 || i == 7 ? DB_REFUSED : DB_OK);
        assert_string_equal(a[i].text, a[i].status == DB_OK ? "2" : "");
    }
    close_bench(&b);
}

static void equal_keys_of_a_turn_are_one_query(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    int64_t before = count_of("items_alone", "ok");
    const int64_t keys[] = { 3, 1, 99, 3, 1, -5 };
    const char *const names[] = { "three", "one", "", "three", "one", "" };
    struct answer a[ARRAY_LEN(keys)];
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        look_up(&b, &a[i], &ITEMS_ALONE, keys[i]);
    run_until_answered(&b);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        assert_int_equal(a[i].status, DB_OK);
        assert_string_equal(a[i].text, names[i]);
        assert_int_equal(a[i].row < 0, *names[i] == '\0');
    }
    assert_int_equal(count_of("items_alone", "ok"), before + 1);
    close_bench(&b);
}

static void equal_lists_that_wait_are_one_query(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    const char *const values[] = { "a", "b", "a", NULL, "", "a", NULL };
    struct answer a[ARRAY_LEN(values)];
    int64_t before = metric_value(metric_counter("db_queries_joined_total", "", ""));
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        ask(&b, &a[i], &DRAW, values[i], PLENTY_MS);
    run_until_answered(&b);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        assert_int_equal(a[i].times, 1);
        assert_int_equal(a[i].status, DB_OK);
        for (size_t j = 0; j < i; j++) {
            bool same = values[i] && values[j] ? strcmp(values[i], values[j]) == 0
                                               : values[i] == values[j];
            assert_int_equal(strcmp(a[i].text, a[j].text) == 0, same);
        }
    }
    assert_int_equal(metric_value(metric_counter("db_queries_joined_total", "", "")),
                     before + 3);
    close_bench(&b);
}

struct second {
    struct bench *bench;
    struct answer *late;
};

static void ask_once_more(void *arg)
{
    struct second *s = arg;
    ask(s->bench, s->late, &DRAW, "a", PLENTY_MS);
}

/* What is on its way began before the second question: its answer would be too old. The
 * lane's one connection is busy, so the second one waits. */
static void a_list_that_was_sent_is_not_joined(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct answer slow, first, late;
    wait_ready(&b);
    ask(&b, &slow, &SLEEP, "0.2", PLENTY_MS);
    ask(&b, &first, &DRAW, "a", PLENTY_MS);
    struct second s = { &b, &late };
    loop_timer(b.loop, 50, 0, ask_once_more, &s);
    run_until_answered(&b);
    assert_int_equal(late.status, DB_OK);
    assert_string_not_equal(first.text, late.text);
    close_bench(&b);
}

static void reads_by_key_and_writes_are_not_joined(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct answer one, two;
    ask(&b, &one, &DRAW_POINT, "a", PLENTY_MS);
    ask(&b, &two, &DRAW_POINT, "a", PLENTY_MS);
    run_until_answered(&b);
    assert_string_not_equal(one.text, two.text);
    close_bench(&b);
}

/* Nobody listens there: all who joined are told, each once. */
static void who_joined_a_list_is_told_that_it_was_never_sent(void **state)
{
    (void)state;
    struct bench b;
    if (!*shared.pg.bin)
        skip();
    open_with(&b, "/nonexistent", NULL);
    struct answer one, two;
    ask(&b, &one, &DRAW, "a", 100);
    ask(&b, &two, &DRAW, "a", 300);
    run_until_answered(&b);
    assert_int_equal(one.times, 1);
    assert_int_equal(two.times, 1);
    assert_int_equal(one.status, DB_UNAVAILABLE);
    assert_int_equal(two.status, DB_UNAVAILABLE);
    close_bench(&b);
}

static void more_keys_than_one_query_takes(void **state)
{
    (void)state;
    enum { KEYS = 1300 };
    struct bench b;
    open_bench(&b);
    struct answer *a = xcalloc(KEYS, sizeof(*a));
    for (int i = 0; i < KEYS; i++)
        look_up(&b, &a[i], &ITEMS, i % 5);
    run_until_answered(&b);
    for (int i = 0; i < KEYS; i++)
        assert_int_equal(a[i].row >= 0, i % 5 >= 1 && i % 5 <= 3);
    free(a);
    close_bench(&b);
}

/* ---- writes ------------------------------------------------------------------ */

static void constraints_have_names(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct answer unique = { .bench = &b }, foreign, good;
    struct str params[] = { STR("1"), STR("again") };
    b.owed = 1;
    db_query(b.db, &ITEM_ADD, params, 2, PLENTY_MS, on_answer, &unique);
    ask(&b, &foreign, &PART_ADD, "777", PLENTY_MS);
    ask(&b, &good, &PART_ADD, "1", PLENTY_MS);
    run_until_answered(&b);
    assert_int_equal(unique.status, DB_CONFLICT);
    assert_string_equal(unique.constraint, "item_pkey");
    assert_int_equal(foreign.status, DB_FOREIGN_KEY);
    assert_string_equal(foreign.constraint, "part_item");
    assert_int_equal(good.status, DB_OK);
    close_bench(&b);
}

static void conflicts_are_tried_again(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct answer third = { .bench = &b }, never = { .bench = &b };
    b.owed = 2;
    db_query(b.db, &THIRD_TIME, NULL, 0, PLENTY_MS, on_answer, &third);
    db_query(b.db, &NEVER, NULL, 0, PLENTY_MS, on_answer, &never);
    run_until_answered(&b);
    assert_int_equal(third.status, DB_OK);
    assert_string_equal(third.text, "3");
    assert_int_equal(never.status, DB_UNAVAILABLE);
    close_bench(&b);
}

static void what_a_lost_write_did_is_unknown(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct answer first, write, read;
    ask(&b, &first, &SLEEP_WRITE, "0", PLENTY_MS);
    run_until_answered(&b);
    ask(&b, &write, &SLEEP_WRITE, "5", PLENTY_MS);
    ask(&b, &read, &SLEEP, "0.3", PLENTY_MS);
    b.owed += 1;
    struct answer marker = { .bench = &b };
    struct str params[] = { STR("x"), STR("1"), STR("t") };
    db_query(b.db, &ECHO, params, 3, PLENTY_MS, on_answer, &marker);
    while (marker.times == 0) { /* by then the others have been sent */
        b.owed = 1;
        run_until_answered(&b);
    }
    b.owed = 2;
    free(test_postgres_ask(shared.admin,
                           "select pg_terminate_backend(pid) from pg_stat_activity"
                           " where application_name = 'db_test'"));
    run_until_answered(&b);
    assert_int_equal(write.status, DB_UNKNOWN);
    assert_int_equal(read.status, DB_OK);
    close_bench(&b);
}

/* ---- time -------------------------------------------------------------------- */

static void a_slow_list_stalls_no_item(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct answer slow, quick, later;
    int64_t start = clock_mono_ms();
    ask(&b, &slow, &SLEEP, "30", 400);
    ask(&b, &quick, &DIVIDE, "5", PLENTY_MS);
    run_until_answered(&b);
    assert_int_equal(slow.status, DB_TIMEOUT);
    assert_in_range(slow.at_ms - start, 400, 2000);
    assert_int_equal(quick.status, DB_OK);
    assert_true(quick.at_ms < slow.at_ms);
    /* The stuck connection is replaced, though the server still sleeps on the old one. */
    ask(&b, &later, &SLEEP, "0", PLENTY_MS);
    run_until_answered(&b);
    assert_int_equal(later.status, DB_OK);
    close_bench(&b);
}

static void a_slow_search_stalls_no_other(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct answer slow, quick[3];
    ask(&b, &slow, &SLEEP_SEARCH, "1.5", PLENTY_MS);
    for (unsigned i = 0; i < ARRAY_LEN(quick); i++)
        ask(&b, &quick[i], &SLEEP_SEARCH, "0", PLENTY_MS);
    run_until_answered(&b);
    assert_int_equal(slow.status, DB_OK);
    for (unsigned i = 0; i < ARRAY_LEN(quick); i++) {
        assert_int_equal(quick[i].status, DB_OK);
        assert_true(quick[i].at_ms < slow.at_ms); /* none waits behind it */
    }
    close_bench(&b);
}

/* Its server ends it, so nobody pays for it any longer than that. */
static void an_overdue_search_keeps_its_connection(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct answer slow[2], later, plans;
    wait_ready(&b);
    for (unsigned i = 0; i < ARRAY_LEN(slow); i++)
        ask(&b, &slow[i], &SLEEP_SEARCH, i ? "1.5" : "1.50", 100); /* not the same */
    run_until_answered(&b);
    for (unsigned i = 0; i < ARRAY_LEN(slow); i++)
        assert_int_equal(slow[i].status, DB_TIMEOUT);
    int64_t start = clock_mono_ms();
    ask(&b, &plans, &SETTING, "plan_cache_mode", PLENTY_MS);
    ask(&b, &later, &SETTING, "statement_timeout", PLENTY_MS);
    run_until_answered(&b);
    assert_string_equal(plans.text, "force_custom_plan");
    assert_string_equal(later.text, "5s");
    assert_true(later.at_ms - start >
                1000); /* after the sleepers, on their connections */
    close_bench(&b);
}

/* All connections work for others: that says nothing about the database. */
static void a_query_that_found_no_place_is_told_so(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct answer slow[2], late;
    wait_ready(&b);
    for (unsigned i = 0; i < ARRAY_LEN(slow); i++)
        ask(&b, &slow[i], &SLEEP_SEARCH, i ? "0.5" : "0.50",
            PLENTY_MS); /* not the same */
    ask(&b, &late, &SLEEP_SEARCH, "0", 100);
    run_until_answered(&b);
    assert_int_equal(late.status, DB_BUSY);
    assert_int_equal(slow[0].status, DB_OK);
    close_bench(&b);
}

static void a_lane_nobody_wants_has_no_connection(void **state)
{
    (void)state;
    if (!*shared.pg.bin)
        skip();
    struct bench b = { .loop = loop_new() };
    const struct db_config cfg = { .host = shared.pg.dir,
                                   .dbname = "postgres",
                                   .user = "postgres",
                                   .application = "db_test_few" };
    b.db = db_open(b.loop, &cfg, SETS);
    struct answer a;
    do {
        ask(&b, &a, &SLEEP, "0.01", PLENTY_MS);
        run_until_answered(&b);
        assert_int_equal(a.status, DB_OK);
    } while (!db_ready(b.db));
    AUTO_FREE char *n =
        test_postgres_ask(shared.admin, "select count(*) from pg_stat_activity"
                                        " where application_name = 'db_test_few'");
    assert_string_equal(n, "3");
    close_bench(&b);
}

static void without_a_server_nothing_was_sent(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "/nonexistent", NULL);
    struct answer read, write;
    ask(&b, &read, &DIVIDE, "5", 100);
    ask(&b, &write, &PART_ADD, "1", 100);
    run_until_answered(&b);
    assert_int_equal(read.status, DB_UNAVAILABLE);
    assert_int_equal(write.status, DB_UNAVAILABLE);
    assert_false(db_ready(b.db));
    assert_int_equal(db_in_flight(b.db), 0);
    close_bench(&b);
}

static void a_name_without_an_address_is_no_server(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "no-such-host.invalid", NULL);
    struct answer a;
    ask(&b, &a, &DIVIDE, "5", 200);
    run_until_answered(&b);
    assert_int_equal(a.status, DB_UNAVAILABLE);
    close_bench(&b);
}

static void a_restart_is_survived(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct answer before, after;
    ask(&b, &before, &DIVIDE, "5", PLENTY_MS);
    run_until_answered(&b);
    PQfinish(shared.admin);
    test_postgres_stop(&shared.pg);
    assert_true(test_postgres_start(&shared.pg));
    shared.admin = test_postgres_connect(&shared.pg, "postgres", "postgres");
    ask(&b, &after, &DIVIDE, "2", PLENTY_MS);
    run_until_answered(&b);
    assert_int_equal(after.status, DB_OK);
    assert_string_equal(after.text, "5");
    close_bench(&b);
}

/* ---- the rest ---------------------------------------------------------------- */

static void the_schema_is_set(void **state)
{
    (void)state;
    struct bench b;
    if (!*shared.pg.bin)
        skip();
    open_with(&b, shared.pg.dir, "elsewhere");
    struct answer a = { .bench = &b };
    b.owed = 1;
    db_query(b.db, &WHERE_AM_I, NULL, 0, PLENTY_MS, on_answer, &a);
    run_until_answered(&b);
    assert_string_equal(a.text, "elsewhere");
    close_bench(&b);
}

struct id_answers {
    struct bench *bench;
    int64_t ids[100];
    unsigned n;
};

static void on_id(void *arg, int64_t id)
{
    struct id_answers *a = arg;
    a->ids[a->n++] = id;
    if (--a->bench->owed == 0)
        loop_stop(a->bench->loop);
}

static void ids_come_once_each(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct id_answers a = { .bench = &b };
    struct db_ids *ids = db_ids_new(b.db, &IDS, 8);
    for (unsigned round = 1; round <= 4; round++) {
        b.owed = 25;
        for (int i = 0; i < 25; i++)
            db_ids_take(ids, PLENTY_MS, on_id, &a);
        run_until_answered(&b);
        assert_int_equal(a.n, round * 25);
    }
    for (unsigned i = 0; i < a.n; i++)
        for (unsigned j = 0; j < i; j++)
            assert_true(a.ids[i] > 0 && a.ids[i] != a.ids[j]);
    db_ids_free(&ids);
    close_bench(&b);
}

static void ids_without_a_server_are_zero(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, "/nonexistent", NULL);
    struct id_answers a = { .bench = &b };
    struct db_ids *ids = db_ids_new(b.db, &IDS, 8);
    b.owed = 2;
    db_ids_take(ids, 50, on_id, &a);
    db_ids_take(ids, 50, on_id, &a);
    run_until_answered(&b);
    assert_int_equal(a.n, 2);
    assert_true(a.ids[0] == 0 && a.ids[1] == 0);
    db_ids_free(&ids);
    close_bench(&b);
}

static void closing_forgets_what_is_owed(void **state)
{
    (void)state;
    struct bench b;
    open_bench(&b);
    struct answer a, l;
    struct db_ids *ids = db_ids_new(b.db, &IDS, 8);
    struct id_answers taken = { .bench = &b };
    ask(&b, &a, &SLEEP, "5", PLENTY_MS);
    look_up(&b, &l, &ITEMS, 1);
    db_ids_take(ids, PLENTY_MS, on_id, &taken);
    close_bench(&b);
    db_ids_free(&ids);
    assert_int_equal(a.times + l.times + taken.n, 0);
}

int main(void)
{
    log_levels("fatal");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_pass_both_ways),
        cmocka_unit_test(a_nul_is_refused_not_cut),
        cmocka_unit_test(times_are_printed_one_way),
        cmocka_unit_test(a_failing_read_spares_its_neighbours),
        cmocka_unit_test(equal_keys_of_a_turn_are_one_query),
        cmocka_unit_test(equal_lists_that_wait_are_one_query),
        cmocka_unit_test(a_list_that_was_sent_is_not_joined),
        cmocka_unit_test(reads_by_key_and_writes_are_not_joined),
        cmocka_unit_test(who_joined_a_list_is_told_that_it_was_never_sent),
        cmocka_unit_test(more_keys_than_one_query_takes),
        cmocka_unit_test(constraints_have_names),
        cmocka_unit_test(conflicts_are_tried_again),
        cmocka_unit_test(what_a_lost_write_did_is_unknown),
        cmocka_unit_test(a_slow_list_stalls_no_item),
        cmocka_unit_test(a_slow_search_stalls_no_other),
        cmocka_unit_test(an_overdue_search_keeps_its_connection),
        cmocka_unit_test(a_query_that_found_no_place_is_told_so),
        cmocka_unit_test(a_lane_nobody_wants_has_no_connection),
        cmocka_unit_test(without_a_server_nothing_was_sent),
        cmocka_unit_test(a_name_without_an_address_is_no_server),
        cmocka_unit_test(a_restart_is_survived),
        cmocka_unit_test(the_schema_is_set),
        cmocka_unit_test(ids_come_once_each),
        cmocka_unit_test(ids_without_a_server_are_zero),
        cmocka_unit_test(closing_forgets_what_is_owed),
    };
    return cmocka_run_group_tests_name("db", tests, group_setup, group_teardown);
}
