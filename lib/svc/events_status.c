/* What a stream's owner knows of it: for those who look and take nothing. */
#include "base/jsonw.h"
#include "svc/db.h"
#include "svc/events.h"
#include "svc/svc.h"

enum { WAITING_MAX = 100000, ANSWER_MAX = 32 * 1024 };

enum status_column { /* of outbox_status */
                     COL_EPOCH,
                     COL_HEAD,
                     COL_WAITING,
                     COL_OLDEST_S,
                     COL_NAME,
                     COL_ACKED,
                     COL_SEEN,
};

static const struct db_stmt STATUS = { "outbox_status", DB_LIST };

static void write_consumers(struct jsonw *w, const struct db_result *r)
{
    jw_key(w, "consumers");
    jw_array(w);
    for (int i = 0; i < r->rows && !db_is_null(r, i, COL_NAME); i++) {
        int64_t behind = db_int(r, i, COL_HEAD) - db_int(r, i, COL_ACKED);
        jw_object(w);
        jw_kstr(w, "name", db_text(r, i, COL_NAME));
        jw_kint(w, "acked", db_int(r, i, COL_ACKED));
        jw_kint(w, "lag", behind > 0 ? behind : 0);
        jw_kstr(w, "seen_at", db_text(r, i, COL_SEEN));
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void on_status(void *arg, const struct db_result *r)
{
    struct call *c = arg;
    AUTO_BUF struct buf body = { .max = ANSWER_MAX };
    struct jsonw w;

    if (r->status != DB_OK)
        return call_fail(c, db_err(&STATUS, r));
    if (r->rows == 0)
        return call_fail(c, ERR_UNAVAILABLE);
    jw_begin(&w, &body);
    jw_object(&w);
    jw_kstr(&w, "epoch", db_text(r, 0, COL_EPOCH));
    jw_kint(&w, "head", db_int(r, 0, COL_HEAD));
    jw_kint(&w, "waiting", db_int(r, 0, COL_WAITING));
    jw_kint(&w, "oldest_s", db_int(r, 0, COL_OLDEST_S));
    write_consumers(&w, r);
    jw_object_end(&w);
    jw_end(&w);
    call_reply(c, 0, buf_get(&body));
}

void event_stream_handle_status(struct svc *svc, const char *stream, struct call *c)
{
    char limit[DB_INT_TEXT];
    struct str params[] = { str_of(stream), db_int_param(WAITING_MAX, limit) };

    db_query(svc->db, &STATUS, params, ARRAY_LEN(params), call_budget_ms(c), on_status,
             c);
}
