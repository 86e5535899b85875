#include "mailer/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

struct backend {
    struct loop *loop;
    const struct mailer_config *cfg;
    enum mailer_backend kind;
    struct smtp *smtp;
};

/* A finished delivery whose result is handed over in the next turn. */
struct handed {
    struct mail_result r;
    smtp_done_fn *done;
    void *arg;
};

static void on_handed(void *arg)
{
    struct handed *h = arg;
    h->done(h->arg, &h->r);
    free(h);
}

/* why: NULL when the mail was taken, else what our own system said. */
static void hand_over(struct backend *b, const char *why, int64_t since_us,
                      smtp_done_fn *done, void *arg)
{
    struct handed *h = xcalloc(1, sizeof *h);
    h->done = done;
    h->arg = arg;
    h->r.outcome = why ? OUTCOME_LOCAL_FAULT : OUTCOME_SENT;
    h->r.phase = PHASE_END;
    h->r.took_us = clock_mono_us() - since_us;
    snprintf(h->r.text, sizeof h->r.text, "%s", why ? why : "");
    loop_post(b->loop, on_handed, h);
}

static bool write_all(int fd, struct str s)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        s = (struct str){ s.p + n, s.n - (size_t)n };
    }
    return true;
}

/* --- console ----------------------------------------------------------------------- */

static const char *print_mail(struct str message)
{
    struct buf text AUTO_BUF;
    buf_init(&text, message.n + 128);
    buf_str(&text, message);
    for (int i = 0; i < 79; i++)
        buf_char(&text, '-');
    buf_char(&text, '\n');
    return write_all(STDOUT_FILENO, buf_get(&text)) ? NULL : strerror(errno);
}

/* --- file -------------------------------------------------------------------------- */

static bool write_file(const char *path, struct str message)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, message) && fsync(fd) == 0;
    int saved = errno;
    close(fd);
    errno = saved;
    return ok;
}

static bool sync_directory(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = fsync(fd) == 0;
    close(fd);
    return ok;
}

static const char *store_mail(struct backend *b, const struct delivery *d)
{
    const char *dir = b->cfg->file_path;
    char when[32];
    struct tm tm;
    time_t s = (time_t)(d->created_us / 1000000);
    gmtime_r(&s, &tm);
    strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &tm);
    AUTO_FREE char *path = xasprintf("%s/%s-%s.eml", dir, when, d->job_id);
    AUTO_FREE char *temporary = xasprintf("%s/.%s.%d", dir, d->job_id, (int)getpid());
    if (write_file(temporary, d->mail.message) && rename(temporary, path) == 0 &&
        sync_directory(dir))
        return NULL;
    const char *why = strerror(errno);
    unlink(temporary);
    return why;
}

/* --- one door ---------------------------------------------------------------------- */

static struct smtp_send *send_smtp(struct backend *b, const struct delivery *d,
                                   smtp_ask_fn *ask, smtp_done_fn *done, void *arg)
{
    struct smtp_send *send = smtp_start(b->smtp, &d->mail, ask, done, arg);
    if (!send)
        hand_over(b, "the transfer could not be started", clock_mono_us(), done, arg);
    return send;
}

struct smtp_send *backend_send(struct backend *b, const struct delivery *d,
                               smtp_ask_fn *ask, smtp_done_fn *done, void *arg)
{
    int64_t now = clock_mono_us();
    if (b->kind == BACKEND_SMTP)
        return send_smtp(b, d, ask, done, arg);
    const char *why =
        b->kind == BACKEND_FILE ? store_mail(b, d) : print_mail(d->mail.message);
    hand_over(b, why, now, done, arg);
    return NULL;
}

void backend_resize(struct backend *b, int connections)
{
    if (b->smtp)
        smtp_resize(b->smtp, connections);
}

static struct smtp *open_smtp(struct loop *l, const struct mailer_config *cfg)
{
    struct smtp_config c = {
        .host = cfg->host,
        .port = (int)cfg->port,
        .ca_file = cfg->ca_file,
        .user = cfg->user,
        .password = cfg->password,
        .connections = (int)cfg->connections,
        .connect_timeout_ms = (long)cfg->connect_timeout_ms,
        .timeout_ms = (long)cfg->send_timeout_ms,
    };
    c.tls = cfg->use_ssl   ? SMTP_TLS_WRAPPED
            : cfg->use_tls ? SMTP_TLS_START
                           : SMTP_TLS_NONE;
    return smtp_open(l, &c);
}

const char *backend_check(const struct mailer_config *cfg)
{
    const char *dir = cfg->file_path, *why = mailer_config_mistake(cfg);
    if (why || mailer_config_backend(cfg) != BACKEND_FILE)
        return why;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return "EMAIL_FILE_PATH cannot be created";
    return access(dir, W_OK | X_OK) == 0 ? NULL : "EMAIL_FILE_PATH cannot be written";
}

struct backend *backend_open(struct loop *l, const struct mailer_config *cfg,
                             const char **ret_why)
{
    struct backend *b = xcalloc(1, sizeof *b);
    *b = (struct backend){ .loop = l, .cfg = cfg, .kind = mailer_config_backend(cfg) };
    *ret_why = backend_check(cfg);
    if (!*ret_why && b->kind == BACKEND_SMTP) {
        b->smtp = open_smtp(l, cfg);
        *ret_why = b->smtp ? NULL : "libcurl could not be started";
    }
    if (*ret_why)
        backend_close(&b);
    return b;
}

void backend_close(struct backend **b)
{
    if (!*b)
        return;
    smtp_close(&(*b)->smtp);
    free(*b);
    *b = NULL;
}
