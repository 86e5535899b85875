/*
 * The one decoder of request bodies and query strings: JSON, form and multipart to
 * checked values, by the contract.
 */
#ifndef LIB_SVC_BODY_H
#define LIB_SVC_BODY_H

#include "base/err.h"
#include "svc/schema.h"

/* Decodes bytes by media type and checks them. ERR_OK: *ret is filled, all memory
 * belongs to the arena (the parsed tree is kept in *ret_tree: json_decref it when done
 * with ret, also after an error; may be NULL). ERR_PARSE, ERR_VALIDATION or
 * ERR_UNSUPPORTED_MEDIA_TYPE: `details` holds the JSON of the envelope's details.
 * Limits: depth 16, 1,000 members, duplicate keys refused, NUL refused. */
enum err body_decode(const struct schema *s, struct str content_type, struct str bytes,
                     enum schema_mode mode, struct arena *a, struct values *ret,
                     json_t **ret_tree, struct buf *details) MUST_CHECK;

/* The same for a raw query string ("page=2&search=a%20b"); the last of equal names wins.
 * Every value is text and is converted by its type. */
enum err query_decode(const struct schema *s, struct str query, struct arena *a,
                      struct values *ret, json_t **ret_tree,
                      struct buf *details) MUST_CHECK;

/* Percent-decodes ('+' is a blank when form is true); false on a bad escape or NUL. */
bool url_decode(struct str in, bool form, struct arena *a, struct str *ret);
/* Percent-encodes everything but unreserved characters (RFC 3986 2.3). */
void url_encode(struct buf *out, struct str s);

#endif
