/* Which media type an answer gets (RFC 9110 12.5.1, as far as the API needs it). */
#ifndef GATEWAY_NEGOTIATE_H
#define GATEWAY_NEGOTIATE_H

#include <stdbool.h>

#include "base/str.h"

struct gateway_format {
    bool acceptable;        /* false: 406 */
    bool problem;           /* errors as application/problem+json (RFC 9457) */
    const char *media_type; /* of a success; static or `produces` */
};

/* accept: the header, empty when absent. produces: the media type the method produces
 * besides JSON, or NULL; only: and it has no JSON at all. q-values only exclude (q=0), as
 * in the original. text/html alone gets JSON where no page exists. */
struct gateway_format gateway_negotiate(struct str accept, const char *produces,
                                        bool only);
/* False when the query asks for a format that does not exist (?format=xml). An empty one
 * asks for nothing. */
bool gateway_query_format_known(struct str query);

#endif
