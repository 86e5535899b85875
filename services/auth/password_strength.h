/*
 * Whether a password would be among the first guesses: estimated by libzxcvbn (its only
 * door), which knows words, names, keyboard walks, repeats, sequences and dates. Pure;
 * up to some milliseconds, so call it from the hash pool.
 */
#ifndef AUTH_PASSWORD_STRENGTH_H
#define AUTH_PASSWORD_STRENGTH_H

#include <stdbool.h>

#include "base/str.h"

/* True when the estimate is below min_bits, or when one known piece makes up all of it
 * but one character. min_bits 0: nothing is guessable. Only the first 128 bytes count. */
bool auth_password_guessable(struct str password, unsigned min_bits);

#endif
