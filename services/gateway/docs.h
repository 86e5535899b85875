/*
 * The gateway's own documents: the API as OpenAPI, as a page, and the page's files. Made
 * once at start from the contracts, immutable afterwards; any thread may read.
 */
#ifndef GATEWAY_DOCS_H
#define GATEWAY_DOCS_H

#include <jansson.h>

#include "base/buf.h"
#include "svc/contract.h"
#include "svc/svc.h"

struct gateway_docs;

struct gateway_document {
    const char *type; /* media type; static */
    struct str body;
    char etag[40]; /* strong, with its quotes */
};

/* base_url: where people reach the API. Never NULL. */
struct gateway_docs *gateway_docs_new(const struct contract *contract,
                                      const char *base_url);
void gateway_docs_free(struct gateway_docs **docs);
/* The document that a local method answers with; NULL when it has none. */
const struct gateway_document *gateway_docs_find(const struct gateway_docs *docs,
                                                 const char *method);
/* True when an If-None-Match header names the ETag (weak comparison, RFC 9110 13.1.2). */
bool gateway_etag_matches(struct str if_none_match, const char *etag);

/* docs_page.c: appends the page of a 3.1 document. */
void gateway_docs_page(struct buf *out, const json_t *document);

/* The verb: gateway openapi [--3.0]. Prints the document; needs no keys. */
int gateway_openapi_verb(struct svc *svc, int argc, char **argv);

#endif
