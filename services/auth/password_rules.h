/* Which passwords are taken: the four validators of the original (Django's), with their
 * messages. Pure. */
#ifndef AUTH_PASSWORD_RULES_H
#define AUTH_PASSWORD_RULES_H

#include <stdbool.h>

#include "base/str.h"

enum { AUTH_PASSWORD_PROBLEMS = 4 };

struct auth_blocklist; /* sorted passwords; immutable */

/* Reads a file of passwords, one a line. NULL when it cannot be read. */
struct auth_blocklist *auth_blocklist_read(const char *path);
void auth_blocklist_free(struct auth_blocklist **b);

/* Fills problems with static messages, in the validators' order; returns how many. The
 * block list may be NULL. All texts are well-formed UTF-8. */
unsigned auth_password_problems(const struct auth_blocklist *b, struct str password,
                                struct str username, struct str email,
                                const char *problems[static AUTH_PASSWORD_PROBLEMS]);

#endif
