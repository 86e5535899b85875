/* What the parts of the projection share. Private to openapi*.c. */
#ifndef GATEWAY_OPENAPI_INTERNAL_H
#define GATEWAY_OPENAPI_INTERNAL_H

#include "base/err.h"
#include "gateway/openapi.h"

/* One document while it is made. */
struct openapi {
    const struct contract *contract;
    enum openapi_version version;
    json_t *files;    /* service name -> its file of proto/ */
    json_t *schemas;  /* components, filled on the way */
    json_t *examples; /* components: one per error code in use */
};

/* One method while it is projected. */
struct openapi_method {
    struct openapi *doc;
    const struct contract_method *m;
    const json_t *json; /* as it stands in its file */
};

/* Borrowed; NULL when there is none of that name. */
const json_t *openapi_find(const json_t *list, const char *key, const char *value);

/* openapi_schema.c: a contract's schema as this version of OpenAPI writes it; owned by
 * the caller. References lead to the service's types among the components. */
json_t *openapi_schema(const struct openapi *doc, const char *service,
                       const json_t *schema);
/* All types of the file of a service, put among the components. */
void openapi_types(struct openapi *doc, const char *service, const json_t *file);
/* Reference to the method's body or response ("body", "response"); what has no name of
 * its own gets one: <method>.body. Owned by the caller. */
json_t *openapi_part(const struct openapi_method *om, const char *part);
/* {"$ref": "#/components/<kind>/<name>"} */
json_t *openapi_ref(const char *kind, const char *name);

/* openapi_response.c: the "responses" object of a method. */
json_t *openapi_responses(const struct openapi_method *om);
/* The schemas of errors, the shared headers. */
void openapi_error_schemas(struct openapi *doc);
json_t *openapi_headers(void);

/* openapi_operation.c: the operation object of a method. */
json_t *openapi_operation(const struct openapi_method *om);

#endif
