/* What an operator types: asked for, judged, hashed. For verbs: these wait for people. */
#ifndef AUTH_TYPED_H
#define AUTH_TYPED_H

#include <stdbool.h>

#include "auth/config.h"
#include "auth/password_hash.h"
#include "base/secret.h"

enum { AUTH_ANSWER_MAX = 1024 };

/* One line of standard input, without its end; longer ones are cut. False at the end. */
bool auth_ask_line(const char *prompt, char out[static AUTH_ANSWER_MAX]);
/* A password, twice the same, not shown on a terminal; the caller's to free. NULL when
 * input ends, or after three times that were not the same, each with a sentence on
 * standard error.
 */
struct secret *auth_ask_password(void);
/* By the rules of a registration. False with every problem on standard error. */
bool auth_judge_password(const struct auth_config *cfg, struct str password,
                         struct str username, struct str email);
/* False, and a sentence on standard error, when memory is short. */
bool auth_hash_typed(const struct auth_config *cfg, const struct secret *password,
                     char out[static AUTH_HASH_SIZE]);

#endif
