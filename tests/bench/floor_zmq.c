/*
 * Floor of the messaging: what one request and one reply cost in libzmq itself.
 *
 * A DEALER in this process, a ROUTER in a child, TCP loopback, CURVE with a ZAP handler
 * that admits any key, a fixed number of requests in flight. A message is what the
 * product sends, [empty delimiter][one frame], of the sizes given; nothing is parsed.
 * Two processes rather than two threads, because that is what the product is: the
 * cost of waking the other side belongs to the floor.
 *
 * Prints CPU per round trip of both processes, and how much of it is the calling
 * thread's and how much libzmq's own (I/O) threads'.
 */
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

enum { KEY_TEXT = 41, ENDPOINT_TEXT = 64, SOCKET_LIMIT = 100000 };

struct options {
    long trips;
    long in_flight;
    size_t request_size;
    size_t reply_size;
    bool plain;
};

struct keys {
    char server_public[KEY_TEXT];
    char server_secret[KEY_TEXT];
    char client_public[KEY_TEXT];
    char client_secret[KEY_TEXT];
};

struct cpu {
    int64_t client;
    int64_t client_thread;
    int64_t server;
    int64_t server_thread;
};

/* ---- both sides -------------------------------------------------------------- */

static void check(int rc, const char *what)
{
    if (rc < 0)
        bench_die("%s: %s", what, zmq_strerror(zmq_errno()));
}

static void set_int(void *socket, int option, int value)
{
    check(zmq_setsockopt(socket, option, &value, sizeof(value)), "zmq_setsockopt");
}

static void set_text(void *socket, int option, const char *text)
{
    check(zmq_setsockopt(socket, option, text, strlen(text)), "zmq_setsockopt");
}

static void *open_socket(void *context, int type)
{
    void *socket = zmq_socket(context, type);
    if (!socket)
        bench_die("zmq_socket: %s", zmq_strerror(zmq_errno()));
    set_int(socket, ZMQ_LINGER, 0);
    set_int(socket, ZMQ_SNDHWM, SOCKET_LIMIT);
    set_int(socket, ZMQ_RCVHWM, SOCKET_LIMIT);
    return socket;
}

/* The frame behind the delimiter; the delimiter itself must be empty. */
static void receive_body(void *socket, zmq_msg_t *body)
{
    char none;
    check(zmq_recv(socket, &none, sizeof(none), 0), "zmq_recv");
    check(zmq_msg_recv(body, socket, 0), "zmq_msg_recv");
}

/* Every frame starts with the time its request was sent: a tag and a stop watch. */
static void send_body(void *socket, size_t size, int64_t tag)
{
    zmq_msg_t body;
    check(zmq_msg_init_size(&body, size), "zmq_msg_init_size");
    char *bytes = zmq_msg_data(&body);
    memcpy(bytes, &tag, sizeof(tag));
    memset(bytes + sizeof(tag), 'x', size - sizeof(tag));
    check(zmq_send(socket, "", 0, ZMQ_SNDMORE), "zmq_send");
    check(zmq_msg_send(&body, socket, 0), "zmq_msg_send");
}

static int64_t tag_of(zmq_msg_t *body, size_t size)
{
    if (zmq_msg_size(body) != size)
        bench_die("a message of %zu bytes instead of %zu", zmq_msg_size(body), size);
    int64_t tag;
    memcpy(&tag, zmq_msg_data(body), sizeof(tag));
    return tag;
}

/* ---- the server process ------------------------------------------------------ */

/* RFC 27: version, request id, domain, address, identity, mechanism, credentials. */
static void *answer_zap(void *socket)
{
    for (;;) {
        char frame[7][64];
        int size[7];
        for (int i = 0; i < 7; i++) {
            size[i] = zmq_recv(socket, frame[i], sizeof(frame[i]), 0);
            if (size[i] < 0)
                return NULL;
        }
        zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
        zmq_send(socket, frame[1], (size_t)size[1], ZMQ_SNDMORE);
        zmq_send(socket, "200", 3, ZMQ_SNDMORE);
        zmq_send(socket, "OK", 2, ZMQ_SNDMORE);
        zmq_send(socket, "anyone", 6, ZMQ_SNDMORE);
        zmq_send(socket, "", 0, 0);
    }
}

static void start_zap(void *context)
{
    pthread_t thread;
    void *socket = open_socket(context, ZMQ_REP);
    check(zmq_bind(socket, "inproc://zeromq.zap.01"), "zmq_bind");
    if (pthread_create(&thread, NULL, answer_zap, socket))
        bench_die("cannot start a thread");
    pthread_detach(thread);
}

static void serve_one(void *socket, const struct options *o)
{
    zmq_msg_t peer;
    zmq_msg_t request;
    zmq_msg_init(&peer);
    zmq_msg_init(&request);
    check(zmq_msg_recv(&peer, socket, 0), "zmq_msg_recv");
    receive_body(socket, &request);
    check(zmq_msg_send(&peer, socket, ZMQ_SNDMORE), "zmq_msg_send");
    send_body(socket, o->reply_size, tag_of(&request, o->request_size));
    zmq_msg_close(&request);
}

/* Serves until it is killed; says on the pipe where it listens. */
static _Noreturn void serve(const struct options *o, const struct keys *keys, int pipe_fd)
{
    bench_die_with_parent(SIGKILL);
    void *context = zmq_ctx_new();
    void *socket = open_socket(context, ZMQ_ROUTER);
    if (!o->plain) {
        start_zap(context);
        set_int(socket, ZMQ_CURVE_SERVER, 1);
        set_text(socket, ZMQ_CURVE_SECRETKEY, keys->server_secret);
        set_text(socket, ZMQ_ZAP_DOMAIN, "bench");
    }
    check(zmq_bind(socket, "tcp://127.0.0.1:*"), "zmq_bind");
    char endpoint[ENDPOINT_TEXT] = "";
    size_t size = sizeof(endpoint);
    check(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size), "zmq_getsockopt");
    if (write(pipe_fd, endpoint, sizeof(endpoint)) != sizeof(endpoint))
        bench_die("cannot tell the address");
    for (;;)
        serve_one(socket, o);
}

/* ---- the client process ------------------------------------------------------ */

static void *connect_to(void *context, const struct options *o, const struct keys *keys,
                        const char *endpoint)
{
    void *socket = open_socket(context, ZMQ_DEALER);
    set_int(socket, ZMQ_RCVTIMEO, 10000);
    if (!o->plain) {
        set_text(socket, ZMQ_CURVE_SERVERKEY, keys->server_public);
        set_text(socket, ZMQ_CURVE_PUBLICKEY, keys->client_public);
        set_text(socket, ZMQ_CURVE_SECRETKEY, keys->client_secret);
    }
    check(zmq_connect(socket, endpoint), "zmq_connect");
    return socket;
}

/* So many round trips, o->in_flight of them under way at any time. */
static void make_trips(void *socket, const struct options *o, long trips,
                       struct bench_histogram *times)
{
    long sent = 0;
    for (; sent < o->in_flight && sent < trips; sent++)
        send_body(socket, o->request_size, bench_now_ns());
    for (long done = 0; done < trips; done++) {
        zmq_msg_t reply;
        zmq_msg_init(&reply);
        receive_body(socket, &reply);
        int64_t now = bench_now_ns();
        bench_histogram_add(times, (now - tag_of(&reply, o->reply_size)) / 1000);
        zmq_msg_close(&reply);
        if (sent++ < trips)
            send_body(socket, o->request_size, now);
    }
}

static struct cpu read_cpu(pid_t server)
{
    pid_t self = getpid();
    return (struct cpu){
        .client = bench_process_cpu_ns(self),
        .client_thread = bench_thread_cpu_ns(self, self),
        .server = bench_process_cpu_ns(server),
        .server_thread = bench_thread_cpu_ns(server, server),
    };
}

static void report(const struct options *o, const struct cpu *a, const struct cpu *b,
                   double seconds, const struct bench_histogram *times)
{
    double per = 1000.0 * (double)o->trips;
    double client = (double)(b->client - a->client) / per;
    double server = (double)(b->server - a->server) / per;
    double client_thread = (double)(b->client_thread - a->client_thread) / per;
    double server_thread = (double)(b->server_thread - a->server_thread) / per;
    printf("trips=%ld seconds=%.2f rate=%.0f p50_us=%lld p99_us=%lld client_us=%.2f "
           "server_us=%.2f client_thread_us=%.2f server_thread_us=%.2f io_us=%.2f "
           "total_us=%.2f\n",
           o->trips, seconds, (double)o->trips / seconds,
           (long long)bench_histogram_percentile(times, 0.5),
           (long long)bench_histogram_percentile(times, 0.99), client, server,
           client_thread, server_thread, client + server - client_thread - server_thread,
           client + server);
}

static void measure(const struct options *o, void *socket, pid_t server)
{
    static struct bench_histogram warm;
    static struct bench_histogram times;
    make_trips(socket, o, o->trips / 10 + o->in_flight, &warm);
    struct cpu before = read_cpu(server);
    int64_t start = bench_now_ns();
    make_trips(socket, o, o->trips, &times);
    double seconds = (double)(bench_now_ns() - start) / 1e9;
    struct cpu after = read_cpu(server);
    report(o, &before, &after, seconds, &times);
}

/* ---- command line ------------------------------------------------------------ */

static _Noreturn void usage(void)
{
    bench_die("usage: floor_zmq [--trips N] [--in-flight 32] [--request-size 200]\n"
              "                 [--reply-size 600] [--plain (no CURVE)]");
}

static struct options parse(int argc, char **argv)
{
    static const struct option table[] = {
        { "trips", required_argument, NULL, 'n' },
        { "in-flight", required_argument, NULL, 'c' },
        { "request-size", required_argument, NULL, 'q' },
        { "reply-size", required_argument, NULL, 'r' },
        { "plain", no_argument, NULL, 'p' },
        { 0 },
    };
    struct options o = { 200000, 32, 200, 600, false };
    for (int c; (c = getopt_long(argc, argv, "n:c:q:r:p", table, NULL)) != -1;) {
        if (c == 'n')
            o.trips = bench_number("--trips", optarg, 1, 100000000);
        else if (c == 'c')
            o.in_flight = bench_number("--in-flight", optarg, 1, 10000);
        else if (c == 'q')
            o.request_size = (size_t)bench_number("--request-size", optarg, 8, 1 << 20);
        else if (c == 'r')
            o.reply_size = (size_t)bench_number("--reply-size", optarg, 8, 1 << 20);
        else if (c == 'p')
            o.plain = true;
        else
            usage();
    }
    if (optind != argc)
        usage();
    return o;
}

static void make_keys(struct keys *keys)
{
    check(zmq_curve_keypair(keys->server_public, keys->server_secret), "CURVE");
    check(zmq_curve_keypair(keys->client_public, keys->client_secret), "CURVE");
}

int main(int argc, char **argv)
{
    struct options o = parse(argc, argv);
    struct keys keys;
    int pipe_fd[2];
    char endpoint[ENDPOINT_TEXT];
    bench_limit_life(300);
    make_keys(&keys);
    if (pipe(pipe_fd))
        bench_die("pipe: %s", strerror(errno));
    pid_t server = fork();
    if (server < 0)
        bench_die("fork: %s", strerror(errno));
    if (server == 0)
        serve(&o, &keys, pipe_fd[1]);
    close(pipe_fd[1]);
    if (read(pipe_fd[0], endpoint, sizeof(endpoint)) != sizeof(endpoint))
        bench_die("the server did not start");
    void *context = zmq_ctx_new();
    void *socket = connect_to(context, &o, &keys, endpoint);
    measure(&o, socket, server);
    zmq_close(socket);
    zmq_ctx_term(context);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    return 0;
}
