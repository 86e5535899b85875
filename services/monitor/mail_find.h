/*
 * Finding mails by a search: the mailer filters them, page after page; a search that no
 * index helps goes on up to a bound, and the answer says how far it went.
 */
#ifndef MONITOR_MAIL_FIND_H
#define MONITOR_MAIL_FIND_H

#include "monitor/api.h"
#include "monitor/search.h"

enum { MAIL_FIND_PAGE = 200, MAIL_FIND_ROWS = 100000, MAIL_FIND_MS = 10000 };

struct mail_find {
    const struct search *search;
    const char *sort, *order; /* as mailer.jobs.list takes them; NULL: its default */
    struct str cursor;        /* `next` of an earlier answer; empty: from the start */
    int64_t offset,
        limit; /* found ones that are passed over; that are wanted behind them */
    void (*done)(struct api *a, struct mail_find *f);
    /* What answers when the mailer did not; NULL: the error goes to the caller. */
    void (*failed)(struct api *a, struct mail_find *f, enum err e,
                   const struct frame *reply);
    /* the answer */
    json_t *jobs;      /* array, at most `limit` */
    json_t *reply;     /* the last answer of the mailer: counts, matching */
    const char *next;  /* in the arena; NULL: there is no more */
    int64_t looked_at; /* rows, if there is more */
    int64_t found;     /* with those that were passed over */
    bool exact;        /* an index may have helped with all of the search */
    /* private */
    const char *place;
    int64_t until_ms;
};

/* Whether it ended before it had found enough or seen all. */
bool mail_find_gave_up(const struct mail_find *f);
/* Calls f->done once, or answers a with what went wrong. f lives in a's arena; done may
 * call it again for more. */
void mail_find(struct api *a, struct mail_find *f);
/* Frees what the answer holds; done has to call it. */
void mail_find_free(struct mail_find *f);
/* Parses a search text; NULL: answered with the mistake and its place, as `field`. */
const struct search *mail_search(struct api *a, struct str text, const char *field);

#endif
