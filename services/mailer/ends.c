#include "mailer/ends.h"

#include "base/buf.h"
#include "base/mem.h"

enum { BATCH_MAX = 64, BATCH_BYTES = 1024 * 1024, TIMEOUT_MS = 5000 };

static const struct db_stmt JOB_FINISH = { "job_finish", DB_WRITE };

struct end_list {
    struct mail_end *head, **tail; /* tail is NULL while it is empty */
    unsigned n;
};

struct mailer_ends {
    struct loop *loop;
    struct db *db;
    struct end_list waiting, sent; /* sent: what the statement under way carries */
    struct loop_timer *soon;
    bool stopped;
};

static void push(struct end_list *l, struct mail_end *end)
{
    end->next = NULL;
    if (!l->head)
        l->tail = &l->head;
    *l->tail = end;
    l->tail = &end->next;
    l->n++;
}

static struct mail_end *pop(struct end_list *l)
{
    struct mail_end *end = l->head;
    if (!end)
        return NULL;
    l->head = end->next;
    l->n--;
    return end;
}

static void send_batch(void *arg);

/* At the end of this turn, so that what comes in one turn goes in one statement. */
static void send_soon(struct mailer_ends *e)
{
    if (!e->soon && !e->sent.head && e->waiting.head && !e->stopped)
        e->soon = loop_timer(e->loop, 0, 0, send_batch, e);
}

static struct end_answer answer_to(const struct db_result *r, struct str job_id)
{
    struct end_answer a = { .status = r->status };
    for (int i = 0; i < r->rows; i++) {
        if (!str_eq(db_text(r, i, 0), job_id))
            continue;
        a.state = db_text(r, i, 1);
        a.attempt = (int)db_int(r, i, 2);
    }
    return a;
}

/* The statement itself failed, not the way to the database. */
static bool is_refusal(enum db_status s)
{
    return s == DB_REFUSED || s == DB_CONFLICT || s == DB_FOREIGN_KEY;
}

static void on_written(void *arg, const struct db_result *r)
{
    struct mailer_ends *e = arg;
    if (e->stopped)
        return;
    struct end_list done = e->sent;
    bool batch = done.n > 1;
    e->sent = (struct end_list){ 0 };
    for (struct mail_end *end; (end = pop(&done));) {
        end->alone = (batch || end->alone) && r->status != DB_OK;
        if (batch && is_refusal(r->status)) {
            push(&e->waiting, end); /* which of them it was shows now */
            continue;
        }
        struct end_answer a = answer_to(r, end->job_id);
        end->fn(end->arg, &a);
    }
    send_soon(e);
}

static bool goes_along(const struct mailer_ends *e, size_t bytes)
{
    const struct mail_end *next = e->waiting.head, *first = e->sent.head;
    if (!next || !first)
        return next != NULL;
    return !first->alone && !next->alone && e->sent.n < BATCH_MAX &&
           bytes + next->row.n < BATCH_BYTES;
}

static void send_batch(void *arg)
{
    struct mailer_ends *e = arg;
    struct buf rows AUTO_BUF;
    e->soon = NULL;
    buf_init(&rows, BATCH_BYTES * 2);
    buf_char(&rows, '[');
    while (goes_along(e, rows.n)) {
        if (e->sent.head)
            buf_char(&rows, ',');
        buf_str(&rows, e->waiting.head->row);
        push(&e->sent, pop(&e->waiting));
    }
    buf_char(&rows, ']');
    struct str param = buf_get(&rows);
    db_query(e->db, &JOB_FINISH, &param, 1, TIMEOUT_MS, on_written, e);
}

void mailer_ends_write(struct mailer_ends *e, struct mail_end *end)
{
    push(&e->waiting, end);
    send_soon(e);
}

struct mailer_ends *mailer_ends_new(struct loop *l, struct db *db)
{
    struct mailer_ends *e = xcalloc(1, sizeof *e);
    e->loop = l;
    e->db = db;
    return e;
}

void mailer_ends_stop(struct mailer_ends *e)
{
    e->stopped = true;
    loop_timer_cancel(&e->soon);
}
