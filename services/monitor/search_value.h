/* The terms of the search language: fields, their values, what they mean. */
#ifndef MONITOR_SEARCH_VALUE_H
#define MONITOR_SEARCH_VALUE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/jsonw.h"

enum search_field {
    FIELD_WORD,
    FIELD_STATE,
    FIELD_NAME,
    FIELD_TO,
    FIELD_WORKER,
    FIELD_ERROR,
    FIELD_ID,
    FIELD_REQUEST,
    FIELD_EVENT,
    FIELD_USER,
    FIELD_ATTEMPTS,
    FIELD_CODE,
    FIELD_CREATED,
    FIELD_FINISHED,
    FIELD_TOOK,
};

enum { SEARCH_STATES = 7, SEARCH_ALL_STATES = (1 << SEARCH_STATES) - 1 };

struct search_term {
    enum search_field field;
    struct str text;  /* lower case for parts */
    int64_t from, to; /* inclusive: numbers, microseconds */
    unsigned states;
    bool retried; /* state:retry also wants an attempt */
};

/* Reads "field:value" or a word. NULL, or what is wrong, *offset bytes into the text. */
const char *search_term_read(struct str text, bool quoted, int64_t now_us,
                             struct arena *a, struct search_term *ret, size_t *offset);
/* States a row may have; *exact: nothing else is asked. */
unsigned search_term_states(const struct search_term *t, bool *exact);
/* The member of the mailer's filter; used: bits of members that are written already.
 * False: the filter cannot say it (or not all of it). */
bool search_term_write(const struct search_term *t, unsigned *used, struct jsonw *w);
/* The term as an item of the filter's `where` (more than one for several states). */
void search_term_where(const struct search_term *t, struct jsonw *w);
void search_states_write(unsigned states, struct jsonw *w);
/* The value of id:, or a word that is a job id; empty otherwise. */
struct str search_term_job_id(const struct search_term *t);

#endif
