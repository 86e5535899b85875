/*
 * SMTP through libcurl, a thread for each connection: libcurl waits for the answer to the
 * final dot and to QUIT without giving its caller a turn, whatever interface is used, so
 * in the loop one slow server would hold up everything. Connections are used again. The
 * only file that knows libcurl; all functions are for the loop's thread.
 *
 * Mails wait here for a connection that is free; they may be called back until then. Just
 * before the body (after the server's 354) the leave to send is looked at: when it has
 * become old, `ask` is called, and the dialogue stands still until smtp_continue. Giving
 * up there breaks the connection without the final dot, so that the server drops the
 * mail.
 */
#ifndef SERVICES_MAILER_SMTP_H
#define SERVICES_MAILER_SMTP_H

#include <stdbool.h>

#include "base/secret.h"
#include "base/str.h"
#include "mailer/verdict.h"
#include "svc/loop.h"

enum { SMTP_CONNECTIONS_MAX = 64 };

struct smtp;
struct smtp_send;

enum smtp_tls {
    SMTP_TLS_NONE,
    SMTP_TLS_START, /* STARTTLS required: nothing is said in the clear but EHLO */
    SMTP_TLS_WRAPPED,
};

struct smtp_config {
    const char *host;
    int port;
    enum smtp_tls tls;
    const char *ca_file; /* NULL or "": the system's */
    const char *user;    /* NULL or "": no login */
    const struct secret *password;
    int connections;
    long connect_timeout_ms, timeout_ms;
};

/* NULL when libcurl cannot be set up. cfg's strings must outlive it. */
struct smtp *smtp_open(struct loop *l, const struct smtp_config *cfg);
/* Breaks off what is under way (never with a final dot) and closes; takes up to a second
 * when something is. Nothing is called any more. */
void smtp_close(struct smtp **s);

/* How many connections are kept from now on; those beyond close when idle. */
void smtp_resize(struct smtp *s, int connections);

struct smtp_mail {
    struct str from, to; /* as of email_to_wire */
    struct str message;  /* whole mail with CR LF; must outlive the attempt; not empty */
    int64_t young_until_ms; /* by clock_boot_ms: the body may begin until then unasked */
};

typedef void smtp_ask_fn(void *arg);
typedef void smtp_done_fn(void *arg, const struct mail_result *r);

/* Starts an attempt; done is called exactly once, never before this returned, and frees
 * the send. NULL when it cannot be started (then nothing is called). */
struct smtp_send *smtp_start(struct smtp *s, const struct smtp_mail *mail,
                             smtp_ask_fn *ask, smtp_done_fn *done, void *arg);
/* The answer to ask. */
void smtp_continue(struct smtp_send *send, bool go);
/* True: no connection had begun it, and it is gone, as if it had never been started. */
bool smtp_recall(struct smtp_send *send);

#endif
