/*
 * What the end of a delivery attempt means for the job and for the queue. Pure rules, no
 * I/O. The three questions are: is it this mail's fault, the other side's present state
 * or our own set-up; and may the mail have been accepted although nobody said so.
 */
#ifndef SERVICES_MAILER_VERDICT_H
#define SERVICES_MAILER_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* How far the dialogue got: the command the server was answering. */
enum mail_phase {
    PHASE_RENDER,  /* not sent: the mail could not be built */
    PHASE_CONNECT, /* resolving, connecting, greeting */
    PHASE_HELLO,   /* EHLO, STARTTLS */
    PHASE_AUTH,
    PHASE_SENDER,    /* MAIL FROM */
    PHASE_RECIPIENT, /* RCPT TO */
    PHASE_DATA,
    PHASE_BODY, /* after 354, the final dot not sent */
    PHASE_END,  /* the final dot sent, the answer awaited */
};
const char *mail_phase_name(enum mail_phase phase);

enum mail_outcome {
    OUTCOME_SENT,
    OUTCOME_ABANDONED, /* given up by us: the lease was no longer ours */
    OUTCOME_FAILED,
    OUTCOME_LOCAL_FAULT, /* our own disk or configuration */
    OUTCOME_LOGIN_DENIED,
};

enum { MAIL_TEXT = 256, MAIL_LINE_TEXT = 160, MAIL_LINES_MAX = 12 };

/* One reply of the server, for people. */
struct mail_line {
    int64_t at_ms; /* since the attempt began */
    enum mail_phase phase;
    char text[MAIL_LINE_TEXT];
};

struct mail_result {
    enum mail_outcome outcome;
    enum mail_phase phase;
    int code;             /* the last SMTP reply code, 0 when there was none */
    int64_t took_us;      /* the attempt, without the wait for a connection */
    char text[MAIL_TEXT]; /* what the server or the library said; printable */
    unsigned nlines;      /* the dialogue; the last line when there were too many */
    struct mail_line lines[MAIL_LINES_MAX];
};

/* A server's line as it may be stored and shown: printable ASCII, cut to n - 1 bytes, and
 * without anything that could be the secret of a link (servers quote what they refuse).
 */
void mail_reply_text(struct str line, char *out, size_t n);

enum mail_action {
    ACTION_SENT,
    ACTION_RETRY,   /* later; counts as an attempt */
    ACTION_DEAD,    /* permanent for this mail */
    ACTION_RELEASE, /* our fault: ready again, no attempt spent, the queue pauses */
    ACTION_DROP,    /* somebody else owns the job: change nothing */
};

struct mail_verdict {
    enum mail_action action;
    bool uncertain; /* the mail may have been accepted */
    bool no_start;  /* the server was not there: says nothing about this mail */
};

struct mail_verdict mail_verdict(const struct mail_result *r);

enum { VERDICT_ATTEMPTS_MAX = 25, VERDICT_CRASHES_MAX = 5 };

/* Milliseconds until the next attempt: min(30 min, 10 s * 2^(attempt-1)) +- 20 %. attempt
 * counts from 1; random is any number. */
int64_t mail_backoff_ms(int attempt, uint32_t random);

#endif
