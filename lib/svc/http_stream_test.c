/* Endless answers over real sockets: written by another thread, read raw. */
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
#include "svc/http_stream.h"

enum { ROOM = 64 * 1024, WAIT_S = 20, HEARD = 64 * 1024 };

/* The handler parks each request's stream; the test is the writer. */
struct fixture {
    struct http_listener *l;
    pthread_mutex_t lock;
    struct http_stream *parked;
    char heard[HEARD];
};

static void serve(struct http_request *r, void *arg)
{
    static const struct http_header_line LINES[] = {
        { "Content-Type", "text/event-stream" },
        { NULL, NULL },
    };
    struct fixture *f = arg;
    http_suspend(r);
    struct http_stream *s = http_stream_open(
        r, &(struct http_answer){ .status = 200, .headers = LINES }, ROOM);
    pthread_mutex_lock(&f->lock);
    f->parked = s;
    pthread_mutex_unlock(&f->lock);
}

static int start(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    char *why = NULL;
    pthread_mutex_init(&f->lock, NULL);
    f->l = http_start(&(struct http_config){ .listen = "127.0.0.1:0" }, serve, NULL, f,
                      &why);
    if (!f->l)
        fail_msg("%s", why);
    *state = f;
    return 0;
}

static int stop(void **state)
{
    struct fixture *f = *state;
    http_stop(&f->l);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return 0;
}

static int dial(const struct fixture *f, int receive_bytes)
{
    struct sockaddr_in to = { .sin_family = AF_INET };
    const char *address = http_address(f->l);
    to.sin_port = htons((uint16_t)strtol(strrchr(address, ':') + 1, NULL, 10));
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (receive_bytes)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    struct timeval limit = { .tv_sec = WAIT_S };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    static const char REQUEST[] = "GET /live HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_int_equal(send(fd, REQUEST, sizeof REQUEST - 1, MSG_NOSIGNAL),
                     sizeof REQUEST - 1);
    return fd;
}

static struct http_stream *wait_for_stream(struct fixture *f)
{
    struct http_stream *s = NULL;
    for (int i = 0; i < WAIT_S * 1000 && !s; i++) {
        pthread_mutex_lock(&f->lock);
        s = f->parked;
        f->parked = NULL;
        pthread_mutex_unlock(&f->lock);
        if (!s)
            usleep(1000);
    }
    assert_non_null(s);
    return s;
}

/* Reads on until `until` was heard, or to the end of the connection. */
static bool hear(struct fixture *f, int fd, const char *until)
{
    size_t n = strlen(f->heard);
    while (!strstr(f->heard, until)) {
        ssize_t got = recv(fd, f->heard + n, HEARD - 1 - n, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
        f->heard[n] = '\0';
    }
    return true;
}

static enum http_stream_state write_until_not_ok(struct http_stream *s)
{
    static char block[8 * 1024];
    enum http_stream_state state = HTTP_STREAM_OK;
    memset(block, '~', sizeof block);
    for (int i = 0; i < WAIT_S * 1000 && state == HTTP_STREAM_OK; i++) {
        state = http_stream_write(s, (struct str){ block, sizeof block });
        usleep(1000);
    }
    return state;
}

static void test_what_is_written_arrives_at_once(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f, 0);
    struct http_stream *s = wait_for_stream(f);
    assert_true(hear(f, fd, "\r\n\r\n"));
    assert_non_null(strstr(f->heard, "text/event-stream"));
    for (int i = 0; i < 50; i++) {
        char text[32];
        snprintf(text, sizeof text, "data: %d\n\n", i);
        assert_int_equal(http_stream_write(s, str_of(text)), HTTP_STREAM_OK);
        assert_true(hear(f, fd, text));
    }
    http_stream_write(s, STR("last words"));
    http_stream_end(&s);
    assert_null(s);
    assert_true(hear(f, fd, "last words"));
    assert_true(hear(f, fd, "\r\n0\r\n\r\n")); /* the end of a chunked body */
    close(fd);
}

static void test_a_client_that_leaves_is_noticed(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f, 0);
    struct http_stream *s = wait_for_stream(f);
    assert_true(hear(f, fd, "\r\n\r\n"));
    close(fd);
    assert_int_equal(write_until_not_ok(s), HTTP_STREAM_GONE);
    http_stream_end(&s);
    assert_int_equal(http_in_flight(f->l), 0);
}

static void test_a_slow_reader_is_full_and_loses_nothing_taken(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f, 4096);
    struct http_stream *s = wait_for_stream(f);
    assert_int_equal(write_until_not_ok(s), HTTP_STREAM_FULL);
    assert_true(http_stream_waiting(s) > ROOM / 2);
    http_stream_end(&s);
    char block[4096];
    ssize_t got;
    size_t filled = 0;
    while ((got = recv(fd, block, sizeof block, 0)) > 0) {
        for (ssize_t i = 0; i < got; i++)
            filled += block[i] == '~';
        if (got >= 5 && memcmp(block + got - 5, "0\r\n\r\n", 5) == 0)
            break;
    }
    assert_int_equal(filled % 8192, 0);
    assert_true(filled > ROOM / 2);
    close(fd);
}

static void test_stopping_with_streams_open_ends_them(void **state)
{
    enum { N = 20 };
    struct fixture *f = *state;
    struct http_stream *s[N];
    int fd[N];
    for (int i = 0; i < N; i++) {
        fd[i] = dial(f, 0);
        s[i] = wait_for_stream(f);
    }
    assert_int_equal(http_in_flight(f->l), N);
    http_drain(f->l);
    for (int i = 0; i < N; i++)
        http_stream_end(&s[i]);
    for (int i = 0; i < N; i++) {
        f->heard[0] = '\0';
        assert_true(hear(f, fd[i], "0\r\n\r\n"));
        close(fd[i]);
    }
}

static void test_end_without_a_word(void **state)
{
    struct fixture *f = *state;
    int fd = dial(f, 0);
    struct http_stream *s = wait_for_stream(f);
    http_stream_end(&s);
    assert_true(hear(f, fd, "0\r\n\r\n"));
    close(fd);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_written_arrives_at_once, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_a_client_that_leaves_is_noticed, start,
                                        stop),
        cmocka_unit_test_setup_teardown(
            test_a_slow_reader_is_full_and_loses_nothing_taken, start, stop),
        cmocka_unit_test_setup_teardown(test_stopping_with_streams_open_ends_them, start,
                                        stop),
        cmocka_unit_test_setup_teardown(test_end_without_a_word, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
