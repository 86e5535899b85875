/* Text into HTML, in element content and in quoted attributes alike. */
#ifndef LIB_BASE_HTML_H
#define LIB_BASE_HTML_H

#include "base/buf.h"
#include "base/str.h"

/* Appends s with & < > " and ' as character references. */
void html_escape(struct buf *out, struct str s);

#endif
