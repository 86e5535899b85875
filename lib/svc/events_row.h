/*
 * A row of outbox_sequence.sql and outbox_pull.sql, and its JSON: what is pushed and what
 * is pulled must be the same. Private to the publisher.
 */
#ifndef LIB_SVC_EVENTS_ROW_H
#define LIB_SVC_EVENTS_ROW_H

#include "base/jsonw.h"
#include "svc/db.h"

enum event_row_column {
    EVENT_ROW_EPOCH,
    EVENT_ROW_HEAD,
    EVENT_ROW_WAITING,
    EVENT_ROW_SEQ,
    EVENT_ROW_EVENT_ID,
    EVENT_ROW_TYPE,
    EVENT_ROW_VERSION,
    EVENT_ROW_AGGREGATE,
    EVENT_ROW_CREATED,
    EVENT_ROW_EXPIRES,
    EVENT_ROW_REQUEST,
    EVENT_ROW_TRACE,
    EVENT_ROW_PAYLOAD,
    EVENT_ROW_SEALED,
    EVENT_ROW_PUBLISHED,
};

/* Writes the members of the event into the open object. */
void event_row_write(struct jsonw *w, const struct db_result *r, int row);

#endif
