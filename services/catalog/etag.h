/* Entity tags (RFC 9110 8.8.3): a hash of the very bytes that are answered, so that any
 * change of them, a category's or a user's new name included, is another tag. */
#ifndef CATALOG_ETAG_H
#define CATALOG_ETAG_H

#include <stdbool.h>

#include "base/str.h"

enum { CATALOG_ETAG_SIZE = 40 };

/* "\"<32 hex digits>\"", with W/ before it when weak. Returns out. */
struct str catalog_etag(struct str body, bool weak, char out[static CATALOG_ETAG_SIZE]);
/* If-None-Match: "*" or a list that holds the tag; W/ makes no difference. */
bool catalog_etag_seen(struct str if_none_match, struct str etag);
/* If-Match: "*" or a list that holds exactly this strong tag. */
bool catalog_etag_matches(struct str if_match, struct str etag);

struct call;
/* Answers a read: the body with its tag, or 304 without it when the client has it. */
void catalog_reply_read(struct call *c, struct str body, bool weak);

#endif
