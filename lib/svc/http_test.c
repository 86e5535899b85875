/* The listener over real sockets: raw bytes in, raw bytes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/http.h"

enum {
    ANSWER_SIZE = 64 * 1024,
    BIG_SIZE = 32 * 1024 * 1024, /* more than the socket buffers of both ends */
    WAIT_S = 10,
    BODY_MAX = 1000,
    PARKED_MAX = 64,
};

/* A listener whose handler echoes; "/later" is answered by another thread. */
struct fixture {
    struct http_listener *l;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct http_request *parked[PARKED_MAX];
    unsigned nparked;
    bool stop, hold; /* hold: nothing parked is answered */
    int released;
    char answer[ANSWER_SIZE];
};

static void echo(struct http_request *r)
{
    static const struct http_header_line LINES[] = { { "Content-Type", "text/plain" },
                                                     { "X-Dirty", "a\r\nEvil: b" },
                                                     { NULL, NULL } };
    AUTO_BUF struct buf b;
    buf_init(&b, ANSWER_SIZE);
    buf_printf(&b, "%.*s|%.*s|%.*s|%.*s|%.*s|%s", STR_ARG(http_method(r)),
               STR_ARG(http_path(r)), STR_ARG(http_query(r)), STR_ARG(http_body(r)),
               STR_ARG(http_header(r, "x-test")), http_client(r));
    http_reply(
        r, &(struct http_answer){ .status = 200, .body = buf_get(&b), .headers = LINES });
}

static void answer_big(struct http_request *r)
{
    AUTO_FREE char *body = xcalloc(BIG_SIZE, 1);
    http_reply(r, &(struct http_answer){ .status = 200, .body = { body, BIG_SIZE } });
}

static void count_release(void *arg)
{
    struct fixture *f = arg;
    pthread_mutex_lock(&f->lock);
    f->released++;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void serve(struct http_request *r, void *arg)
{
    struct fixture *f = arg;
    if (str_eq(http_path(r), STR("/forgotten")))
        return;
    if (str_eq(http_path(r), STR("/big"))) {
        answer_big(r);
        return;
    }
    if (!str_eq(http_path(r), STR("/later"))) {
        echo(r);
        return;
    }
    http_suspend(r);
    pthread_mutex_lock(&f->lock);
    assert_true(f->nparked < PARKED_MAX);
    f->parked[f->nparked++] = r;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void *answer_later(void *arg)
{
    struct fixture *f = arg;
    pthread_mutex_lock(&f->lock);
    while (!f->stop) {
        if (f->nparked == 0 || f->hold) {
            pthread_cond_wait(&f->changed, &f->lock);
            continue;
        }
        struct http_request *r = f->parked[--f->nparked];
        pthread_mutex_unlock(&f->lock);
        http_reply(r, &(struct http_answer){ .status = 201,
                                             .body = STR("late"),
                                             .release = count_release,
                                             .release_arg = f });
        pthread_mutex_lock(&f->lock);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

static bool is_bulk(struct str path)
{
    return str_eq(path, STR("/bulk"));
}

static int start_with(void **state, const struct http_config *cfg)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    char *why = NULL;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    f->l = http_start(cfg, serve, NULL, f, &why);
    if (!f->l)
        fail_msg("%s", why);
    pthread_create(&f->thread, NULL, answer_later, f);
    *state = f;
    return 0;
}

static int start(void **state)
{
    return start_with(state, &(struct http_config){ .listen = "127.0.0.1:0",
                                                    .body_max = BODY_MAX,
                                                    .is_bulk = is_bulk,
                                                    .bulk_max = 4 * BODY_MAX,
                                                    .thread_name = "test" });
}

static int start_impatient(void **state)
{
    return start_with(state, &(struct http_config){ .listen = "127.0.0.1:0",
                                                    .body_max = BODY_MAX,
                                                    .header_timeout_s = 1,
                                                    .body_timeout_s = 1,
                                                    .idle_timeout_s = 1 });
}

/* Seven may stay. */
static int start_small(void **state)
{
    return start_with(state, &(struct http_config){ .listen = "127.0.0.1:0",
                                                    .body_max = BODY_MAX,
                                                    .connection_limit = 8 });
}

static int stop(void **state)
{
    struct fixture *f = *state;
    http_stop(&f->l);
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    pthread_join(f->thread, NULL);
    free(f);
    return 0;
}

/* ---- a client ---- */

static int dial_from(const struct fixture *f, const char *from)
{
    struct sockaddr_in to = { .sin_family = AF_INET }, own = to;
    struct timeval limit = { .tv_sec = WAIT_S };
    to.sin_port = htons((uint16_t)atoi(strrchr(http_address(f->l), ':') + 1));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    inet_pton(AF_INET, from, &own.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static int dial(const struct fixture *f)
{
    return dial_from(f, "127.0.0.1");
}

static void say(int fd, const char *bytes)
{
    size_t n = strlen(bytes);
    assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), (ssize_t)n);
}

/* Reads until `until` has come or the peer closes; true when the peer closed. */
static bool hear(struct fixture *f, int fd, const char *until)
{
    size_t have = 0;
    f->answer[0] = '\0';
    while (!until || !strstr(f->answer, until)) {
        ssize_t n = recv(fd, f->answer + have, sizeof f->answer - 1 - have, 0);
        if (n <= 0)
            return n == 0;
        have += (size_t)n;
        f->answer[have] = '\0';
    }
    return false;
}

static unsigned count_of(const char *text, const char *word)
{
    unsigned n = 0;
    while ((text = strstr(text, word))) {
        text += strlen(word);
        n++;
    }
    return n;
}

/* ---- tests ---- */

static void test_echo(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    say(fd, "POST /a%41?b=%20 HTTP/1.1\r\nHost: x\r\nX-TEST: t\r\n"
            "Content-Length: 5\r\n\r\nhello");
    hear(f, fd, "127.0.0.1");
    assert_non_null(strstr(f->answer, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(f->answer, "\r\n\r\nPOST|/a%41|b=%20|hello|t|127.0.0.1"));
    assert_non_null(strstr(f->answer, "X-Dirty: aEvil: b\r\n"));
    close(fd);
}

static void test_head(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    say(fd, "HEAD /abc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_true(hear(f, fd, NULL));
    assert_non_null(strstr(f->answer, "Content-Length: 22\r\n"));
    assert_string_equal(strstr(f->answer, "\r\n\r\n"), "\r\n\r\n");
    close(fd);
}

static void test_suspended_answer_is_released_once(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    for (int i = 0; i < 3; i++) {
        say(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        hear(f, fd, "late");
        assert_non_null(strstr(f->answer, "HTTP/1.1 201"));
    }
    close(fd);
    pthread_mutex_lock(&f->lock);
    while (f->released < 3)
        pthread_cond_wait(&f->changed, &f->lock);
    assert_int_equal(f->released, 3);
    pthread_mutex_unlock(&f->lock);
}

static void test_pipelined_requests_in_order(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    say(fd, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /later HTTP/1.1\r\nHost: x\r\n\r\n"
            "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(f, fd, "GET|/3|");
    const char *first = strstr(f->answer, "GET|/1|"), *late = strstr(f->answer, "late");
    assert_non_null(first);
    assert_true(late > first && strstr(f->answer, "GET|/3|") > late);
    close(fd);
}

static void test_forgotten_answer_is_500(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    say(fd, "GET /forgotten HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(hear(f, fd, NULL));
    assert_non_null(strstr(f->answer, "HTTP/1.1 500"));
    close(fd);
}

static void test_leaving_client_does_no_harm(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 50; i++) {
        int fd = dial(f);
        say(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        close(fd);
    }
    int fd = dial(f);
    say(fd, "GET /still HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(f, fd, "/still");
    assert_non_null(strstr(f->answer, "GET|/still|"));
    close(fd);
}

static const struct {
    const char *name, *request, *status;
} REFUSED[] = {
    { "chunked",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n0\r\n\r\n",
      "411" },
    { "CL and TE",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 38\r\n"
      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "400" },
    { "TE and CL",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
      "Content-Length: 5\r\n\r\n0\r\n\r\n",
      "400" },
    { "two lengths",
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
      "Content-Length: 38\r\n\r\n",
      "400" },
    { "length with a blank", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 31\r\n\r\n",
      "400" },
    { "odd coding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
      "400" },
    { "folded coding",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\n"
      "\r\n",
      "4" },
    { "two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400" },
    { "absolute form", "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", "400" },
    { "NUL in the path", "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n", "400" },
    { "dot segment", "GET /a/%2e%2e/b HTTP/1.1\r\nHost: x\r\n\r\n", "400" },
    { "bare CR", "GET / HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n", "400" },
    { "body of a GET", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
      "400" },
};

/* Each must be refused once, and the connection closed: what follows is not served. */
static void test_refused(void **state)
{
    static const char SMUGGLED[] = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(REFUSED); i++) {
        char want[16];
        int fd = dial(f);
        snprintf(want, sizeof want, "HTTP/1.1 %s", REFUSED[i].status);
        say(fd, REFUSED[i].request);
        /* It may have closed already: then there is nobody to send to. */
        send(fd, SMUGGLED, sizeof SMUGGLED - 1, MSG_NOSIGNAL);
        hear(f, fd, NULL);
        if (!strstr(f->answer, want) || strstr(f->answer, "smuggled") ||
            count_of(f->answer, "HTTP/1.1 ") != 1)
            fail_msg("%s: %s", REFUSED[i].name, f->answer);
        close(fd);
    }
}

static void send_body(int fd, const char *path, size_t n)
{
    char head[128];
    AUTO_FREE char *body = xcalloc(n + 1, 1);
    memset(body, 'x', n);
    snprintf(head, sizeof head,
             "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", path, n);
    say(fd, head);
    say(fd, body);
}

static void test_body_limits(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *path, *status;
        size_t n;
    } LIMITS[] = {
        { "/", "200", BODY_MAX },
        { "/", "413", BODY_MAX + 1 },
        { "/", "413", 500 * 1000 },
        { "/bulk", "200", 4 * BODY_MAX },
        { "/bulk", "413", 4 * BODY_MAX + 1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(LIMITS); i++) {
        char want[32];
        int fd = dial(f);
        send_body(fd, LIMITS[i].path, LIMITS[i].n);
        hear(f, fd, "\r\n\r\n");
        snprintf(want, sizeof want, "HTTP/1.1 %s ", LIMITS[i].status);
        if (strncmp(f->answer, want, strlen(want)) != 0)
            fail_msg("%s %zu: %s", LIMITS[i].path, LIMITS[i].n, f->answer);
        close(fd);
    }
}

static void test_long_target(void **state)
{
    struct fixture *f = *state;
    char request[4096], path[3001];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    snprintf(request, sizeof request, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    int fd = dial(f);
    say(fd, request);
    assert_true(hear(f, fd, NULL));
    assert_non_null(strstr(f->answer, "HTTP/1.1 414"));
    assert_non_null(strstr(f->answer, "\"code\":\"uri_too_long\""));
    close(fd);
}

/* Split at every byte: framing does not depend on how the bytes arrive. */
static void test_split_anywhere(void **state)
{
    static const char REQUEST[] =
        "POST /s HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    struct fixture *f = *state;
    int fd = dial(f);
    for (size_t cut = 1; cut < sizeof REQUEST - 1; cut++) {
        assert_int_equal(send(fd, REQUEST, cut, MSG_NOSIGNAL), (ssize_t)cut);
        say(fd, REQUEST + cut);
        hear(f, fd, "|127.0.0.1");
        assert_non_null(strstr(f->answer, "POST|/s||abc||"));
    }
    close(fd);
}

/* Neither a drip of header bytes nor an unfinished body holds a connection. */
static void test_slow_clients_are_cut(void **state)
{
    static const char *const STARTS[] = {
        "",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab",
    };
    struct fixture *f = *state;
    int fd[ARRAY_LEN(STARTS)];
    int64_t begin = clock_mono_ms();
    for (size_t i = 0; i < ARRAY_LEN(STARTS); i++) {
        fd[i] = dial(f);
        say(fd[i], STARTS[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(STARTS); i++) {
        assert_true(hear(f, fd[i], NULL));
        close(fd[i]);
    }
    assert_true(clock_mono_ms() - begin < 6000);
    assert_true(clock_mono_ms() - begin >= 900);
}

/* A body that is refused already earns no time by the length it claims. */
static void test_dripped_refused_body_is_cut(void **state)
{
    enum { DRIP_US = 100 * 1000, LIMIT_MS = 6000 };
    struct fixture *f = *state;
    int fd = dial(f);
    int64_t begin = clock_mono_ms();
    say(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n");
    while (send(fd, "a", 1, MSG_NOSIGNAL) == 1) {
        if (clock_mono_ms() - begin > LIMIT_MS)
            fail_msg("the connection is still open");
        usleep(DRIP_US);
    }
    close(fd);
}

/* Whoever comes finds a place, whatever the other one holds, and however it holds it. */
static void test_one_client_cannot_take_all_places(void **state)
{
    static const char *const STARTS[] = {
        "",
        "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nab",
        "GET /big HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n", /* answered, and kept open */
    };
    enum { HELD = 20 };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(STARTS); i++) {
        int fd[HELD], other;
        for (int n = 0; n < HELD; n++) {
            fd[n] = dial_from(f, "127.0.0.2");
            send(fd[n], STARTS[i], strlen(STARTS[i]), MSG_NOSIGNAL); /* or it must go */
        }
        other = dial(f);
        say(other, "GET /here HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        hear(f, other, NULL);
        assert_non_null(strstr(f->answer, "GET|/here|"));
        close(other);
        for (int n = 0; n < HELD; n++)
            close(fd[n]);
    }
}

static void hold(struct fixture *f, bool on)
{
    pthread_mutex_lock(&f->lock);
    f->hold = on;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
}

static void wait_parked(struct fixture *f, unsigned n)
{
    pthread_mutex_lock(&f->lock);
    while (f->nparked < n)
        pthread_cond_wait(&f->changed, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

/* Until so many have been closed by the listener. Which of those that came within a
 * millisecond, is not said. */
static void wait_gone(const int *fd, size_t n, size_t least)
{
    enum { LOOKS = 2000, LOOK_US = 10000 };
    size_t gone = 0;
    for (int look = 0; look < LOOKS && gone < least; look++) {
        char c;
        gone = 0;
        for (size_t i = 0; i < n; i++)
            gone += recv(fd[i], &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
        usleep(LOOK_US);
    }
    assert_true(gone >= least);
}

/* A request that is worked on is not given up for a newcomer. */
static void test_who_waits_for_an_answer_keeps_its_place(void **state)
{
    enum { PLACES = 7, HELD = 5, MORE = 20 }; /* of start_small, one is spare */
    struct fixture *f = *state;
    int fd[HELD], more[MORE];
    hold(f, true);
    for (int n = 0; n < HELD; n++) {
        fd[n] = dial_from(f, "127.0.0.2");
        say(fd[n], "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    wait_parked(f, HELD);
    for (int n = 0; n < MORE; n++)
        more[n] = dial_from(f, "127.0.0.2");
    wait_gone(more, MORE, MORE - (PLACES - HELD));
    hold(f, false);
    for (int n = 0; n < HELD; n++) {
        hear(f, fd[n], "late");
        assert_non_null(strstr(f->answer, "201"));
        close(fd[n]);
    }
    for (int n = 0; n < MORE; n++)
        close(more[n]);
}

static void test_drain_closes_connections(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    say(fd, "GET /before HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(f, fd, "/before");
    http_drain(f->l);
    say(fd, "GET /after HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(hear(f, fd, NULL));
    assert_non_null(strstr(f->answer, "GET|/after|"));
    assert_non_null(strstr(f->answer, "Connection: close"));
    assert_int_equal(http_in_flight(f->l), 0);
    close(fd);
}

static void test_stop_with_clients_around(void **state)
{
    struct fixture *f = *state;
    int idle = dial(f), half = dial(f);
    say(half, "GET / HT");
    for (int i = 0; i < 20; i++) {
        int fd = dial(f);
        say(fd, "GET /later HTTP/1.1\r\nHost: x\r\n\r\n");
        hear(f, fd, "late");
        close(fd);
    }
    http_stop(&f->l); /* returns, and the process lives */
    assert_null(f->l);
    close(idle);
    close(half);
}

/* Whoever does not take an answer is cut, not left behind with a live listener. */
static void test_stop_with_an_answer_untaken(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f);
    say(fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_false(hear(f, fd, "HTTP/1.1 200"));
    assert_int_equal(http_in_flight(f->l), 1);
    http_stop(&f->l);
    size_t taken = 0;
    for (ssize_t n; (n = recv(fd, f->answer, sizeof f->answer, 0)) > 0;)
        taken += (size_t)n;
    assert_true(taken < BIG_SIZE / 2); /* only what the buffers held */
    close(fd);
}

static void test_addresses(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",        "127.0.0.1",         "127.0.0.1:", "127.0.0.1:x", "no.such.name:80",
        "[::1:80", "127.0.0.1:99999999"
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        char *why = NULL;
        struct http_config cfg = { .listen = BAD[i] };
        if (http_start(&cfg, serve, NULL, NULL, &why))
            fail_msg("'%s' was accepted", BAD[i]);
        assert_non_null(why);
        free(why);
    }
}

static void test_taken_address(void **state)
{
    struct fixture *f = *state;
    char *why = NULL;
    struct http_config cfg = { .listen = http_address(f->l) };
    assert_null(http_start(&cfg, serve, NULL, NULL, &why));
    assert_non_null(strstr(why, "is taken by another program"));
    free(why);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_echo),
        WITH(test_head),
        WITH(test_suspended_answer_is_released_once),
        WITH(test_pipelined_requests_in_order),
        WITH(test_forgotten_answer_is_500),
        WITH(test_leaving_client_does_no_harm),
        WITH(test_refused),
        WITH(test_body_limits),
        WITH(test_long_target),
        WITH(test_split_anywhere),
        cmocka_unit_test_setup_teardown(test_slow_clients_are_cut, start_impatient, stop),
        cmocka_unit_test_setup_teardown(test_dripped_refused_body_is_cut, start_impatient,
                                        stop),
        cmocka_unit_test_setup_teardown(test_one_client_cannot_take_all_places,
                                        start_small, stop),
        cmocka_unit_test_setup_teardown(test_who_waits_for_an_answer_keeps_its_place,
                                        start_small, stop),
        WITH(test_drain_closes_connections),
        WITH(test_stop_with_clients_around),
        WITH(test_stop_with_an_answer_untaken),
        cmocka_unit_test(test_addresses),
        WITH(test_taken_address),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
