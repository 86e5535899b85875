/* Which passwords are taken: the four validators of the original (Django's), with their
 * messages. Pure. */
#ifndef AUTH_PASSWORD_RULES_H
#define AUTH_PASSWORD_RULES_H

#include <stdbool.h>

#include "base/str.h"

enum { AUTH_PASSWORD_PROBLEMS = 4, AUTH_TOO_SHORT_TEXT = 96 };

struct auth_blocklist; /* sorted passwords; immutable */

/* Reads a file of passwords, one a line. NULL when it cannot be read. */
struct auth_blocklist *auth_blocklist_read(const char *path);
void auth_blocklist_free(struct auth_blocklist **b);

struct auth_password_policy {
    struct auth_blocklist *blocklist; /* NULL: only the built-in one */
    unsigned min_length;              /* code points */
    char too_short[AUTH_TOO_SHORT_TEXT];
};

/* blocklist: a path; NULL or "": none. False when it cannot be read. */
bool auth_policy_init(struct auth_password_policy *p, const char *blocklist,
                      unsigned min_length);
void auth_policy_deinit(struct auth_password_policy *p);

extern const char AUTH_PASSWORD_COMMON[]; /* the message for what is too easy to guess */

/* Fills problems with messages (the policy's, or static), in the validators' order;
 * returns how many. All texts are well-formed UTF-8. What none of them refuses is judged
 * by password_strength.h. */
unsigned auth_password_problems(const struct auth_password_policy *p, struct str password,
                                struct str username, struct str email,
                                const char *problems[static AUTH_PASSWORD_PROBLEMS]);

#endif
