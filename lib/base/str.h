/*
 * Slices: a borrowed run of bytes with a length, not NUL-terminated in general.
 * Everything that arrives from outside is handled as a slice, so that an embedded
 * NUL never hides what follows it.
 */
#ifndef LIB_BASE_STR_H
#define LIB_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

/* A slice of a string literal / of a NUL-terminated string (NULL is empty). */
#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
static inline struct str str_of(const char *s)
{
    return (struct str){ s ? s : "", s ? strlen(s) : 0 };
}

/* For printf's "%.*s": printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).n, (s).p

/* Byte equality; _ci ignores ASCII case. */
bool str_eq(struct str a, struct str b);
bool str_eq_ci(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
/* s without the ASCII blanks (space, \t \n \v \f \r) at both ends. */
struct str str_trim(struct str s);
/* Cuts *rest at the first c: returns what stands before it, *rest becomes what stands
 * after it (empty with p == NULL when there was none). */
struct str str_cut(struct str *rest, char c);
/* The whole of s as a decimal integer: optional '-', no blanks, no plus, no leading
 * zeros beyond a single 0. False (ret untouched) otherwise or out of range. */
bool str_to_i64(struct str s, int64_t *ret);

enum { STR_INT_TEXT = 21 }; /* "-9223372036854775808" and a NUL */

/* In decimal, at the end of buf and with a NUL. Several times as fast as snprintf, and
 * every number of every answer goes this way. */
struct str str_int(int64_t v, char buf[static STR_INT_TEXT]);
/* Same length-independent time for equal lengths; for secrets. */
bool str_eq_secret(struct str a, struct str b);

#endif
