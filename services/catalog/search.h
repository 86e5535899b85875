/* What a search text asks for, as patterns of LIKE; and the order of a list. Pure. */
#ifndef CATALOG_SEARCH_H
#define CATALOG_SEARCH_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

/* Terms end at blanks and commas; one in double or single quotes is a phrase. All must
 * match. `first` receives the longest term as a pattern (%term%, with \ % _ escaped) and
 * `rest` the others as the text of a text[] ("{...}"). Without any term: "%" and "{}". */
void catalog_search_parse(struct str text, struct buf *first, struct buf *rest);

/* Up to two keys of `ordering`, in the order given: "price", "-price", "created_at",
 * "-created_at"; unknown ones are passed over, a key that came before is not repeated.
 * Without any: "-created_at". Unused places are NULL. */
void catalog_order_parse(struct str ordering, const char *ret_keys[static 2]);

#endif
