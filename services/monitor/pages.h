/* What a browser loads before it asks for data: the page and the files of web/. */
#ifndef MONITOR_PAGES_H
#define MONITOR_PAGES_H

#include "base/str.h"
#include "svc/http_document.h"

struct pages;

/* prefix: where the dashboard lives ("" or "/ops"); it is written into the page. */
struct pages *pages_new(const char *prefix);
void pages_free(struct pages **p);
/* What a path behind the prefix answers with; NULL when it is none of ours. Immutable:
 * any thread. */
const struct http_document *pages_find(const struct pages *p, struct str path);
/* What a browser gets instead: the page, which says that there is no such one. */
const struct http_document *pages_nowhere(const struct pages *p);

#endif
