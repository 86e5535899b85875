/*
 * Where mails go: standard output, one file a mail, or an SMTP server (smtp.h). One door
 * for the three, with the same promises.
 */
#ifndef SERVICES_MAILER_BACKEND_H
#define SERVICES_MAILER_BACKEND_H

#include "mailer/config.h"
#include "mailer/smtp.h"
#include "svc/loop.h"

struct backend;

/* NULL, or why these settings cannot hand mails over: a sentence, static. Makes the file
 * backend's directory. */
const char *backend_check(const struct mailer_config *cfg);
/* cfg must outlive it. NULL with a sentence in *ret_why (static or heap; not freed). */
struct backend *backend_open(struct loop *l, const struct mailer_config *cfg,
                             const char **ret_why);
void backend_close(struct backend **b);

/* As many connections as mails are sent at the same time; those beyond close when idle.
 */
void backend_resize(struct backend *b, int connections);

struct delivery {
    struct smtp_mail mail; /* must outlive the attempt */
    const char *job_id;
    int64_t created_us; /* wall: names the file, so that a copy replaces its twin */
};

/* done is called exactly once, in the loop, never before this returned. ask only by SMTP,
 * before the body; answer with smtp_continue. Returns the attempt by SMTP, valid until
 * done or smtp_recall; NULL for the others, which cannot be recalled. */
struct smtp_send *backend_send(struct backend *b, const struct delivery *d,
                               smtp_ask_fn *ask, smtp_done_fn *done, void *arg);

#endif
