/*
 * The sequencer's statement against a real Postgres: concurrent writers and sequencers, a
 * snapshot that another sequencer has overtaken, and retention. Each proof has a control
 * that must fail: a cursor over ids, and the statement without its row lock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "svc/embed.h"
#include "svc/test_postgres.h"

extern const struct embed_file embed_svc_sql[];

enum { WRITERS = 8, SEQUENCERS = 3, EVENTS = 250 };
enum { COL_WAITING = 2, COL_SEQ = 3, COL_AGGREGATE = 7 };

static const char TABLES[] =
    "create table event_stream (stream text primary key, epoch uuid not null,"
    " head bigint not null default 0);"
    "create table outbox (id bigint generated always as identity primary key,"
    " event_id uuid not null unique default gen_random_uuid(), stream text not null,"
    " aggregate_id bigint not null, type text not null, version smallint not null,"
    " payload jsonb not null, secret_sealed bytea, created_at timestamptz not null"
    " default now(), seq bigint, request_id bytea, trace_id bytea, span_id bytea,"
    " actor_id bigint, expires_at timestamptz, published_at timestamptz,"
    " unique (stream, seq));"
    "create index on outbox (id) where seq is null;"
    "create table event_consumer (name text, stream text, acked_seq bigint not null,"
    " seen_at timestamptz not null, primary key (name, stream));";

static struct test_postgres postgres;

static PGconn *connect_test(void)
{
    PGconn *c = test_postgres_connect(&postgres, "postgres", "postgres");

    assert_int_equal(PQstatus(c), CONNECTION_OK);
    return c;
}

static void run(PGconn *c, const char *sql)
{
    PGresult *r = PQexec(c, sql);
    ExecStatusType status = PQresultStatus(r);

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(c));
    PQclear(r);
}

static int64_t ask(PGconn *c, const char *sql)
{
    AUTO_FREE char *text = test_postgres_ask(c, sql);

    return strtoll(text, NULL, 10);
}

static int setup(void **state)
{
    PGconn *c = connect_test();

    run(c, "set client_min_messages = warning");
    run(c, "drop schema public cascade; create schema public");
    run(c, TABLES);
    run(c, "insert into event_stream values ('user', gen_random_uuid(), 0)");
    *state = c;
    return 0;
}

static int teardown(void **state)
{
    PQfinish(*state);
    return 0;
}

static PGresult *query(PGconn *c, const char *sql, const char *const *params, int n)
{
    PGresult *r = PQexecParams(c, sql, n, NULL, params, NULL, NULL, 0);

    if (PQresultStatus(r) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(c));
    return r;
}

static const char *sql_of(const char *name)
{
    const char *sql = embed_find(embed_svc_sql, name).p;

    assert_non_null(sql);
    return sql;
}

static const char *const COUNTING[] = { "user", "true" };
static const char *const SILENT[] = { "user", "false" };

/* Runs a variant of the sequencer's statement; the number of events it returned. */
static int sequence(PGconn *c, const char *sql)
{
    PGresult *r = query(c, sql, COUNTING, 2);
    int n = PQgetisnull(r, 0, COL_SEQ) ? 0 : PQntuples(r);

    PQclear(r);
    return n;
}

static void assert_gapless(PGconn *c, int64_t events)
{
    assert_int_equal(ask(c, "select count(*) from outbox where seq is null"), 0);
    assert_int_equal(ask(c, "select count(distinct seq) from outbox"), events);
    assert_int_equal(ask(c, "select min(seq) from outbox"), 1);
    assert_int_equal(ask(c, "select max(seq) from outbox"), events);
    assert_int_equal(ask(c, "select head from event_stream"), events);
}

/* --- many at once --------------------------------------------------------------------
 */

struct storm {
    atomic_int writing;
    atomic_int seen[WRITERS * EVENTS + 1]; /* how often a number was handed out */
    atomic_int rolled_back;
    int64_t passed_over; /* by the cursor over ids */
};

struct writer {
    struct storm *storm;
    int nth;
    pthread_t thread;
};

static void pause_us(unsigned us)
{
    nanosleep(&(struct timespec){ .tv_nsec = (long)us * 1000 }, NULL);
}

/* One aggregate a writer; payload.n is the order of its commits. */
static void *write_events(void *arg)
{
    struct writer *w = arg;
    PGconn *c = connect_test();
    unsigned seed = (unsigned)w->nth;

    for (int i = 0; i < EVENTS; i++) {
        AUTO_FREE char *insert = xasprintf(
            "begin; insert into outbox (stream, aggregate_id, type, version, payload) "
            "values ('user', %d, 't', 1, '{\"n\": %d}')",
            w->nth, i);
        run(c, insert);
        pause_us((unsigned)rand_r(&seed) % 3000); /* committed in another order */
        run(c, rand_r(&seed) % 10 == 0 ? "rollback" : "commit");
    }
    PQfinish(c);
    atomic_fetch_sub(&w->storm->writing, 1);
    return NULL;
}

static void note(struct storm *s, const PGresult *r)
{
    for (int i = 0; i < PQntuples(r) && !PQgetisnull(r, i, COL_SEQ); i++) {
        long seq = strtol(PQgetvalue(r, i, COL_SEQ), NULL, 10);
        assert_in_range(seq, 1, WRITERS * EVENTS);
        atomic_fetch_add(&s->seen[seq], 1);
    }
}

static void *sequence_events(void *arg)
{
    struct writer *w = arg;
    const char *sql = sql_of("outbox_sequence.sql");
    PGconn *c = connect_test();
    unsigned seed = 100 + (unsigned)w->nth;

    while (atomic_load(&w->storm->writing) > 0) {
        bool fails = rand_r(&seed) % 20 == 0;
        run(c, "begin");
        PGresult *r = query(c, sql, COUNTING, 2);
        run(c, fails ? "rollback" : "commit");
        if (!fails)
            note(w->storm, r);
        else if (!PQgetisnull(r, 0, COL_SEQ))
            atomic_fetch_add(&w->storm->rolled_back, 1);
        PQclear(r);
    }
    PQfinish(c);
    return NULL;
}

/* The control: remembers the highest id it saw. */
static void *follow_ids(void *arg)
{
    struct writer *w = arg;
    PGconn *c = connect_test();
    int64_t cursor = 0, seen = 0;
    bool last = false;

    while (!last) {
        last = atomic_load(&w->storm->writing) == 0;
        AUTO_FREE char *sql = xasprintf(
            "select count(*), max(id) from outbox where id > %lld", (long long)cursor);
        PGresult *r = query(c, sql, NULL, 0);
        seen += strtoll(PQgetvalue(r, 0, 0), NULL, 10);
        if (!PQgetisnull(r, 0, 1))
            cursor = strtoll(PQgetvalue(r, 0, 1), NULL, 10);
        PQclear(r);
        pause_us(1000);
    }
    w->storm->passed_over = ask(c, "select count(*) from outbox") - seen;
    PQfinish(c);
    return NULL;
}

static void start(struct writer *w, struct storm *s, int nth, void *(*fn)(void *))
{
    w->storm = s;
    w->nth = nth;
    assert_int_equal(pthread_create(&w->thread, NULL, fn, w), 0);
}

static void test_storm(void **state)
{
    PGconn *c = *state;
    struct storm *s = xcalloc(1, sizeof(*s));
    struct writer w[WRITERS + SEQUENCERS + 1];
    int n = 0;

    atomic_store(&s->writing, WRITERS);
    for (int i = 0; i < WRITERS; i++)
        start(&w[n++], s, i, write_events);
    for (int i = 0; i < SEQUENCERS; i++)
        start(&w[n++], s, i, sequence_events);
    start(&w[n++], s, 0, follow_ids);
    for (int i = 0; i < n; i++)
        pthread_join(w[i].thread, NULL);

    for (int got = 1; got > 0;) { /* what is left */
        PGresult *r = query(c, sql_of("outbox_sequence.sql"), COUNTING, 2);
        got = PQgetisnull(r, 0, COL_SEQ) ? 0 : PQntuples(r);
        note(s, r);
        PQclear(r);
    }
    int64_t events = ask(c, "select count(*) from outbox");
    assert_true(events > WRITERS * EVENTS / 2);
    assert_gapless(c, events);
    for (int64_t seq = 1; seq <= events; seq++) {
        if (atomic_load(&s->seen[seq]) != 1)
            fail_msg("number %lld was handed out %d times", (long long)seq,
                     atomic_load(&s->seen[seq]));
    }
    assert_int_equal(
        ask(c,
            "select count(*) from (select seq < lag(seq) over (partition by aggregate_id"
            " order by (payload->>'n')::int) as wrong from outbox) x where wrong"),
        0);
    print_message("%lld events, %d batches rolled back, a cursor over ids passed over "
                  "%lld\n",
                  (long long)events, atomic_load(&s->rolled_back),
                  (long long)s->passed_over);
    assert_true(s->passed_over > 0); /* otherwise the storm proves nothing */
    free(s);
}

/* --- a snapshot that was overtaken ---------------------------------------------------
 */

static char *replaced(const char *sql, const char *what, const char *with)
{
    const char *at = strstr(sql, what);

    assert_non_null(at);
    return xasprintf("%.*s%s%s", (int)(at - sql), sql, with, at + strlen(what));
}

struct slow {
    const char *sql;
    int events;
    pthread_t thread;
};

static void *run_slow(void *arg)
{
    struct slow *s = arg;
    PGconn *c = connect_test();

    run(c, "set application_name = 'slow'");
    s->events = sequence(c, s->sql);
    PQfinish(c);
    return NULL;
}

static void insert(PGconn *c, int n)
{
    AUTO_FREE char *sql = xasprintf("insert into outbox (stream, aggregate_id, type, "
                                    "version, payload) select 'user', "
                                    "1, 't', 1, '{}' from generate_series(1, %d)",
                                    n);
    run(c, sql);
}

/* A sequencer that sleeps between its snapshot and its lock, while another one numbers
 * all it saw; then three more events. Returns what the slow one handed out. */
static int overtake(PGconn *c, const char *sql)
{
    AUTO_FREE char *sleepy = replaced(sql, "where s.stream = $1\n",
                                      "where s.stream = $1 and (select true from "
                                      "pg_sleep(1))\n");
    struct slow slow = { .sql = sleepy };

    insert(c, 5);
    assert_int_equal(pthread_create(&slow.thread, NULL, run_slow, &slow), 0);
    while (ask(c, "select count(*) from pg_stat_activity where application_name = 'slow' "
                  "and wait_event = 'PgSleep'") == 0)
        pause_us(1000);
    assert_int_equal(sequence(c, sql_of("outbox_sequence.sql")), 5);
    pthread_join(slow.thread, NULL);
    insert(c, 3);
    sequence(c, sql_of("outbox_sequence.sql"));
    return slow.events;
}

static void test_overtaken(void **state)
{
    PGconn *c = *state;

    assert_int_equal(overtake(c, sql_of("outbox_sequence.sql")), 0);
    assert_gapless(c, 8);
}

/* The same without the row lock: the head moves for rows that are not its own. */
static void test_overtaken_control(void **state)
{
    PGconn *c = *state;
    AUTO_FREE char *naive =
        replaced(sql_of("outbox_sequence.sql"), "for update of o\n", "\n");
    AUTO_FREE char *guarded =
        replaced(naive, "where o.id = n.id\n", "where o.id = n.id and o.seq is null\n");

    overtake(c, guarded);
    assert_true(ask(c, "select max(seq) from outbox") > 8);
}

static void test_lock_is_skipped(void **state)
{
    PGconn *c = *state, *other = connect_test();

    insert(c, 2);
    run(other, "begin; select 1 from event_stream for update");
    assert_int_equal(sequence(c, sql_of("outbox_sequence.sql")), 0);
    run(other, "rollback");
    assert_int_equal(sequence(c, sql_of("outbox_sequence.sql")), 2);
    PQfinish(other);
}

static void test_batches(void **state)
{
    PGconn *c = *state;

    insert(c, 1203);
    assert_int_equal(sequence(c, sql_of("outbox_sequence.sql")), 500);
    assert_int_equal(sequence(c, sql_of("outbox_sequence.sql")), 500);
    assert_int_equal(sequence(c, sql_of("outbox_sequence.sql")), 203);
    assert_int_equal(sequence(c, sql_of("outbox_sequence.sql")), 0);
    assert_gapless(c, 1203);
}

/* What waits as the answer tells it; -1: it does not. */
static int waiting(PGconn *c, const char *const *params)
{
    PGresult *r = query(c, sql_of("outbox_sequence.sql"), params, 2);
    int n = PQgetisnull(r, 0, COL_WAITING)
                ? -1
                : (int)strtol(PQgetvalue(r, 0, COL_WAITING), NULL, 10);

    PQclear(r);
    return n;
}

/* Those of the batch are among them. */
static void test_waiting(void **state)
{
    PGconn *c = *state, *other = connect_test();

    assert_int_equal(waiting(c, COUNTING), 0);
    assert_int_equal(waiting(c, SILENT), -1);
    insert(c, 3);
    run(other, "begin; select 1 from event_stream for update");
    assert_int_equal(waiting(c, COUNTING), 3);
    assert_int_equal(waiting(c, SILENT), -1);
    run(other, "rollback");
    assert_int_equal(waiting(c, COUNTING), 3);
    insert(c, 3);
    assert_int_equal(waiting(c, SILENT), 3);
    insert(c, 1400);
    assert_int_equal(waiting(c, COUNTING), 1400);
    assert_int_equal(waiting(c, SILENT), -1);
    assert_int_equal(waiting(c, SILENT), 400);
    PQfinish(other);
}

/* Whether a batch counts what waits: the one step that reads "outbox late". */
static bool counts(PGconn *c, const char *const *params)
{
    AUTO_FREE char *explain =
        xasprintf("explain (analyze) %s", sql_of("outbox_sequence.sql"));
    PGresult *r = query(c, explain, params, 2);
    bool counted = false;

    for (int i = 0; i < PQntuples(r); i++) {
        const char *line = PQgetvalue(r, i, 0);
        if (strstr(line, "outbox late") && !strstr(line, "never executed"))
            counted = true;
    }
    PQclear(r);
    return counted;
}

static void test_only_a_full_batch_counts(void **state)
{
    PGconn *c = *state;

    insert(c, 3);
    assert_false(counts(c, COUNTING));
    insert(c, 1200);
    assert_false(counts(c, SILENT));
    assert_true(counts(c, COUNTING));
    assert_false(counts(c, COUNTING)); /* the last 200 */
    assert_gapless(c, 1203);
}

/* Five polls a second must not write: no row lock, so no transaction id. */
static void test_idle_writes_nothing(void **state)
{
    PGconn *c = *state;

    run(c, "begin");
    assert_int_equal(sequence(c, sql_of("outbox_sequence.sql")), 0);
    assert_int_equal(ask(c, "select count(pg_current_xact_id_if_assigned())"), 0);
    run(c, "commit");
}

/* --- pull and retention --------------------------------------------------------------
 */

static void test_pull(void **state)
{
    PGconn *c = *state;
    const char *params[] = { "user", "2", "3" };

    insert(c, 7);
    sequence(c, sql_of("outbox_sequence.sql"));
    PGresult *r = query(c, sql_of("outbox_pull.sql"), params, 3);
    assert_int_equal(PQntuples(r), 3);
    assert_string_equal(PQgetvalue(r, 0, COL_SEQ), "3");
    assert_string_equal(PQgetvalue(r, 2, COL_SEQ), "5");
    assert_string_equal(PQgetvalue(r, 0, 1), "7");
    assert_string_equal(PQgetvalue(r, 0, COL_AGGREGATE), "1");
    PQclear(r);
    params[1] = "7";
    r = query(c, sql_of("outbox_pull.sql"), params, 3);
    assert_int_equal(PQntuples(r), 1);
    assert_true(PQgetisnull(r, 0, COL_SEQ));
    assert_string_equal(PQgetvalue(r, 0, 1), "7");
    PQclear(r);
}

static int64_t prune(PGconn *c, const char *keep, const char *limit)
{
    const char *params[] = { "user", keep, limit };
    PGresult *r = query(c, sql_of("outbox_prune.sql"), params, 3);
    int64_t n = strtoll(PQgetvalue(r, 0, 0), NULL, 10);

    PQclear(r);
    return n;
}

static void test_retention(void **state)
{
    PGconn *c = *state;

    insert(c, 10);
    sequence(c, sql_of("outbox_sequence.sql"));
    insert(c, 1);                                           /* has no number yet: stays */
    assert_int_equal(prune(c, "infinity", "-infinity"), 0); /* nobody has read them */
    run(c, "insert into event_consumer values ('a', 'user', 8, now()),"
           " ('b', 'user', 4, now())");
    assert_int_equal(prune(c, "-infinity", "-infinity"), 0); /* too young */
    assert_int_equal(prune(c, "infinity", "-infinity"), 4);
    assert_int_equal(ask(c, "select min(seq) from outbox"), 5);
    assert_int_equal(prune(c, "infinity", "infinity"), 6); /* the hard limit */
    assert_int_equal(ask(c, "select count(*) from outbox"), 1);
    assert_int_equal(ask(c, "select head from event_stream"), 10);
}

/* The most rows that a step of the statement read, its filtered ones included. */
static long most_rows_read(PGconn *c, const char *sql, const char *const *params, int n)
{
    AUTO_FREE char *explain = xasprintf("explain (analyze, timing off) %s", sql);
    PGresult *r = query(c, explain, params, n);
    long most = 0;

    for (int i = 0; i < PQntuples(r); i++) {
        const char *line = PQgetvalue(r, i, 0);
        const char *read = strstr(line, "actual rows="),
                   *dropped = strstr(line, "Removed");
        const char *number = read      ? read + strlen("actual rows=")
                             : dropped ? strrchr(line, ' ')
                                       : "0";
        long rows = strtol(number, NULL, 10);
        most = rows > most ? rows : most;
    }
    PQclear(r);
    return most;
}

static void test_retention_reads_what_it_may_delete(void **state)
{
    PGconn *c = *state;
    const char *params[] = { "user", "infinity", "-infinity" };

    run(c, "insert into outbox (stream, aggregate_id, type, version, payload, seq)"
           " select 'user', n, 'user.updated', 1, '{}', n"
           " from generate_series(1, 20000) n");
    run(c, "update event_stream set head = 20000");
    run(c, "insert into event_consumer values ('a', 'user', 10, now())");
    run(c, "analyze outbox");
    assert_in_range(most_rows_read(c, sql_of("outbox_prune.sql"), params, 3), 10, 1000);
    assert_int_equal(ask(c, "select min(seq) from outbox"), 11);
}

static void test_seen_never_goes_back(void **state)
{
    PGconn *c = *state;
    const char *params[] = { "mailer", "user", "9", "2026-01-01T00:00:00Z" };

    for (int i = 0; i < 2; i++) {
        PGresult *r =
            PQexecParams(c, sql_of("outbox_seen.sql"), 4, NULL, params, NULL, NULL, 0);
        assert_int_equal(PQresultStatus(r), PGRES_COMMAND_OK);
        PQclear(r);
        params[2] = "3";
    }
    assert_int_equal(ask(c, "select acked_seq from event_consumer"), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_storm, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overtaken, setup, teardown),
        cmocka_unit_test_setup_teardown(test_overtaken_control, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lock_is_skipped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_a_full_batch_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle_writes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pull, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention_reads_what_it_may_delete, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_seen_never_goes_back, setup, teardown),
    };

    if (!test_postgres_new(&postgres)) {
        test_postgres_free(&postgres);
        return 0;
    }
    int failed = cmocka_run_group_tests_name("events_publisher", tests, NULL, NULL);
    test_postgres_free(&postgres);
    return failed;
}
