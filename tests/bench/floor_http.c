/*
 * Floor of the HTTP side: what libmicrohttpd needs to take a request, park it, and send
 * the product's answer when another thread has it.
 *
 * Same daemon options as the gateway (one internal epoll thread, 32 KiB of memory per
 * connection) and the same hand-over: the handler suspends the connection first, then
 * puts it on a list and writes an eventfd only when the list was empty; the other thread
 * takes the whole list, queues each answer while the connection is suspended, and
 * resumes it. No routing, no token, no rate limit, no message: only the HTTP.
 *
 * The body and the header lines come from files, so that the bytes on the wire equal the
 * product's. An answer is made anew for each request, because the product cannot know it
 * beforehand; --share sends one and the same for information.
 *
 * Prints the port when it listens, and on SIGINT or SIGTERM its CPU per request. Its two
 * threads show in /proc as MHD-single and handover.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { HEADERS_MAX = 32, POOL_BYTES = 32 * 1024, CONNECTIONS_MAX = 4096 };

struct header {
    const char *name;
    const char *value;
};

struct job {
    struct job *next;
    struct MHD_Connection *connection;
    bool parked;
};

struct floor {
    char *body;
    size_t body_size;
    struct header headers[HEADERS_MAX];
    size_t header_count;
    struct MHD_Response *shared; /* NULL: one per request */
    int wake;                    /* eventfd */
    pthread_mutex_t lock;
    struct job *list; /* under the lock */
    atomic_bool stopping;
    atomic_long requests;
};

/* ---- the answer -------------------------------------------------------------- */

static struct MHD_Response *make_response(const struct floor *f)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(f->body_size, f->body, MHD_RESPMEM_PERSISTENT);
    if (!response)
        bench_die("out of memory");
    for (size_t i = 0; i < f->header_count; i++)
        if (MHD_add_response_header(response, f->headers[i].name, f->headers[i].value) !=
            MHD_YES)
            bench_die("libmicrohttpd refuses the header '%s'", f->headers[i].name);
    return response;
}

static enum MHD_Result queue_answer(struct floor *f, struct MHD_Connection *connection)
{
    atomic_fetch_add_explicit(&f->requests, 1, memory_order_relaxed);
    if (f->shared)
        return MHD_queue_response(connection, MHD_HTTP_OK, f->shared);
    struct MHD_Response *response = make_response(f);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- the other thread -------------------------------------------------------- */

static struct job *take_list(struct floor *f)
{
    pthread_mutex_lock(&f->lock);
    struct job *list = f->list;
    f->list = NULL;
    pthread_mutex_unlock(&f->lock);
    return list;
}

static void *answer_jobs(void *closure)
{
    struct floor *f = closure;
    pthread_setname_np(pthread_self(), "handover");
    for (;;) {
        eventfd_t count;
        if (eventfd_read(f->wake, &count))
            bench_die("eventfd: %s", strerror(errno));
        /* A resumed connection may end at once and free its job: read next before. */
        for (struct job *job = take_list(f), *next; job; job = next) {
            next = job->next;
            queue_answer(f, job->connection);
            MHD_resume_connection(job->connection);
        }
        if (atomic_load(&f->stopping))
            return NULL;
    }
}

static void hand_over(struct floor *f, struct job *job)
{
    pthread_mutex_lock(&f->lock);
    bool was_empty = !f->list;
    job->next = f->list;
    f->list = job;
    pthread_mutex_unlock(&f->lock);
    if (was_empty)
        eventfd_write(f->wake, 1);
}

/* ---- libmicrohttpd's thread -------------------------------------------------- */

static enum MHD_Result handle(void *closure, struct MHD_Connection *connection,
                              const char *url, const char *method, const char *version,
                              const char *upload, size_t *upload_size, void **context)
{
    (void)url, (void)method, (void)version, (void)upload;
    struct floor *f = closure;
    struct job *job = *context;
    if (!job) {
        *context = job = calloc(1, sizeof(*job));
        return job ? MHD_YES : MHD_NO;
    }
    if (*upload_size) {
        *upload_size = 0;
        return MHD_YES;
    }
    if (job->parked)
        return MHD_YES; /* resumed: the answer is queued already */
    if (atomic_load(&f->stopping))
        return queue_answer(f, connection);
    job->parked = true;
    job->connection = connection;
    MHD_suspend_connection(connection);
    hand_over(f, job);
    return MHD_YES;
}

static void completed(void *closure, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode why)
{
    (void)closure, (void)connection, (void)why;
    free(*context);
    *context = NULL;
}

static struct MHD_Daemon *start_daemon(struct floor *f, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
            MHD_USE_ERROR_LOG,
        port, NULL, NULL, handle, f,                                         /* */
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,                   /* */
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,              /* */
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,              /* */
        MHD_OPTION_CONNECTION_TIMEOUT, 30U, MHD_OPTION_STRICT_FOR_CLIENT, 1, /* */
        MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_END);
    if (!daemon)
        bench_die("cannot listen on 127.0.0.1:%u", port);
    return daemon;
}

/* ---- start and stop ---------------------------------------------------------- */

/* "Name: value" lines, as they stand in the product's answer; cut up in place. */
static void load_headers(struct floor *f, const char *path)
{
    for (char *rest = bench_read_file(path, NULL), *line; (line = strsep(&rest, "\n"));) {
        line[strcspn(line, "\r")] = 0;
        if (!*line)
            continue;
        char *colon = strchr(line, ':');
        if (!colon || f->header_count == HEADERS_MAX)
            bench_die("'%s' is no header line, or one too many", line);
        *colon = 0;
        f->headers[f->header_count].name = line;
        f->headers[f->header_count++].value = colon + 1 + strspn(colon + 1, " ");
    }
}

static void wait_for_signal(void)
{
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGALRM);
    sigwait(&set, &number);
}

/* Before the threads start, so that they inherit it. */
static void block_signals(void)
{
    sigset_t set;
    sigfillset(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* MHD_stop_daemon aborts while a connection is suspended, so the other thread makes its
 * last round first; from then on the handler answers itself. */
static void stop(struct floor *f, struct MHD_Daemon *daemon, pthread_t thread)
{
    atomic_store(&f->stopping, true);
    usleep(50000); /* a handler that had looked before has parked its request by now */
    eventfd_write(f->wake, 1);
    pthread_join(thread, NULL);
    for (struct job *job = take_list(f), *next; job; job = next) {
        next = job->next;
        queue_answer(f, job->connection);
        MHD_resume_connection(job->connection);
    }
    MHD_stop_daemon(daemon);
}

static void report(struct floor *f)
{
    long requests = atomic_load(&f->requests);
    int64_t cpu = bench_process_cpu_ns(getpid());
    printf("requests=%ld total_us=%.2f\n", requests,
           requests ? (double)cpu / 1000.0 / (double)requests : 0.0);
}

static _Noreturn void usage(void)
{
    bench_die("usage: floor_http --body FILE [--headers FILE] [--port 0] [--share]\n"
              "                  [--life SECONDS]");
}

struct options {
    const char *body;
    const char *headers;
    uint16_t port;
    bool share;
    unsigned life;
};

static struct options parse(int argc, char **argv)
{
    static const struct option table[] = {
        { "body", required_argument, NULL, 'b' },
        { "headers", required_argument, NULL, 'h' },
        { "port", required_argument, NULL, 'p' },
        { "share", no_argument, NULL, 's' },
        { "life", required_argument, NULL, 'l' },
        { 0 },
    };
    struct options o = { .life = 600 };
    for (int c; (c = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (c == 'b')
            o.body = optarg;
        else if (c == 'h')
            o.headers = optarg;
        else if (c == 'p')
            o.port = (uint16_t)bench_number("--port", optarg, 0, 65535);
        else if (c == 's')
            o.share = true;
        else if (c == 'l')
            o.life = (unsigned)bench_number("--life", optarg, 1, 3600);
        else
            usage();
    }
    if (optind != argc || !o.body)
        usage();
    return o;
}

int main(int argc, char **argv)
{
    static struct floor f = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct options o = parse(argc, argv);
    pthread_t thread;
    f.body = bench_read_file(o.body, &f.body_size);
    if (o.headers)
        load_headers(&f, o.headers);
    if (o.share)
        f.shared = make_response(&f);
    f.wake = eventfd(0, EFD_CLOEXEC);
    if (f.wake < 0)
        bench_die("eventfd: %s", strerror(errno));
    block_signals();
    bench_limit_life(o.life);
    if (pthread_create(&thread, NULL, answer_jobs, &f))
        bench_die("cannot start a thread");
    struct MHD_Daemon *daemon = start_daemon(&f, o.port);
    printf("port=%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    wait_for_signal();
    report(&f);
    stop(&f, daemon, thread);
    return 0;
}
