#include "mailer/smtp.h"

#include <curl/curl.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"

/* Where a transfer stands with its body. */
enum leave { LEAVE_NOT_ASKED, LEAVE_ASKED, LEAVE_GO, LEAVE_STOP };

struct smtp {
    struct loop *loop;
    struct smtp_config cfg;
    CURLM *multi;
    struct loop_timer *timer;
    struct loop_timer
        *kick; /* a turn of libcurl that must not happen inside its callbacks */
    struct smtp_send *sends;
    char *url;
};

struct smtp_send {
    struct smtp *smtp;
    struct smtp_send *next;
    CURL *easy;
    struct curl_slist *rcpt;
    char *from;
    struct str message;
    size_t given; /* bytes of message handed to libcurl */
    int64_t started_ms;
    enum leave leave;
    bool quit;  /* what is answered now is our farewell */
    bool again; /* the one repetition over a fresh connection was used */
    struct mail_result r;
    char error[CURL_ERROR_SIZE];
    smtp_ask_fn *ask;
    smtp_done_fn *done;
    void *arg;
};

/* One watched descriptor; libcurl keeps it for us (curl_multi_assign). */
struct watch {
    struct smtp *smtp;
    struct loop_source *source;
    int fd;
};

static void collect(struct smtp *s);

/* --- libcurl's turn ---------------------------------------------------------------- */

static void turn(struct smtp *s, curl_socket_t fd, int mask)
{
    int running;
    curl_multi_socket_action(s->multi, fd, mask, &running);
    collect(s);
}

static void on_fd(void *arg, int events)
{
    struct watch *w = arg;
    int mask = (events & LOOP_READ ? CURL_CSELECT_IN : 0) |
               (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    turn(w->smtp, w->fd, mask); /* may free w */
}

static void on_timer(void *arg)
{
    struct smtp *s = arg;
    s->timer = NULL;
    turn(s, CURL_SOCKET_TIMEOUT, 0);
}

static void on_kick(void *arg)
{
    struct smtp *s = arg;
    s->kick = NULL;
    turn(s, CURL_SOCKET_TIMEOUT, 0);
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct smtp *s = arg;
    (void)multi;
    loop_timer_cancel(&s->timer);
    if (timeout_ms >= 0)
        s->timer = loop_timer(s->loop, timeout_ms, 0, on_timer, s);
    return 0;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *assigned)
{
    struct smtp *s = arg;
    struct watch *w = assigned;
    int mask =
        (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w)
            loop_remove(&w->source);
        free(w);
        return 0;
    }
    if (w) {
        loop_set_events(w->source, mask);
        return 0;
    }
    w = xcalloc(1, sizeof *w);
    *w = (struct watch){ .smtp = s, .fd = fd };
    w->source = loop_add_fd(s->loop, fd, mask, on_fd, w);
    curl_multi_assign(s->multi, fd, w);
    return 0;
}

/* --- what the dialogue says -------------------------------------------------------- */

/* The phase that a client's line begins. */
static void note_command(struct smtp_send *send, struct str line)
{
    static const struct {
        const char *verb;
        enum mail_phase phase;
    } VERBS[] = {
        { "EHLO", PHASE_HELLO }, { "HELO", PHASE_HELLO },  { "STARTTLS", PHASE_HELLO },
        { "AUTH", PHASE_AUTH },  { "MAIL", PHASE_SENDER }, { "RCPT", PHASE_RECIPIENT },
        { "DATA", PHASE_DATA },
    };
    send->quit = str_starts(line, STR("QUIT"));
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
    struct str line = { data, n };
    (void)easy;
    if (type == CURLINFO_HEADER_OUT)
        note_command(arg, line);
    else if (type == CURLINFO_HEADER_IN)
        note_reply(arg, line);
    return 0;
}

/* --- the body ---------------------------------------------------------------------- */

static size_t ask_first(struct smtp_send *send)
{
    send->leave = LEAVE_ASKED;
    send->r.phase = PHASE_BODY;
    send->ask(send->arg, send);
    return CURL_READFUNC_PAUSE;
}

static size_t on_read(char *out, size_t size, size_t count, void *arg)
{
    struct smtp_send *send = arg;
    if (send->leave == LEAVE_NOT_ASKED)
        return ask_first(send);
    if (send->leave == LEAVE_ASKED)
        return CURL_READFUNC_PAUSE;
    if (send->leave == LEAVE_STOP)
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
    send->leave = go ? LEAVE_GO : LEAVE_STOP;
    curl_easy_pause(send->easy, CURLPAUSE_CONT);
    if (!s->kick)
        s->kick = loop_timer(s->loop, 0, 0, on_kick, s);
}

/* --- attempts ---------------------------------------------------------------------- */

static void unlink_send(struct smtp_send *send)
{
    struct smtp_send **at = &send->smtp->sends;
    while (*at != send)
        at = &(*at)->next;
    *at = send->next;
}

static void free_send(struct smtp_send *send)
{
    curl_easy_cleanup(send->easy);
    curl_slist_free_all(send->rcpt);
    free(send->from);
    free(send);
}

static void reset(struct smtp_send *send)
{
    send->given = 0;
    send->started_ms = clock_mono_ms();
    send->leave = LEAVE_NOT_ASKED;
    send->quit = false;
    send->r = (struct mail_result){ .outcome = OUTCOME_FAILED, .phase = PHASE_CONNECT };
    send->error[0] = '\0';
}

/* An idle connection that the server had closed says nothing about server or mail. */
static bool was_stale(struct smtp_send *send)
{
    long fresh = 1;
    curl_easy_getinfo(send->easy, CURLINFO_NUM_CONNECTS, &fresh);
    return fresh == 0 && send->r.code == 0 && send->r.phase <= PHASE_SENDER &&
           !send->again;
}

static bool repeat(struct smtp_send *send)
{
    curl_multi_remove_handle(send->smtp->multi, send->easy);
    reset(send);
    send->again = true;
    curl_easy_setopt(send->easy, CURLOPT_FRESH_CONNECT, 1L);
    return curl_multi_add_handle(send->smtp->multi, send->easy) == CURLM_OK;
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
    snprintf(r->text, sizeof r->text, "%s", why);
}

static void finish(struct smtp_send *send, CURLcode rc)
{
    if (rc != CURLE_OK && was_stale(send) && repeat(send))
        return;
    curl_multi_remove_handle(send->smtp->multi, send->easy);
    fill_result(send, rc);
    unlink_send(send);
    send->done(send->arg, &send->r);
    free_send(send);
}

static void collect(struct smtp *s)
{
    int left;
    CURLMsg *m;
    while ((m = curl_multi_info_read(s->multi, &left))) {
        char *send = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        CURLcode rc = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &send);
        finish((struct smtp_send *)(void *)send, rc);
    }
}

static void set_login(CURL *easy, const struct smtp_config *cfg)
{
    if (!cfg->user || !*cfg->user)
        return;
    curl_easy_setopt(easy, CURLOPT_USERNAME, cfg->user);
    curl_easy_setopt(easy, CURLOPT_PASSWORD, secret_expose(cfg->password).p);
}

static void set_peer(CURL *easy, const struct smtp *s)
{
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
    if (cfg->ca_file && *cfg->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, cfg->ca_file);
    set_login(easy, cfg);
}

static void set_mail(struct smtp_send *send)
{
    CURL *easy = send->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, send);
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, send->from);
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, send->rcpt);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, send);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)send->message.n);
    curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
    curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_dialogue);
    curl_easy_setopt(easy, CURLOPT_DEBUGDATA, send);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, send->error);
}

struct smtp_send *smtp_start(struct smtp *s, const struct smtp_mail *mail,
                             smtp_ask_fn *ask, smtp_done_fn *done, void *arg)
{
    struct smtp_send *send = xcalloc(1, sizeof *send);
    AUTO_FREE char *to = xasprintf("<%.*s>", STR_ARG(mail->to));
    *send = (struct smtp_send){
        .smtp = s, .message = mail->message, .ask = ask, .done = done, .arg = arg
    };
    send->from = xasprintf("<%.*s>", STR_ARG(mail->from));
    send->rcpt = curl_slist_append(NULL, to);
    send->easy = curl_easy_init();
    reset(send);
    if (!send->rcpt || !send->easy || mail->message.n == 0) {
        free_send(send);
        return NULL;
    }
    set_peer(send->easy, s);
    set_mail(send);
    if (curl_multi_add_handle(s->multi, send->easy) != CURLM_OK) {
        free_send(send);
        return NULL;
    }
    send->next = s->sends;
    s->sends = send;
    return send;
}

/* --- life -------------------------------------------------------------------------- */

void smtp_resize(struct smtp *s, int connections)
{
    long n = connections;
    curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, n);
    curl_multi_setopt(s->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, n);
}

static void set_multi(struct smtp *s)
{
    curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
    curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
    smtp_resize(s, s->cfg.connections);
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
    s->url = xasprintf("%s://%s%s%s:%d", scheme, open, cfg->host, close, cfg->port);
    s->multi = curl_multi_init();
    if (s->multi)
        set_multi(s);
    else
        smtp_close(&s);
    return s;
}

/* A paused or half-sent transfer must not be removed: libcurl would finish it with a dot
 * and the server would accept a torso. It is told to abort and given turns to do so. */
static void abandon_all(struct smtp *s)
{
    int running = 1;
    for (struct smtp_send *send = s->sends; send; send = send->next) {
        bool asked = send->leave == LEAVE_ASKED;
        send->leave = LEAVE_STOP;
        if (asked)
            curl_easy_pause(send->easy, CURLPAUSE_CONT);
    }
    for (int i = 0; i < 10 && running; i++) {
        curl_multi_perform(s->multi, &running);
        if (running)
            curl_multi_poll(s->multi, NULL, 0, 10, NULL);
    }
}

static void close_sends(struct smtp *s)
{
    while (s->sends) {
        struct smtp_send *send = s->sends;
        s->sends = send->next;
        curl_multi_remove_handle(s->multi, send->easy);
        free_send(send);
    }
}

void smtp_close(struct smtp **sp)
{
    struct smtp *s = *sp;
    int running = 0;
    *sp = NULL;
    if (!s)
        return;
    if (s->sends)
        abandon_all(s);
    if (s->multi)
        curl_multi_perform(s->multi, &running);
    if (running == 0) {
        close_sends(s);
        curl_multi_cleanup(s->multi);
    }
    loop_timer_cancel(&s->timer);
    loop_timer_cancel(&s->kick);
    /* Still running: its memory stays, the end of the process breaks the connections. */
    if (running == 0) {
        free(s->url);
        free(s);
    }
}
