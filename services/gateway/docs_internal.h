/* What the parts of the page share. Private to docs*.c. */
#ifndef GATEWAY_DOCS_INTERNAL_H
#define GATEWAY_DOCS_INTERNAL_H

#include <jansson.h>

#include "base/buf.h"

/* An operation of the document. */
struct docs_operation {
    const json_t *doc;
    const char *path, *verb; /* "/api/products", "get" */
    const json_t *json;
};

/* Appends format, in which only %s and %% have a meaning; what takes the place of %s is
 * escaped, for text and for quoted attributes. */
void html_add(struct buf *out, const char *format, ...) PRINTF_LIKE(2, 3);
/* Text with `code` in backquotes and paragraphs between empty lines. */
void html_prose(struct buf *out, const char *text);

/* object[key] as text; "" when it is none. */
const char *docs_text(const json_t *object, const char *key);
/* What {"$ref": "#/a/b/c"} leads to; the value itself otherwise. */
const json_t *docs_follow(const json_t *doc, const json_t *value);

/* docs_schema.c */
/* The members of a schema as a table; nothing for one without members. required: the word
 * for those that are always there. */
void docs_members(struct buf *out, const json_t *doc, const json_t *schema,
                  const char *required);
/* "string or null", "list of <a>catalog.product</a>" */
void docs_type(struct buf *out, const json_t *schema);
/* "at most 100 characters", the description... */
void docs_notes(struct buf *out, const json_t *schema);

/* docs_example.c */
/* True when the operation refuses callers without an access token. */
bool docs_needs_token(const struct docs_operation *op);
/* The request as a curl command line, as text for a shell. */
void docs_curl(struct buf *out, const struct docs_operation *op);
/* The body's example, indented JSON in a heap text; NULL when there is none. */
char *docs_body(const struct docs_operation *op);
/* The same of a response's media object. */
char *docs_answer(const json_t *media);

#endif
