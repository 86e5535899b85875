/* UTF-8 (RFC 3629): checked once at the edge, then trusted. */
#ifndef LIB_BASE_UTF8_H
#define LIB_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* The code point at the start of s and its length in *ret_n; -1 when malformed (also
 * overlong forms, surrogates, beyond U+10FFFF) or s is empty. */
int32_t utf8_next(struct str s, size_t *ret_n);
/* The offset of the first malformed byte, or s.n when all is well. */
size_t utf8_check(struct str s);
/* Number of code points; s must be well-formed. */
size_t utf8_len(struct str s);

#endif
