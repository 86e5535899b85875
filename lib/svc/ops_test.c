#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "svc/ops.h"
#include "svc/svc.h"

enum { ANSWER_SIZE = 256 * 1024 };

static const struct svc_def DEF = { .name = "sample" };

struct fixture {
    struct svc svc;
    struct ops *ops;
    char answer[ANSWER_SIZE];
};

static int start(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    f->svc.def = &DEF;
    f->svc.loop = loop_new();
    strcpy(f->svc.instance, "sample-1");
    f->ops = ops_start(&f->svc, "127.0.0.1:0");
    assert_non_null(f->ops);
    *state = f;
    return 0;
}

static int stop(void **state)
{
    struct fixture *f = *state;
    ops_stop(&f->ops);
    loop_free(&f->svc.loop);
    free(f);
    return 0;
}

/* The status; the whole answer is in f->answer. */
static int get(struct fixture *f, const char *line)
{
    struct sockaddr_in to = { .sin_family = AF_INET };
    to.sin_port = htons((uint16_t)atoi(strrchr(ops_address(f->ops), ':') + 1));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    AUTO_FREE char *request =
        xasprintf("%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", line);
    assert_true(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
    size_t have = 0;
    ssize_t n;
    while ((n = recv(fd, f->answer + have, ANSWER_SIZE - 1 - have, 0)) > 0)
        have += (size_t)n;
    f->answer[have] = '\0';
    close(fd);
    return atoi(f->answer + sizeof "HTTP/1.1");
}

static const char *body(const struct fixture *f)
{
    const char *end = strstr(f->answer, "\r\n\r\n");
    return end ? end + 4 : "";
}

static void test_readiness(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(get(f, "GET /readyz"), 503);
    assert_string_equal(body(f), "starting\n");
    ops_set_ready(f->ops, true, "");
    assert_int_equal(get(f, "GET /readyz"), 200);
    assert_string_equal(body(f), "ok\n");
    ops_set_ready(f->ops, false, "no database connection");
    assert_int_equal(get(f, "GET /readyz"), 503);
    assert_string_equal(body(f), "no database connection\n");
}

static void test_readiness_for_programs(void **state)
{
    struct fixture *f = *state;
    ops_set_ready(f->ops, false, "say \"why\"");
    assert_int_equal(get(f, "GET /readyz?verbose"), 503);
    assert_non_null(strstr(f->answer, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(body(f),
                           "\"reason\":\"say \\\"why\\\"\",\"service\":\"sample\","
                           "\"instance\":\"sample-1\""));
}

static void test_a_long_reason_is_cut(void **state)
{
    struct fixture *f = *state;
    char why[400];
    memset(why, 'w', sizeof why - 1);
    why[sizeof why - 1] = '\0';
    ops_set_ready(f->ops, false, why);
    assert_int_equal(get(f, "GET /readyz"), 503);
    assert_int_equal(strlen(body(f)), 121);
}

static void test_pages(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(get(f, "GET /livez"), 200);
    assert_int_equal(get(f, "GET /version"), 200);
    assert_non_null(strstr(body(f), SVC_VERSION));
    assert_int_equal(get(f, "GET /metrics"), 200);
    assert_non_null(strstr(f->answer, "Content-Type: text/plain; version=0.0.4\r\n"));
    assert_non_null(strstr(body(f), "process_open_fds"));
    assert_int_equal(get(f, "HEAD /livez"), 200);
    assert_int_equal(get(f, "GET /other"), 404);
    assert_int_equal(get(f, "POST /livez"), 405);
    assert_int_equal(get(f, "GET //livez"), 400);
}

static void test_healthcheck(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ops_healthcheck(ops_address(f->ops)), 1);
    ops_set_ready(f->ops, true, "");
    assert_int_equal(ops_healthcheck(ops_address(f->ops)), 0);
    AUTO_FREE char *any = xasprintf("0.0.0.0%s", strrchr(ops_address(f->ops), ':'));
    assert_int_equal(ops_healthcheck(any), 0);
    assert_int_equal(ops_healthcheck("127.0.0.1:1"), 1);
    assert_int_equal(ops_healthcheck("nonsense"), 1);
}

static void test_a_taken_port_is_told(void **state)
{
    struct fixture *f = *state;
    assert_null(ops_start(&f->svc, ops_address(f->ops)));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_readiness),
        WITH(test_readiness_for_programs),
        WITH(test_a_long_reason_is_cut),
        WITH(test_pages),
        WITH(test_healthcheck),
        WITH(test_a_taken_port_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
