/*
 * The search language of the mail list (API.md 8): words and field:value terms with AND,
 * OR, NOT, - and parentheses. Parsed once, and put as the mailer's filter. Pure, no I/O.
 */
#ifndef MONITOR_SEARCH_H
#define MONITOR_SEARCH_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/jsonw.h"

enum { SEARCH_BYTES_MAX = 512, SEARCH_TERMS_MAX = 32, SEARCH_DEPTH_MAX = 5 };

struct search;

struct search_error {
    size_t position; /* byte of the text */
    const char *message;
};

/* NULL: *error says what and where. An empty text fits everything. now_us: what ages are
 * counted from. Memory from the arena; text must live as long. */
const struct search *search_parse(struct str text, int64_t now_us, struct arena *a,
                                  struct search_error *error);
/* What fits both. */
const struct search *search_both(const struct search *x, const struct search *y,
                                 struct arena *a);
/* Members of the mailer's filter into an open object. True: those that an index may help
 * say all there is to say; otherwise the whole search is there as a `where` too. */
bool search_write_filter(const struct search *s, struct jsonw *w);
/* The id when the whole text is one job id; empty otherwise. */
struct str search_job_id(const struct search *s);

#endif
