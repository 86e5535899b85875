/*
 * A document that is the same for everybody until the process ends: a page, a script, a
 * style, an OpenAPI document. Kept as it is and, where that is smaller, packed by gzip;
 * each of the two is a representation with an ETag of its own (RFC 9110 8.8.3.3). Made
 * once, immutable afterwards: any thread may read.
 */
#ifndef LIB_SVC_HTTP_DOCUMENT_H
#define LIB_SVC_HTTP_DOCUMENT_H

#include <stdbool.h>

#include "base/str.h"
#include "svc/http.h"

enum { HTTP_ETAG_TEXT = 40 };

struct http_document {
    const char *type;          /* media type; borrowed */
    struct str body;           /* borrowed */
    char etag[HTTP_ETAG_TEXT]; /* strong, with its quotes */
    char *packed;              /* NULL: packing does not make it smaller */
    size_t packed_n;
    char packed_etag[HTTP_ETAG_TEXT];
};

/* type and body stay the caller's and must outlive the document. Packs it: about 10 ms
 * for 100 KiB. */
void http_document_init(struct http_document *d, const char *type, struct str body);
/* Frees what init made. */
void http_document_deinit(struct http_document *d);

/* Which representation answers a request. An answer also says `Vary: Accept-Encoding`,
 * as another request may get another one. */
struct http_representation {
    struct str body;      /* borrowed from the document */
    const char *etag;     /* the same */
    const char *encoding; /* of Content-Encoding; NULL: as it is */
    bool known;           /* the client has it: 304, without body */
};
/* accept_encoding, if_none_match: the request's headers, empty when absent. */
struct http_representation http_document_choose(const struct http_document *d,
                                                struct str accept_encoding,
                                                struct str if_none_match);
/* The same, by the headers of a request. */
struct http_representation http_document_for(const struct http_document *d,
                                             const struct http_request *r);

/* True when an Accept-Encoding header allows gzip by name or by `*`, and not with q=0
 * (RFC 9110 12.5.3). Without the header or its names nothing is packed. */
bool http_accepts_gzip(struct str accept_encoding);
/* True when an If-None-Match header names the ETag (weak comparison, RFC 9110 13.1.2). */
bool http_etag_matches(struct str if_none_match, const char *etag);
/* True when `parameters` (";q=0.0", of an element of an Accept header) say q=0. */
bool http_is_zero_quality(struct str parameters);

#endif
