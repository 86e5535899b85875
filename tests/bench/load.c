/*
 * A load client for HTTP/1.1 over loopback: so many keep-alive connections, each with one
 * request under way at any time, for so many seconds.
 *
 * `{id}` in the path is a random number 1..N. Every answer is checked: status 200, all
 * the bytes its Content-Length promised, and with --match a text in the body (`{id}`
 * again stands for the number asked for, so a mixed-up answer is found). Anything else is
 * an error, counted, and the connection is opened anew. There is no chunked decoding: an
 * answer without Content-Length is an error.
 *
 * It is a tool for one's own machine: it refuses to talk to anything but loopback. One
 * thread, epoll, no third-party code. Exit status 1 when anything was wrong.
 */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 1024,
    ANSWER_MAX = 256 * 1024,
    REQUEST_MAX = 8192,
    DRAIN_SECONDS = 2,
    ERRORS_MAX = 1000, /* then the server is not worth asking */
    CARRY_MAX = 2048,
};

struct options {
    struct sockaddr_in address;
    char host[64];
    const char *path;
    const char *match;
    const char *method, *body; /* body NULL: none */
    const char *carry;         /* member of the answer; NULL: none */
    const char *carry_file;
    char headers[REQUEST_MAX / 2];
    long status;
    long connections;
    long ids;
    long seconds;
};

struct connection {
    int fd;
    bool busy; /* an answer is due */
    long id;
    int64_t sent_ns;
    size_t have;
    char *answer; /* ANSWER_MAX + 1 */
    char carry[CARRY_MAX];
};

struct load {
    const struct options *o;
    struct connection connections[CONNECTIONS_MAX];
    int epoll;
    uint32_t random;
    bool stopping; /* no new requests */
    long busy;
    long done;
    long errors;
    long reopened; /* the server said Connection: close */
    char first_error[160];
    uint64_t bytes;
    struct bench_histogram times;
};

/* What the head of an answer says. */
struct head {
    size_t size; /* with the empty line; 0: not complete yet */
    long status;
    long length; /* -1: not said */
    bool close;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* ---- sending ----------------------------------------------------------------- */

/* text with the first {id} replaced. */
static int fill_in(char *out, size_t size, const char *text, long id)
{
    const char *mark = strstr(text, "{id}");
    if (!mark)
        return snprintf(out, size, "%s", text);
    return snprintf(out, size, "%.*s%ld%s", (int)(mark - text), text, id, mark + 4);
}

/* "Content-Length: ...", the empty line and the body. */
static int add_body(char *out, size_t size, const struct load *l,
                    const struct connection *c)
{
    char body[REQUEST_MAX / 2], filled[REQUEST_MAX / 2];
    const char *mark = strstr(l->o->body, "{carry}");
    int n = fill_in(body, sizeof(body), l->o->body, c->id);
    if (mark) {
        mark = strstr(body, "{carry}");
        n = snprintf(filled, sizeof(filled), "%.*s%s%s", (int)(mark - body), body,
                     c->carry, mark + strlen("{carry}"));
    }
    return snprintf(out, size, "Content-Length: %d\r\n\r\n%s", n, mark ? filled : body);
}

static void open_connection(struct load *l, struct connection *c)
{
    struct timeval patience = { .tv_sec = DRAIN_SECONDS };
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        bench_die("socket: %s", strerror(errno));
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(c->fd, (const struct sockaddr *)&l->o->address, sizeof(l->o->address)))
        bench_die("cannot connect to port %u: %s", ntohs(l->o->address.sin_port),
                  strerror(errno));
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event))
        bench_die("epoll_ctl: %s", strerror(errno));
    c->have = 0;
}

/* A request fits any socket buffer, so the blocking send never really waits. */
static bool send_request(struct load *l, struct connection *c)
{
    char request[REQUEST_MAX];
    char path[REQUEST_MAX / 4];
    c->id = 1 + (long)(bench_random(&l->random) % (uint32_t)l->o->ids);
    fill_in(path, sizeof(path), l->o->path, c->id);
    int size = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: %s\r\n%s",
                        l->o->method, path, l->o->host, l->o->headers);
    if (l->o->body && size < (int)sizeof(request))
        size += add_body(request + size, sizeof(request) - (size_t)size, l, c);
    else if (size < (int)sizeof(request))
        size += snprintf(request + size, sizeof(request) - (size_t)size, "\r\n");
    if (size >= (int)sizeof(request))
        bench_die("the request is too long");
    c->sent_ns = bench_now_ns();
    c->busy = true;
    l->busy++;
    return send(c->fd, request, (size_t)size, MSG_NOSIGNAL) == size;
}

static void reopen(struct load *l, struct connection *c);

static void next_request(struct load *l, struct connection *c)
{
    if (!l->stopping && !send_request(l, c))
        reopen(l, c);
}

static void fail(struct load *l, struct connection *c, const char *why)
{
    if (!l->errors++) {
        c->answer[c->have] = 0;
        snprintf(l->first_error, sizeof(l->first_error), "%s: %.*s", why,
                 (int)strcspn(c->answer, "\r\n"), c->answer);
    }
    reopen(l, c);
}

static void reopen(struct load *l, struct connection *c)
{
    close(c->fd);
    l->busy -= c->busy;
    c->busy = false;
    if (l->errors > ERRORS_MAX)
        bench_die("more than %d errors, the first one: %s", ERRORS_MAX, l->first_error);
    open_connection(l, c);
    if (l->stopping)
        return;
    if (!send_request(l, c))
        bench_die("a fresh connection takes no request: %s", strerror(errno));
}

/* ---- receiving --------------------------------------------------------------- */

static void read_header_line(struct head *h, const char *line)
{
    if (strncasecmp(line, "Content-Length:", 15) == 0)
        h->length = strtol(line + 15, NULL, 10);
    else if (strncasecmp(line, "Connection:", 11) == 0)
        h->close = strncasecmp(line + 11 + strspn(line + 11, " "), "close", 5) == 0;
}

static struct head read_head(const struct connection *c)
{
    struct head h = { .length = -1 };
    const char *end = memmem(c->answer, c->have, "\r\n\r\n", 4);
    if (!end)
        return h;
    h.size = (size_t)(end - c->answer) + 4;
    if (strncmp(c->answer, "HTTP/1.1 ", 9) == 0)
        h.status = strtol(c->answer + 9, NULL, 10);
    for (const char *line = c->answer; line < end;) {
        line = (const char *)memchr(line, '\n', (size_t)(end + 4 - line)) + 1;
        read_header_line(&h, line);
    }
    return h;
}

static bool matches(const struct load *l, const struct connection *c,
                    const struct head *h)
{
    char wanted[REQUEST_MAX / 4];
    if (!l->o->match)
        return true;
    int size = fill_in(wanted, sizeof(wanted), l->o->match, c->id);
    return memmem(c->answer + h->size, c->have - h->size, wanted, (size_t)size) != NULL;
}

/* The text behind "member":" in the body, kept for the next request. */
static bool take_carry(const struct load *l, struct connection *c, const struct head *h)
{
    char key[64];
    if (!l->o->carry)
        return true;
    int n = snprintf(key, sizeof(key), "\"%s\":\"", l->o->carry);
    const char *start = strstr(c->answer + h->size, key);
    const char *end = start ? strchr(start + n, '"') : NULL;
    if (!end || end - start - n >= CARRY_MAX)
        return false;
    snprintf(c->carry, sizeof(c->carry), "%.*s", (int)(end - start - n), start + n);
    return true;
}

static void finish(struct load *l, struct connection *c, const struct head *h)
{
    if (h->status != l->o->status) {
        fail(l, c, "another status");
        return;
    }
    if (!take_carry(l, c, h)) {
        fail(l, c, "nothing to carry on");
        return;
    }
    if (!matches(l, c, h)) {
        fail(l, c, "the body is of another request");
        return;
    }
    bench_histogram_add(&l->times, (bench_now_ns() - c->sent_ns) / 1000);
    l->done++;
    l->busy--;
    l->bytes += c->have;
    c->busy = false;
    c->have = 0;
    if (h->close) {
        l->reopened++;
        reopen(l, c);
    } else {
        next_request(l, c);
    }
}

static void check_answer(struct load *l, struct connection *c)
{
    c->answer[c->have] = 0;
    struct head h = read_head(c);
    if (!h.size) {
        if (c->have == ANSWER_MAX)
            fail(l, c, "no end of the header");
        return;
    }
    if (h.length < 0 || h.size + (size_t)h.length > ANSWER_MAX) {
        fail(l, c, "no Content-Length, or a huge one");
        return;
    }
    size_t whole = h.size + (size_t)h.length;
    if (c->have > whole)
        fail(l, c, "more bytes than promised");
    else if (c->have == whole)
        finish(l, c, &h);
}

static void receive(struct load *l, struct connection *c)
{
    ssize_t n = recv(c->fd, c->answer + c->have, ANSWER_MAX - c->have, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        fail(l, c, "connection closed before the answer was complete");
        return;
    }
    c->have += (size_t)n;
    if (!c->busy)
        fail(l, c, "bytes nobody asked for");
    else
        check_answer(l, c);
}

/* ---- the run ----------------------------------------------------------------- */

static void turn(struct load *l)
{
    struct epoll_event events[CONNECTIONS_MAX];
    int n = epoll_wait(l->epoll, events, CONNECTIONS_MAX, 100);
    for (int i = 0; i < n; i++)
        receive(l, events[i].data.ptr);
}

/* One line of the file for each connection. */
static void read_carries(struct load *l)
{
    size_t size;
    char *text = bench_read_file(l->o->carry_file, &size), *line = text;
    for (long i = 0; i < l->o->connections; i++) {
        size_t n = strcspn(line, "\n");
        if (n == 0 || n >= CARRY_MAX)
            bench_die("%s has no line %ld", l->o->carry_file, i + 1);
        memcpy(l->connections[i].carry, line, n);
        line += n + (line[n] == '\n');
    }
    free(text);
}

static void start(struct load *l)
{
    if (l->o->carry_file)
        read_carries(l);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (long i = 0; i < l->o->connections; i++) {
        struct connection *c = &l->connections[i];
        c->answer = malloc(ANSWER_MAX + 1);
        if (!c->answer)
            bench_die("out of memory");
        c->answer[0] = 0;
        open_connection(l, c);
    }
    for (long i = 0; i < l->o->connections; i++)
        next_request(l, &l->connections[i]);
}

static void run(struct load *l)
{
    int64_t end = bench_now_ns() + l->o->seconds * 1000000000;
    start(l);
    while (!interrupted && bench_now_ns() < end)
        turn(l);
    l->stopping = true;
    end = bench_now_ns() + (int64_t)DRAIN_SECONDS * 1000000000;
    while (l->busy && bench_now_ns() < end)
        turn(l);
}

static int report(const struct load *l, double seconds)
{
    double requests = l->done ? (double)l->done : 1.0;
    printf("requests=%ld seconds=%.2f rate=%.0f p50_us=%lld p99_us=%lld errors=%ld "
           "unanswered=%ld reopened=%ld answer_bytes=%.0f load_us=%.2f\n",
           l->done, seconds, (double)l->done / seconds,
           (long long)bench_histogram_percentile(&l->times, 0.5),
           (long long)bench_histogram_percentile(&l->times, 0.99), l->errors, l->busy,
           l->reopened, (double)l->bytes / requests,
           (double)bench_process_cpu_ns(getpid()) / 1000.0 / requests);
    if (l->errors)
        fprintf(stderr, "load: first error: %s\n", l->first_error);
    return l->errors || l->busy || !l->done;
}

/* ---- command line ------------------------------------------------------------ */

static _Noreturn void usage(void)
{
    bench_die(
        "usage: load [--connections 32] [--seconds 5] [--ids 10000] [--match TEXT]\n"
        "            [--header 'Name: value']... [--method POST --body TEXT] [--status "
        "200]\n"
        "            [--carry MEMBER --carry-file FILE] http://127.0.0.1:PORT/path/{id}");
}

/* http://<IPv4 loopback or localhost>:<port>/<path> and nothing else. */
static void parse_url(struct options *o, const char *url)
{
    const char *colon = strncmp(url, "http://", 7) ? NULL : strchr(url + 7, ':');
    const char *slash = colon ? strchr(colon, '/') : NULL;
    if (!slash || slash - url - 7 >= (long)sizeof(o->host))
        usage();
    char name[64];
    char port[64];
    snprintf(name, sizeof(name), "%.*s", (int)(colon - url - 7), url + 7);
    snprintf(port, sizeof(port), "%.*s", (int)(slash - colon - 1), colon + 1);
    snprintf(o->host, sizeof(o->host), "%.*s", (int)(slash - url - 7), url + 7);
    o->path = slash;
    o->address.sin_family = AF_INET;
    o->address.sin_port = htons((uint16_t)bench_number("port", port, 1, 65535));
    if (inet_pton(AF_INET, strcmp(name, "localhost") ? name : "127.0.0.1",
                  &o->address.sin_addr) != 1 ||
        ntohl(o->address.sin_addr.s_addr) >> 24 != 127)
        bench_die("'%s' is not loopback: this client only loads its own machine", name);
}

static void add_header(struct options *o, const char *line)
{
    size_t used = strlen(o->headers);
    int n = snprintf(o->headers + used, sizeof(o->headers) - used, "%s\r\n", line);
    if (n >= (int)(sizeof(o->headers) - used))
        bench_die("too many headers");
}

static struct options parse(int argc, char **argv)
{
    static const struct option table[] = {
        { "connections", required_argument, NULL, 'c' },
        { "seconds", required_argument, NULL, 's' },
        { "ids", required_argument, NULL, 'i' },
        { "match", required_argument, NULL, 'm' },
        { "header", required_argument, NULL, 'h' },
        { "method", required_argument, NULL, 'v' },
        { "body", required_argument, NULL, 'b' },
        { "status", required_argument, NULL, 't' },
        { "carry", required_argument, NULL, 'y' },
        { "carry-file", required_argument, NULL, 'f' },
        { 0 },
    };
    struct options o = {
        .connections = 32, .seconds = 5, .ids = 10000, .method = "GET", .status = 200
    };
    for (int c; (c = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (c == 'c')
            o.connections = bench_number("--connections", optarg, 1, CONNECTIONS_MAX);
        else if (c == 's')
            o.seconds = bench_number("--seconds", optarg, 1, 120);
        else if (c == 'i')
            o.ids = bench_number("--ids", optarg, 1, 1000000000);
        else if (c == 'm')
            o.match = optarg;
        else if (c == 'h')
            add_header(&o, optarg);
        else if (c == 'v')
            o.method = optarg;
        else if (c == 'b')
            o.body = optarg;
        else if (c == 't')
            o.status = bench_number("--status", optarg, 100, 599);
        else if (c == 'y')
            o.carry = optarg;
        else if (c == 'f')
            o.carry_file = optarg;
        else
            usage();
    }
    if (optind + 1 != argc)
        usage();
    parse_url(&o, argv[optind]);
    return o;
}

int main(int argc, char **argv)
{
    static struct load l = { .random = 2463534242 };
    struct options o = parse(argc, argv);
    struct sigaction action = { .sa_handler = on_signal };
    bench_limit_life((unsigned)o.seconds + 30);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    l.o = &o;
    int64_t start_ns = bench_now_ns();
    run(&l);
    return report(&l, (double)(bench_now_ns() - start_ns) / 1e9);
}
