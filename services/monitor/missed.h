/*
 * Who should have had a mail and did not: the mailer compares auth's events with its
 * jobs, a page of events at a time; here the pages are walked and added up.
 */
#ifndef MONITOR_MISSED_H
#define MONITOR_MISSED_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "svc/frame.h"

struct monitor_app;

enum { MISSED_ROWS = 200, MISSED_PAGES = 20 };

struct missed_scan {
    struct monitor_app *app;
    int64_t grace_s, since_us;
    char cursor[80]; /* where to go on; empty: from the start, afterwards: all was seen */
    json_t *rows;    /* array, at most MISSED_ROWS and a page; as API.md 5 */
    int64_t count, checked;
    unsigned pages;
    /* Exactly once: ERR_OK, or why the mailer's answer is missing. */
    void (*done)(struct missed_scan *s, enum err e, const struct frame *reply);
    void *arg;
};

/* The rules of one answer of the mailer, without I/O: counts it, keeps what is missing as
 * API.md 5 says. True: there is more to ask for, from s->cursor. */
bool missed_take_page(struct missed_scan *s, const json_t *page);

/* The caller frees what it holds, after done: missed_free. */
void missed_scan(struct missed_scan *s);
void missed_free(struct missed_scan *s);

#endif
