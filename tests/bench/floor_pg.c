/*
 * Floor of the database: what the product's SELECT costs through libpq's pipeline.
 *
 * One connection over the Unix socket, one prepared statement, random ids, 32 queries in
 * flight: as many new ones go out under one sync as a turn of the loop got answers, which
 * is how the catalog does it. Values are read as text and thrown away, no JSON is made.
 * With --merged the statement takes an array ("= any($1)") and all ids in flight travel
 * as one query.
 *
 * Prints CPU per id, the client's and that of the one Postgres process behind the
 * connection (same machine, so the kernel can be asked).
 */
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IN_FLIGHT_MAX = 1024, ID_TEXT = 12 };

struct options {
    const char *conninfo;
    const char *sql;
    long seconds;
    long in_flight;
    long ids;
    long rows; /* of each answer, without --merged */
    bool merged;
};

struct run {
    const struct options *o;
    PGconn *conn;
    uint32_t random;
    long in_flight; /* queries without an answer */
    long syncs;     /* syncs without an answer */
    long answered;  /* ids, or queries of --rows */
    size_t bytes;   /* of values seen */
    size_t sum;     /* of their first bytes: the values are read, not only received */
};

static _Noreturn void die_pg(const struct run *r, const char *what)
{
    bench_die("%s: %s", what, PQerrorMessage(r->conn));
}

/* ---- sending ----------------------------------------------------------------- */

static long random_id(struct run *r)
{
    return 1 + (long)(bench_random(&r->random) % (uint32_t)r->o->ids);
}

static void send_query(struct run *r, const char *parameter)
{
    if (!PQsendQueryPrepared(r->conn, "floor", 1, &parameter, NULL, NULL, 0))
        die_pg(r, "cannot send");
    r->in_flight++;
}

static void send_single(struct run *r)
{
    char id[ID_TEXT];
    snprintf(id, sizeof(id), "%ld", random_id(r));
    send_query(r, id);
}

static long random_new_id(struct run *r, const long *seen, long count)
{
    long id = random_id(r);
    for (long i = 0; i < count; i++)
        if (seen[i] == id)
            return random_new_id(r, seen, count);
    return id;
}

static void send_merged(struct run *r)
{
    long seen[IN_FLIGHT_MAX];
    char list[IN_FLIGHT_MAX * ID_TEXT];
    char *end = list;
    for (long i = 0; i < r->o->in_flight; i++) {
        seen[i] = random_new_id(r, seen, i);
        end += snprintf(end, ID_TEXT, "%c%ld", i ? ',' : '{', seen[i]);
    }
    memcpy(end, "}", 2);
    send_query(r, list);
}

static void send_batch(struct run *r, long count)
{
    for (long i = 0; i < count; i++) {
        if (r->o->merged)
            send_merged(r);
        else
            send_single(r);
    }
    if (!PQpipelineSync(r->conn))
        die_pg(r, "cannot send");
    r->syncs++;
}

/* ---- receiving --------------------------------------------------------------- */

static void read_rows(struct run *r, const PGresult *result)
{
    long expected = r->o->merged ? r->o->in_flight : r->o->rows;
    int rows = PQntuples(result);
    if (rows != expected)
        bench_die("%d rows instead of %ld: are the ids 1..%ld in the table?", rows,
                  expected, r->o->ids);
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < PQnfields(result); column++) {
            r->bytes += (size_t)PQgetlength(result, row, column);
            r->sum += (unsigned char)*PQgetvalue(result, row, column);
        }
    r->answered += r->o->merged ? rows : 1;
}

/* Everything that can be had without waiting; the number of queries it answered. */
static long take_results(struct run *r)
{
    long taken = 0;
    while ((r->in_flight || r->syncs) && !PQisBusy(r->conn)) {
        PGresult *result = PQgetResult(r->conn);
        if (!result)
            continue; /* the boundary between two queries */
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_PIPELINE_SYNC) {
            r->syncs--;
        } else if (status == PGRES_TUPLES_OK) {
            read_rows(r, result);
            r->in_flight--;
            taken++;
        } else {
            die_pg(r, "query failed");
        }
        PQclear(result);
    }
    return taken;
}

static void wait_for_socket(struct run *r)
{
    struct pollfd p = { .fd = PQsocket(r->conn), .events = POLLIN };
    if (PQflush(r->conn) > 0)
        p.events |= POLLOUT;
    if (poll(&p, 1, 10000) <= 0)
        bench_die("Postgres did not answer within 10 s");
    if (!PQconsumeInput(r->conn))
        die_pg(r, "connection lost");
}

static void run_until(struct run *r, int64_t end_ns)
{
    send_batch(r, r->o->merged ? 1 : r->o->in_flight);
    while (r->in_flight || r->syncs) {
        wait_for_socket(r);
        long taken = take_results(r);
        if (taken && bench_now_ns() < end_ns)
            send_batch(r, taken);
    }
}

/* ---- measuring --------------------------------------------------------------- */

static void prepare(struct run *r)
{
    PGresult *result = PQprepare(r->conn, "floor", r->o->sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        die_pg(r, "cannot prepare the statement");
    PQclear(result);
    if (PQsetnonblocking(r->conn, 1) || !PQenterPipelineMode(r->conn))
        die_pg(r, "cannot enter pipeline mode");
}

static void measure(struct run *r)
{
    pid_t self = getpid();
    pid_t backend = PQbackendPID(r->conn);
    run_until(r, bench_now_ns() + 500000000);
    r->answered = 0;
    r->bytes = 0;
    int64_t client = bench_process_cpu_ns(self);
    int64_t server = bench_process_cpu_ns(backend);
    int64_t start = bench_now_ns();
    run_until(r, start + r->o->seconds * 1000000000);
    double seconds = (double)(bench_now_ns() - start) / 1e9;
    double per = 1000.0 * (double)r->answered;
    double client_us = (double)(bench_process_cpu_ns(self) - client) / per;
    double server_us = (double)(bench_process_cpu_ns(backend) - server) / per;
    printf("ids=%ld seconds=%.2f rate=%.0f row_bytes=%zu client_us=%.2f "
           "postgres_us=%.2f total_us=%.2f\n",
           r->answered, seconds, (double)r->answered / seconds,
           r->bytes / (size_t)r->answered, client_us, server_us, client_us + server_us);
}

/* ---- command line ------------------------------------------------------------ */

static _Noreturn void usage(void)
{
    bench_die("usage: floor_pg --conninfo TEXT --sql-file FILE | --sql TEXT [--merged]\n"
              "                [--ids 10000] [--rows 1] [--seconds 3] [--in-flight 32]");
}

static const struct option option_table[] = {
    { "conninfo", required_argument, NULL, 'd' },
    { "sql-file", required_argument, NULL, 'f' },
    { "sql", required_argument, NULL, 'q' },
    { "merged", no_argument, NULL, 'm' },
    { "ids", required_argument, NULL, 'i' },
    { "rows", required_argument, NULL, 'r' },
    { "seconds", required_argument, NULL, 's' },
    { "in-flight", required_argument, NULL, 'c' },
    { 0 },
};

static struct options parse(int argc, char **argv)
{
    struct options o = {
        .conninfo = "", .seconds = 3, .in_flight = 32, .ids = 10000, .rows = 1
    };
    for (int c; (c = getopt_long(argc, argv, "", option_table, NULL)) != -1;) {
        if (c == 'd')
            o.conninfo = optarg;
        else if (c == 'f')
            o.sql = bench_read_file(optarg, NULL);
        else if (c == 'q')
            o.sql = optarg;
        else if (c == 'm')
            o.merged = true;
        else if (c == 'i')
            o.ids = bench_number("--ids", optarg, 1, 1000000000);
        else if (c == 'r')
            o.rows = bench_number("--rows", optarg, 1, 1000);
        else if (c == 's')
            o.seconds = bench_number("--seconds", optarg, 1, 120);
        else if (c == 'c')
            o.in_flight = bench_number("--in-flight", optarg, 1, IN_FLIGHT_MAX);
        else
            usage();
    }
    if (optind != argc || !o.sql)
        usage();
    if (o.merged && o.ids < o.in_flight)
        bench_die("--merged needs at least as many ids as are in flight");
    return o;
}

int main(int argc, char **argv)
{
    struct options o = parse(argc, argv);
    bench_limit_life(300);
    struct run r = { .o = &o, .random = 2463534242 };
    r.conn = PQconnectdb(o.conninfo);
    if (PQstatus(r.conn) != CONNECTION_OK)
        die_pg(&r, "cannot connect");
    prepare(&r);
    measure(&r);
    PQfinish(r.conn);
    return 0;
}
