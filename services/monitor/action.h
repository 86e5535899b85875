/*
 * Acting (API.md 6): each action has a preview, needs a reason, is recorded before and
 * after. The table is in handle_action.c; what each one does in action_<noun>.c.
 */
#ifndef MONITOR_ACTION_H
#define MONITOR_ACTION_H

#include "monitor/api.h"

struct action;

struct action_row {
    const char *name; /* "mails.retry" */
    const char *const
        *members; /* of its body, beside reason and preview; ends with NULL */
    /* Reads and checks the body, sets subject; false: answered. */
    bool (*check)(struct api *a, struct action *act);
    /* Does it, or, with act->preview, says what it would do. Ends by action_done or
     * action_failed*. */
    void (*run)(struct api *a, struct action *act);
    const char *method; /* of the service that does it; NULL */
};

struct action {
    const struct action_row *row;
    bool preview;
    const char *reason;
    const char *subject; /* for the record: ids, an instance, a queue */
    int64_t audit_id;
    /* what to do, by kind */
    json_t *ids; /* array of job ids; freed by the end */
    const char *instance, *text;
    int64_t number;
    /* outcome */
    const char *title, *summary;
    int64_t count, skipped;
    json_t *sample;                       /* array of {"id","text"}; freed by the end */
    const char *undo_action, *undo_label; /* NULL: there is none */
    const char *undo_body;                /* JSON */
};

/* Answers with what was done or would be. */
void action_done(struct api *a, struct action *act);
void action_failed(struct api *a, struct action *act, enum err e, const char *detail);
/* ... with what the service said. */
void action_failed_reply(struct api *a, struct action *act, const char *service,
                         enum err e, const struct frame *reply);
/* A message body: actor and reason are in it, members are added by the caller. */
void action_begin_body(const struct api *a, const struct action *act, struct buf *b,
                       struct jsonw *w);
/* Runs an action for Flower's API: the same checks, record and effect. body: taken. */
void action_start(struct api *a, const char *name, json_t *body);
/* Answers in Flower's shape instead. */
bool action_is_flower(const struct api *a);

/* action_mail.c, action_queue.c, action_user.c, action_replica.c */
bool action_check_mails(struct api *a, struct action *act);
void action_run_mails(struct api *a, struct action *act);
bool action_check_queue(struct api *a, struct action *act);
void action_run_queue(struct api *a, struct action *act);
bool action_check_settings(struct api *a, struct action *act);
void action_run_settings(struct api *a, struct action *act);
bool action_check_user(struct api *a, struct action *act);
void action_run_user(struct api *a, struct action *act);
/* The pool of one mailer is the pool of all: it becomes queue.settings. */
bool action_check_pool(struct api *a, struct action *act);
bool action_check_replica(struct api *a, struct action *act);
void action_run_replica(struct api *a, struct action *act);
void action_run_forget(struct api *a, struct action *act);

void handle_action(struct api *a);

#endif
