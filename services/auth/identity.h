/* Names and addresses: how they are kept, and when two of them are the same. */
#ifndef AUTH_IDENTITY_H
#define AUTH_IDENTITY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* A user name as it is kept: NFKC. NULL with the message for the field in *ret_why
 * (static) when the normal form is too long or holds a character that names may not. */
char *auth_username(struct arena *a, struct str in, const char **ret_why);
/* Equal for names that a reader takes for the same: NFKC and case-folded (UAX 21).
 * Well-formed UTF-8 in, memory from the arena. */
char *auth_fold(struct arena *a, struct str in);
/* Equal for addresses that are one mailbox, as far as can be known: what a mail server is
 * told, case-folded. The address is one that the format "email" took. */
char *auth_email_key(struct arena *a, struct str email);

#endif
