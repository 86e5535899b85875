/*
 * The gateway's own documents: the API as OpenAPI, the events as AsyncAPI, a page, and
 * the page's files. Made once at start from the contracts, immutable afterwards; any
 * thread may read.
 */
#ifndef GATEWAY_DOCS_H
#define GATEWAY_DOCS_H

#include <jansson.h>

#include "base/buf.h"
#include "svc/contract.h"
#include "svc/http_document.h"
#include "svc/svc.h"

struct gateway_docs;

/* base_url: where people reach the API. Never NULL. */
struct gateway_docs *gateway_docs_new(const struct contract *contract,
                                      const char *base_url);
void gateway_docs_free(struct gateway_docs **docs);
/* The document that a local method answers with; NULL when it has none. */
const struct http_document *gateway_docs_find(const struct gateway_docs *docs,
                                              const char *method);

/* docs_page.c: appends the page of a 3.1 document. */
void gateway_docs_page(struct buf *out, const json_t *document);

/* The verbs gateway openapi [--3.0] and gateway asyncapi: print the document, need no
 * keys.
 */
int gateway_openapi_verb(struct svc *svc, int argc, char **argv);
int gateway_asyncapi_verb(struct svc *svc, int argc, char **argv);

#endif
