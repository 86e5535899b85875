/*
 * Finding mails by a search: the mailer filters what it can, the rest is held against its
 * rows here, page after page up to a bound.
 */
#ifndef MONITOR_MAIL_FIND_H
#define MONITOR_MAIL_FIND_H

#include "monitor/api.h"
#include "monitor/search.h"

enum { MAIL_FIND_PAGES = 10, MAIL_FIND_PAGE = 200 };

struct mail_find {
    const struct search *search;
    const char *sort, *order; /* as mailer.jobs.list takes them; NULL: its default */
    struct str cursor;        /* `next` of an earlier answer; empty: from the start */
    int64_t limit;
    void (*done)(struct api *a, struct mail_find *f);
    /* What answers when the mailer did not; NULL: the error goes to the caller. */
    void (*failed)(struct api *a, struct mail_find *f, enum err e,
                   const struct frame *reply);
    /* the answer */
    json_t *jobs;      /* array, at most `limit` */
    json_t *reply;     /* the last answer of the mailer: counts, matching */
    const char *next;  /* in the arena; NULL: there is no more */
    int64_t looked_at; /* rows */
    bool exact;        /* the mailer's filter said it all */
    /* private */
    unsigned pages;
    int64_t skip;
    const char *page_cursor;
};

/* Calls f->done once, or answers a with what went wrong. f lives in a's arena; done may
 * call it again for more. */
void mail_find(struct api *a, struct mail_find *f);
/* Frees what the answer holds; done has to call it. */
void mail_find_free(struct mail_find *f);
/* Parses a search text; NULL: answered with the mistake and its place, as `field`. */
const struct search *mail_search(struct api *a, struct str text, const char *field);

#endif
