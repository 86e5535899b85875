/*
 * The contracts as OpenAPI documents, every method that is served over HTTP and no other,
 * and their events as an AsyncAPI document.
 * A pure projection; nothing here runs while requests are served.
 */
#ifndef GATEWAY_OPENAPI_H
#define GATEWAY_OPENAPI_H

#include <jansson.h>

#include "svc/contract.h"

enum openapi_version { OPENAPI_3_1, OPENAPI_3_0 };

/* The whole document, its keys in reading order; the caller json_decref's it. server: the
 * base URL of the API, without a trailing slash. */
json_t *openapi_document(const struct contract *contract, enum openapi_version version,
                         const char *server);
/* The events that the services publish, as an AsyncAPI 2.6 document; the caller
 * json_decref's it. */
json_t *asyncapi_document(const struct contract *contract);

#endif
