/* Names and addresses: how they are kept, and when two of them are the same. */
#ifndef AUTH_IDENTITY_H
#define AUTH_IDENTITY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* A user name as it is kept: NFKC. NULL with the message for the field in *ret_why
 * (static) when the normal form is too long or holds a character that names may not. */
char *auth_username(struct arena *a, struct str in, const char **ret_why);
/* An address as it is kept: the domain in lower case. */
char *auth_email(struct arena *a, struct str in);
/* Equal for names or addresses that a reader takes for the same: NFKC and case-folded
 * (UAX 21). Well-formed UTF-8 in, memory from the arena. */
char *auth_fold(struct arena *a, struct str in);

#endif
