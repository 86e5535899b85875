#include "svc/embed.h"

#include <string.h>

struct str embed_find(const struct embed_file *set, const char *name)
{
    for (; set->name; set++)
        if (strcmp(set->name, name) == 0)
            return (struct str){ set->data, set->size };
    return (struct str){ 0 };
}
