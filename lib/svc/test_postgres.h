/*
 * A private Postgres for the unit tests of this folder: a cluster in a temporary
 * directory, Unix socket only, gone at the end. Included by *_test.c alone.
 */
#ifndef LIB_SVC_TEST_POSTGRES_H
#define LIB_SVC_TEST_POSTGRES_H

#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct test_postgres {
    char bin[256];
    char dir[64];
    char data[80];
    char log[80];
    pid_t server;
};

enum { TEST_POSTGRES_ARGS = 16 };

/* Postgres refuses root. */
static inline void test_postgres_drop_root(void)
{
    struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (user && (setgroups(0, NULL) || setgid(user->pw_gid) || setuid(user->pw_uid)))
        _exit(126);
}

static inline pid_t test_postgres_spawn(const struct test_postgres *pg,
                                        const char *const *argv)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    char program[320];
    snprintf(program, sizeof(program), "%s/%s", pg->bin, argv[0]);
    test_postgres_drop_root();
    prctl(PR_SET_PDEATHSIG, SIGINT); /* no server outlives its test */
    /* What it says is kept beside its data and shown when it fails. */
    if (!freopen(pg->log, "a", stdout) || dup2(STDOUT_FILENO, STDERR_FILENO) < 0 ||
        chdir("/") != 0)
        _exit(126);
    /* initdb finds its own kin by argv[0], in PATH when that is a bare name. */
    const char *full[TEST_POSTGRES_ARGS] = { program };
    for (int i = 1; i < TEST_POSTGRES_ARGS - 1 && argv[i]; i++)
        full[i] = argv[i];
    execv(program, (char *const *)full);
    _exit(127);
}

static inline bool test_postgres_find(struct test_postgres *pg)
{
    glob_t found;
    bool ok = glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0 &&
              found.gl_pathc > 0;
    if (ok) {
        const char *path = found.gl_pathv[found.gl_pathc - 1];
        snprintf(pg->bin, sizeof(pg->bin), "%.*s", (int)(strlen(path) - 7), path);
    }
    globfree(&found);
    return ok && (geteuid() != 0 || getpwnam("postgres"));
}

static inline bool test_postgres_wait(const struct test_postgres *pg)
{
    const char *const names[] = { "host", "user", "dbname", NULL };
    const char *const values[] = { pg->dir, "postgres", "postgres", NULL };
    for (int i = 0; i < 3000; i++) {
        if (PQpingParams(names, values, 0) == PQPING_OK)
            return true;
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    return false;
}

static inline bool test_postgres_start(struct test_postgres *pg)
{
    const char *const argv[] = { "postgres",
                                 "-D",
                                 pg->data,
                                 "-k",
                                 pg->dir,
                                 "-c",
                                 "listen_addresses=",
                                 "-c",
                                 "fsync=off",
                                 "-c",
                                 "shared_buffers=8MB",
                                 NULL };
    pg->server = test_postgres_spawn(pg, argv);
    return pg->server > 0 && test_postgres_wait(pg);
}

static inline void test_postgres_stop(struct test_postgres *pg)
{
    if (pg->server <= 0)
        return;
    kill(pg->server, SIGINT); /* "fast": sessions are ended */
    waitpid(pg->server, NULL, 0);
    pg->server = 0;
}

static inline void test_postgres_show_log(const struct test_postgres *pg)
{
    char text[4096];
    FILE *f = fopen(pg->log, "re");
    if (!f)
        return;
    size_t n = fread(text, 1, sizeof(text), f);
    fclose(f);
    fprintf(stderr, "Postgres did not start:\n%.*s\n", (int)n, text);
}

/* False when this machine has no server programs: the test says so and skips. */
static inline bool test_postgres_new(struct test_postgres *pg)
{
    *pg = (struct test_postgres){ 0 };
    if (!test_postgres_find(pg)) {
        fprintf(stderr, "SKIPPED: no Postgres server programs are installed\n");
        return false;
    }
    snprintf(pg->dir, sizeof(pg->dir), "/tmp/quintet-pg-XXXXXX");
    if (!mkdtemp(pg->dir))
        return false;
    struct passwd *user = geteuid() == 0 ? getpwnam("postgres") : NULL;
    if (user && chown(pg->dir, user->pw_uid, user->pw_gid) != 0)
        return false;
    snprintf(pg->data, sizeof(pg->data), "%s/data", pg->dir);
    snprintf(pg->log, sizeof(pg->log), "%s/log", pg->dir);
    const char *const argv[] = {
        "initdb",           "-D",        pg->data, "-U",
        "postgres",         "-A",        "trust",  "--encoding=UTF8",
        "--locale=C.UTF-8", "--no-sync", NULL
    };
    int status = -1;
    pid_t pid = test_postgres_spawn(pg, argv);
    bool fine = pid > 0 && waitpid(pid, &status, 0) == pid && status == 0 &&
                test_postgres_start(pg);
    if (!fine)
        test_postgres_show_log(pg);
    return fine;
}

static inline void test_postgres_free(struct test_postgres *pg)
{
    test_postgres_stop(pg);
    if (!*pg->dir)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        execl("/bin/rm", "rm", "-rf", pg->dir, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

static inline PGconn *test_postgres_connect(const struct test_postgres *pg,
                                            const char *user, const char *dbname)
{
    const char *const names[] = { "host", "user", "dbname", NULL };
    const char *const values[] = { pg->dir, user, dbname, NULL };
    return PQconnectdbParams(names, values, 0);
}

/* Runs statements; the first column of the first row as heap text, "" when none. */
static inline char *test_postgres_ask(PGconn *conn, const char *sql)
{
    PGresult *res = PQexec(conn, sql);
    if (PQresultStatus(res) == PGRES_FATAL_ERROR)
        fprintf(stderr, "%s", PQerrorMessage(conn));
    char *text = strdup(PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
    PQclear(res);
    return text;
}

#endif
