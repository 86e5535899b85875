#include "mailer/smtp.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { ANSWERS_MAX = 64 * 1024 }; /* bytes a server may say in one attempt */

/* Where a transfer stands with its body. */
enum leave { LEAVE_NOT_ASKED, LEAVE_ASKED, LEAVE_GO, LEAVE_STOP };

enum worker_state { WORKER_NONE, WORKER_RUNS, WORKER_ENDED };

/* A thread with one connection, which stays open between its mails. */
struct worker {
    struct smtp *smtp;
    pthread_t thread;
    enum worker_state state;
    CURL *easy;             /* the thread's own, as are its socket and the mail in hand */
    int fd;                 /* the one opened last and not closed since, else -1 */
    struct smtp_send *send; /* in hand */
};

struct smtp {
    struct loop *loop;
    struct smtp_config cfg;
    char *url;
    struct smtp_send *sends; /* all there are; the loop's */
    atomic_bool stopping;
    pthread_mutex_t lock;    /* guards what follows, and `leave` of every send */
    pthread_cond_t work;     /* a mail waits, or workers are to end */
    pthread_cond_t answered; /* a sender that was asked */
    struct smtp_send *waiting, **waiting_end;
    unsigned idle, running; /* workers */
    unsigned wanted;        /* workers that may be kept */
    struct worker workers[SMTP_CONNECTIONS_MAX];
};

struct smtp_send {
    struct smtp *smtp;
    struct smtp_send *next, *next_waiting;
    struct curl_slist *rcpt;
    char *from;
    struct str message;
    int64_t young_until_ms;
    size_t given; /* bytes of message handed to libcurl */
    size_t heard; /* bytes of the server's answers */
    int64_t started_ms;
    enum leave leave;
    bool quit; /* what is answered now is our farewell */
    struct mail_result r;
    char error[CURL_ERROR_SIZE];
    smtp_ask_fn *ask;
    smtp_done_fn *done;
    void *arg;
};

/* --- what the dialogue says -------------------------------------------------------- */

/* The phase that a client's line begins. */
static void note_command(struct worker *w, struct str line)
{
    static const struct {
        const char *verb;
        enum mail_phase phase;
    } VERBS[] = {
        { "EHLO", PHASE_HELLO }, { "HELO", PHASE_HELLO },  { "STARTTLS", PHASE_HELLO },
        { "AUTH", PHASE_AUTH },  { "MAIL", PHASE_SENDER }, { "RCPT", PHASE_RECIPIENT },
        { "DATA", PHASE_DATA },
    };
    struct smtp_send *send = w->send;
    bool quit = str_starts(line, STR("QUIT"));
    if (quit && w->fd >= 0)
        shutdown(w->fd, SHUT_RD); /* libcurl would wait for the answer */
    if (!send)                    /* a connection is closed between two mails */
        return;
    send->quit = quit;
    for (size_t i = 0; i < ARRAY_LEN(VERBS); i++) {
        if (!str_starts(line, str_of(VERBS[i].verb)))
            continue;
        send->r.phase = VERBS[i].phase;
        send->r.code = 0; /* an earlier command's answer is no answer to this one */
        return;
    }
}

static void add_line(struct smtp_send *send, struct str line)
{
    struct mail_result *r = &send->r;
    bool full = r->nlines == MAIL_LINES_MAX;
    struct mail_line *l = &r->lines[full ? MAIL_LINES_MAX - 1 : r->nlines++];
    l->at_ms = clock_mono_ms() - send->started_ms;
    l->phase = r->phase;
    mail_reply_text(line, l->text, sizeof l->text);
}

static void note_reply(struct smtp_send *send, struct str line)
{
    line = str_trim(line);
    int64_t code;
    if (send->quit || line.n < 3 || !str_to_i64((struct str){ line.p, 3 }, &code) ||
        code < 200)
        return;
    bool goes_on = line.n > 3 && line.p[3] == '-';
    send->r.code = (int)code;
    mail_reply_text(line, send->r.text, sizeof send->r.text);
    if (!goes_on || code >= 400)
        add_line(send, line);
}

/* libcurl's only way to show an SMTP dialogue. Nothing of it is printed: it holds logins.
 */
static int on_dialogue(CURL *easy, curl_infotype type, char *data, size_t n, void *arg)
{
    struct worker *w = arg;
    struct str line = { data, n };
    (void)easy;
    if (type == CURLINFO_HEADER_OUT)
        note_command(w, line);
    else if (w->send && type == CURLINFO_HEADER_IN)
        note_reply(w->send, line);
    return 0;
}

/* The answers once more, where the attempt can be ended: who talks without end is left.
 */
static size_t on_answer(char *data, size_t size, size_t count, void *arg)
{
    struct smtp_send *send = ((struct worker *)arg)->send;
    (void)data;
    if (!send)
        return size * count;
    send->heard += size * count;
    return send->heard <= ANSWERS_MAX ? size * count : 0;
}

/* --- the body ---------------------------------------------------------------------- */

/* In the loop: may the body go? */
static void on_ask(void *arg)
{
    struct smtp_send *send = arg;
    send->ask(send->arg);
}

/* Stands still after the server's 354 until smtp_continue. */
static enum leave ask_leave(struct smtp_send *send)
{
    struct smtp *s = send->smtp;
    pthread_mutex_lock(&s->lock);
    send->leave = LEAVE_ASKED;
    loop_post(s->loop, on_ask, send);
    while (send->leave == LEAVE_ASKED && !s->stopping)
        pthread_cond_wait(&s->answered, &s->lock);
    enum leave leave = send->leave;
    pthread_mutex_unlock(&s->lock);
    return leave;
}

static bool may_begin(struct smtp_send *send)
{
    send->r.phase = PHASE_BODY;
    return clock_boot_ms() < send->young_until_ms || ask_leave(send) == LEAVE_GO;
}

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
    struct smtp_send *send = ((struct worker *)arg)->send;
    if (send->given == 0 && !may_begin(send))
        return CURL_READFUNC_ABORT;
    size_t left = send->message.n - send->given;
    size_t n = left < size * count ? left : size * count;
    memcpy(out, send->message.p + send->given, n);
    send->given += n;
    if (send->given == send->message.n)
        send->r.phase = PHASE_END;
    return n;
}

void smtp_continue(struct smtp_send *send, bool go)
{
    struct smtp *s = send->smtp;
    pthread_mutex_lock(&s->lock);
    send->leave = go ? LEAVE_GO : LEAVE_STOP;
    pthread_cond_broadcast(&s->answered);
    pthread_mutex_unlock(&s->lock);
}

/* --- one attempt, in a worker's thread --------------------------------------------- */

/* libcurl comes by at least once a second, also while it waits. */
static int on_progress(void *arg, curl_off_t dltotal, curl_off_t dlnow,
                       curl_off_t ultotal, curl_off_t ulnow)
{
    const struct worker *w = arg;
    (void)dltotal, (void)dlnow, (void)ultotal, (void)ulnow;
    return w->smtp->stopping;
}

static int on_socket(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    struct worker *w = arg;
    (void)purpose;
    w->fd = fd;
    return CURL_SOCKOPT_OK;
}

static int on_socket_close(void *arg, curl_socket_t fd)
{
    struct worker *w = arg;
    if (w->fd == fd)
        w->fd = -1;
    return close(fd);
}

static void set_login(CURL *easy, const struct smtp_config *cfg)
{
    if (!cfg->user || !*cfg->user)
        return;
    curl_easy_setopt(easy, CURLOPT_USERNAME, cfg->user);
    curl_easy_setopt(easy, CURLOPT_PASSWORD, secret_expose(cfg->password).p);
}

static void set_peer(struct worker *w)
{
    CURL *easy = w->easy;
    const struct smtp *s = w->smtp;
    const struct smtp_config *cfg = &s->cfg;
    bool start = cfg->tls == SMTP_TLS_START;
    curl_easy_setopt(easy, CURLOPT_URL, s->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_USE_SSL,
                     (long)(start ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, cfg->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, cfg->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, w);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_socket_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, w);
    if (cfg->ca_file && *cfg->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, cfg->ca_file);
    set_login(easy, cfg);
}

static void set_callbacks(struct worker *w)
{
    CURL *easy = w->easy;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, w);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_answer);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, w);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
    curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_dialogue);
    curl_easy_setopt(easy, CURLOPT_DEBUGDATA, w);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, w);
}

/* The rest stays as it is from mail to mail. */
static void set_mail(CURL *easy, struct smtp_send *send)
{
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, send->from);
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, send->rcpt);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)send->message.n);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, send->error);
}

static void reset(struct smtp_send *send)
{
    send->given = send->heard = 0;
    send->started_ms = clock_mono_ms();
    send->leave = LEAVE_NOT_ASKED;
    send->quit = false;
    send->r = (struct mail_result){ .outcome = OUTCOME_FAILED, .phase = PHASE_CONNECT };
    send->error[0] = '\0';
}

/* Closes the worker's connection without waiting for anybody: libcurl would wait for the
 * answer to its QUIT for two minutes. how: SHUT_RD lets the QUIT out, SHUT_RDWR nothing.
 */
static void drop_connection(struct worker *w, int how)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (!w->easy)
        return;
    curl_easy_getinfo(w->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd != CURL_SOCKET_BAD)
        shutdown(fd, how);
    curl_easy_cleanup(w->easy);
    w->easy = NULL;
}

/* An idle connection that the server had closed says nothing about server or mail. Nor
 * does one on which it had answered once too often: its words are one command late, until
 * DATA is answered by a success that is no 354. No body was sent in either case. */
static bool was_stale(const struct worker *w, const struct smtp_send *send)
{
    long fresh = 1;
    bool closed = send->r.code == 0 && send->r.phase <= PHASE_SENDER;
    bool late = send->r.phase == PHASE_DATA && send->r.code >= 200 && send->r.code < 300;
    curl_easy_getinfo(w->easy, CURLINFO_NUM_CONNECTS, &fresh);
    return fresh == 0 && (closed || late);
}

static bool open_easy(struct worker *w)
{
    w->easy = curl_easy_init();
    if (!w->easy)
        return false;
    set_peer(w);
    set_callbacks(w);
    return true;
}

static CURLcode perform(struct worker *w, struct smtp_send *send)
{
    if (!w->easy && !open_easy(w))
        return CURLE_OUT_OF_MEMORY;
    set_mail(w->easy, send);
    reset(send);
    return curl_easy_perform(w->easy);
}

static void fill_result(struct smtp_send *send, CURLcode rc)
{
    struct mail_result *r = &send->r;
    if (rc == CURLE_OK && r->code >= 200 && r->code < 300)
        r->outcome = OUTCOME_SENT;
    else if (send->leave == LEAVE_STOP && rc == CURLE_ABORTED_BY_CALLBACK)
        r->outcome = OUTCOME_ABANDONED;
    else if (rc == CURLE_LOGIN_DENIED)
        r->outcome = OUTCOME_LOGIN_DENIED;
    if (r->outcome == OUTCOME_SENT || r->code >= 400)
        return;
    /* No verdict of the server: what the library says is the better text. */
    const char *why = send->error[0] ? send->error : curl_easy_strerror(rc);
    if (send->heard > ANSWERS_MAX)
        why = "the server's answers do not end";
    snprintf(r->text, sizeof r->text, "%s", why);
}

/* What libcurl keeps of a mail does not outlive it. */
static void forget_mail(struct worker *w)
{
    w->send = NULL;
    if (!w->easy)
        return;
    curl_easy_setopt(w->easy, CURLOPT_MAIL_RCPT, NULL);
    curl_easy_setopt(w->easy, CURLOPT_ERRORBUFFER, NULL);
}

/* A connection that has failed once is never used again: a late answer on it would be
 * taken for the answer to the next mail. */
static void attempt(struct worker *w, struct smtp_send *send)
{
    int64_t started_us = clock_mono_us();
    w->send = send;
    CURLcode rc = perform(w, send);
    bool stale = rc != CURLE_OK && w->easy && was_stale(w, send);
    if (rc != CURLE_OK)
        drop_connection(w, SHUT_RDWR);
    if (stale) {
        rc = perform(w, send);
        if (rc != CURLE_OK)
            drop_connection(w, SHUT_RDWR);
    }
    fill_result(send, rc);
    send->r.took_us = clock_mono_us() - started_us;
    forget_mail(w);
}

/* --- workers ----------------------------------------------------------------------- */

static void free_send(struct smtp_send *send)
{
    curl_slist_free_all(send->rcpt);
    free(send->from);
    free(send);
}

static void unlink_send(struct smtp_send *send)
{
    struct smtp_send **at = &send->smtp->sends;
    while (*at != send)
        at = &(*at)->next;
    *at = send->next;
}

/* In the loop. */
static void on_done(void *arg)
{
    struct smtp_send *send = arg;
    unlink_send(send);
    send->done(send->arg, &send->r);
    free_send(send);
}

/* The next mail; NULL when this worker is to end: also while mails wait, so that fewer
 * connections are fewer at once. The lock is held. */
static struct smtp_send *next_send(struct smtp *s)
{
    s->idle++;
    while (!s->waiting && !s->stopping && s->running <= s->wanted)
        pthread_cond_wait(&s->work, &s->lock);
    s->idle--;
    struct smtp_send *send = s->waiting;
    if (!send || s->stopping || s->running > s->wanted)
        return NULL;
    s->waiting = send->next_waiting;
    if (!s->waiting)
        s->waiting_end = &s->waiting;
    return send;
}

static void *run_worker(void *arg)
{
    struct worker *w = arg;
    struct smtp *s = w->smtp;
    struct smtp_send *send;
    pthread_mutex_lock(&s->lock);
    while ((send = next_send(s))) {
        pthread_mutex_unlock(&s->lock);
        attempt(w, send);
        pthread_mutex_lock(&s->lock);
        if (!s->stopping)
            loop_post(s->loop, on_done, send);
    }
    s->running--;
    w->state = WORKER_ENDED;
    pthread_cond_signal(&s->work); /* it may have been woken for a mail that it left */
    pthread_mutex_unlock(&s->lock);
    drop_connection(w, SHUT_RD);
    return NULL;
}

/* Signals are the main thread's. The lock is held. */
static void start_worker(struct smtp *s)
{
    sigset_t all, before;
    struct worker *w = s->workers;
    if (s->running >= s->wanted)
        return; /* the mail waits for one of them */
    while (w->state == WORKER_RUNS)
        if (++w == s->workers + SMTP_CONNECTIONS_MAX)
            return;
    if (w->state == WORKER_ENDED)
        pthread_join(w->thread, NULL);
    *w = (struct worker){ .smtp = s, .fd = -1 };
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&w->thread, NULL, run_worker, w) == 0) {
        w->state = WORKER_RUNS;
        s->running++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static bool enqueue(struct smtp *s, struct smtp_send *send)
{
    pthread_mutex_lock(&s->lock);
    if (s->idle == 0 || s->waiting)
        start_worker(s);
    bool ok = s->running > 0;
    if (ok) {
        *s->waiting_end = send;
        s->waiting_end = &send->next_waiting;
        pthread_cond_signal(&s->work);
    }
    pthread_mutex_unlock(&s->lock);
    return ok;
}

struct smtp_send *smtp_start(struct smtp *s, const struct smtp_mail *mail,
                             smtp_ask_fn *ask, smtp_done_fn *done, void *arg)
{
    struct smtp_send *send = xcalloc(1, sizeof *send);
    AUTO_FREE char *to = xasprintf("<%.*s>", STR_ARG(mail->to));
    *send = (struct smtp_send){
        .smtp = s,
        .message = mail->message,
        .young_until_ms = mail->young_until_ms,
        .ask = ask,
        .done = done,
        .arg = arg,
    };
    send->from = xasprintf("<%.*s>", STR_ARG(mail->from));
    send->rcpt = curl_slist_append(NULL, to);
    reset(send);
    if (!send->rcpt || mail->message.n == 0 || !enqueue(s, send)) {
        free_send(send);
        return NULL;
    }
    send->next = s->sends;
    s->sends = send;
    return send;
}

bool smtp_recall(struct smtp_send *send)
{
    struct smtp *s = send->smtp;
    pthread_mutex_lock(&s->lock);
    struct smtp_send **at = &s->waiting;
    while (*at && *at != send)
        at = &(*at)->next_waiting;
    bool waits = *at != NULL;
    if (waits)
        *at = send->next_waiting;
    if (waits && !*at)
        s->waiting_end = at;
    pthread_mutex_unlock(&s->lock);
    if (!waits)
        return false;
    unlink_send(send);
    free_send(send);
    return true;
}

/* --- life -------------------------------------------------------------------------- */

void smtp_resize(struct smtp *s, int connections)
{
    pthread_mutex_lock(&s->lock);
    s->wanted = (unsigned)connections;
    pthread_cond_broadcast(&s->work);
    pthread_mutex_unlock(&s->lock);
}

struct smtp *smtp_open(struct loop *l, const struct smtp_config *cfg)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return NULL;
    struct smtp *s = xcalloc(1, sizeof *s);
    const char *scheme = cfg->tls == SMTP_TLS_WRAPPED ? "smtps" : "smtp";
    const char *open = strchr(cfg->host, ':') && cfg->host[0] != '[' ? "[" : "";
    const char *close = *open ? "]" : "";
    s->loop = l;
    s->cfg = *cfg;
    s->wanted = (unsigned)cfg->connections;
    s->waiting_end = &s->waiting;
    s->url = xasprintf("%s://%s%s%s:%d", scheme, open, cfg->host, close, cfg->port);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    pthread_cond_init(&s->answered, NULL);
    return s;
}

void smtp_close(struct smtp **sp)
{
    struct smtp *s = *sp;
    *sp = NULL;
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_broadcast(&s->work);
    pthread_cond_broadcast(&s->answered);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < SMTP_CONNECTIONS_MAX; i++)
        if (s->workers[i].state != WORKER_NONE)
            pthread_join(s->workers[i].thread, NULL);
    while (s->sends) {
        struct smtp_send *send = s->sends;
        s->sends = send->next;
        free_send(send);
    }
    pthread_cond_destroy(&s->work);
    pthread_cond_destroy(&s->answered);
    pthread_mutex_destroy(&s->lock);
    free(s->url);
    free(s);
}
