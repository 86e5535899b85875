#include "svc/events_row.h"

static void write_text(struct jsonw *w, const char *key, const struct db_result *r,
                       int row, enum event_row_column col)
{
    if (db_is_null(r, row, col))
        jw_knull(w, key);
    else
        jw_kstr(w, key, db_text(r, row, col));
}

void event_row_write(struct jsonw *w, const struct db_result *r, int row)
{
    jw_kint(w, "seq", db_int(r, row, EVENT_ROW_SEQ));
    write_text(w, "event_id", r, row, EVENT_ROW_EVENT_ID);
    write_text(w, "type", r, row, EVENT_ROW_TYPE);
    jw_kint(w, "version", db_int(r, row, EVENT_ROW_VERSION));
    jw_kint(w, "aggregate_id", db_int(r, row, EVENT_ROW_AGGREGATE));
    write_text(w, "created_at", r, row, EVENT_ROW_CREATED);
    write_text(w, "published_at", r, row, EVENT_ROW_PUBLISHED);
    write_text(w, "expires_at", r, row, EVENT_ROW_EXPIRES);
    write_text(w, "request_id", r, row, EVENT_ROW_REQUEST);
    write_text(w, "trace_id", r, row, EVENT_ROW_TRACE);
    jw_kraw(w, "payload", db_text(r, row, EVENT_ROW_PAYLOAD));
    write_text(w, "sealed", r, row, EVENT_ROW_SEALED);
}
