/*
 * The fast other side of `make bench-mail`: an SMTP server in one thread that takes every
 * mail and keeps none. Prints its port; writes the first mail to FILE as it came.
 *
 *   sink_smtp FILE
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 64 * 1024, EVENTS = 64 };

struct client {
    int fd;
    bool data; /* in a body */
    size_t n;
    char in[BUFFER];
};

static const char *save_path;

static void reply(const struct client *c, const char *text)
{
    size_t n = strlen(text);
    if (write(c->fd, text, n) != (ssize_t)n)
        perror("sink_smtp: write");
}

static void save(const char *mail, size_t n)
{
    FILE *f = save_path ? fopen(save_path, "wb") : NULL;
    save_path = NULL;
    if (!f)
        return;
    fwrite(mail, 1, n, f);
    fclose(f);
}

static void consume(struct client *c, size_t n)
{
    memmove(c->in, c->in + n, c->n - n);
    c->n -= n;
}

/* False: the body is not complete. */
static bool take_body(struct client *c)
{
    static const char END[] = "\r\n.\r\n";
    char *end = memmem(c->in, c->n, END, sizeof END - 1);
    if (!end)
        return false;
    save(c->in, (size_t)(end - c->in) + 2);
    consume(c, (size_t)(end - c->in) + sizeof END - 1);
    c->data = false;
    reply(c, "250 2.0.0 taken\r\n");
    return true;
}

/* False: no whole line, or the client said farewell. */
static bool take_line(struct client *c)
{
    char *end = memmem(c->in, c->n, "\r\n", 2);
    if (!end)
        return false;
    bool ehlo = strncmp(c->in, "EHLO", 4) == 0, quit = strncmp(c->in, "QUIT", 4) == 0;
    c->data = strncmp(c->in, "DATA", 4) == 0;
    consume(c, (size_t)(end - c->in) + 2);
    reply(c, ehlo      ? "250-sink\r\n250-8BITMIME\r\n250 SIZE\r\n"
             : c->data ? "354 go on\r\n"
             : quit    ? "221 bye\r\n"
                       : "250 2.0.0 ok\r\n");
    return !quit;
}

static void on_readable(struct client *c)
{
    ssize_t n = read(c->fd, c->in + c->n, sizeof c->in - c->n);
    if (n <= 0) {
        close(c->fd);
        free(c);
        return;
    }
    c->n += (size_t)n;
    while (c->data ? take_body(c) : take_line(c))
        ;
}

static void on_client(int ep, int listener)
{
    struct client *c = calloc(1, sizeof *c);
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (!c || fd < 0) {
        free(c);
        return;
    }
    c->fd = fd;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    epoll_ctl(ep, EPOLL_CTL_ADD, fd,
              &(struct epoll_event){ .events = EPOLLIN, .data.ptr = c });
    reply(c, "220 sink ESMTP\r\n");
}

static int listen_on_loopback(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, n) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &n) != 0)
        return -1;
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    int ep = epoll_create1(EPOLL_CLOEXEC), listener = listen_on_loopback();
    if (argc != 2 || ep < 0 || listener < 0) {
        fprintf(stderr, "Usage: sink_smtp FILE\n");
        return 64;
    }
    save_path = argv[1];
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &(struct epoll_event){ .events = EPOLLIN });
    for (;;) {
        int n = epoll_wait(ep, events, EVENTS, -1);
        if (n < 0 && errno != EINTR)
            return 1;
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                on_readable(events[i].data.ptr);
            else
                on_client(ep, listener);
        }
    }
}
