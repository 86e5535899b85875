/* What the decoders of the media types share. Private to body*.c. */
#ifndef LIB_SVC_BODY_INTERNAL_H
#define LIB_SVC_BODY_INTERNAL_H

#include "svc/body.h"

enum { BODY_DEPTH_MAX = 16, BODY_MEMBERS_MAX = 1000 };

/* A decoder: bytes to a tree (a new reference), or NULL with a sentence in *ret_why
 * (static or of the arena). content_type is the whole header value. */
typedef json_t *body_fn(struct str content_type, struct str bytes, struct arena *a,
                        const char **ret_why);
body_fn body_json, body_form, body_multipart;

/* The tree of a form or query, one member per name, the last of equal names. */
json_t *body_pairs(struct str bytes, struct arena *a, const char **ret_why);
/* Adds a text; malformed UTF-8 becomes U+FFFD. Names that JSON cannot hold are left
 * out: no schema has them. */
void body_add_text(json_t *object, struct str name, struct str value, struct arena *a);
/* Percent-decoding that keeps what it does not understand, as browsers' forms expect. */
struct str body_unescape(struct str in, bool plus_is_blank, struct arena *a);
/* A parameter of a header value ("multipart/form-data; boundary=x"): any case, quotes
 * taken off; false when absent. */
bool body_parameter(struct str header, struct str name, struct arena *a, struct str *ret);

#endif
