/* Files compiled into a binary by mk/embed.sh: SQL, contracts, pages, templates. */
#ifndef LIB_SVC_EMBED_H
#define LIB_SVC_EMBED_H

#include <stddef.h>

#include "base/str.h"

/* One file; data is NUL-terminated (size does not count it). A set ends with name NULL.
 */
struct embed_file {
    const char *name;
    const char *data;
    size_t size;
};

/* The file's content; p is NULL when the set has no such name. */
struct str embed_find(const struct embed_file *set, const char *name);

#endif
