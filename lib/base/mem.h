/*
 * Memory that does not fail, and scope clean-up.
 *
 * The x-functions end the process with one line on stderr when memory is exhausted
 * (Postfix's mymalloc does the same): limits on every input keep that out of a
 * client's reach, so no caller carries an untested recovery path.
 */
#ifndef LIB_BASE_MEM_H
#define LIB_BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>

#define MUST_CHECK              __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define ARRAY_LEN(a)            (sizeof(a) / sizeof((a)[0]))

/* Zero or more bytes, uninitialised; the caller frees with free(3). Never NULL. */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
/* count * size zeroed bytes (overflow is exhaustion); free(3). Never NULL. */
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* Grows or shrinks like realloc(3); never NULL. */
void *xrealloc(void *old, size_t size) __attribute__((returns_nonnull));
/* A heap copy of s; free(3). */
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
/* A NUL-terminated heap copy of n bytes; free(3). */
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
/* printf into fresh heap memory; free(3). */
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2) __attribute__((returns_nonnull));

/* A broken invariant of our own: says where, then abort(3). Never for input. */
#define BUG(why) bug_at(__FILE__, __LINE__, (why))
_Noreturn void bug_at(const char *file, int line, const char *why);

/* free(3) at the end of the scope: AUTO_FREE char *path = xasprintf(...); */
void mem_free_cleanup(void *pointer_to_pointer);
#define AUTO_FREE __attribute__((cleanup(mem_free_cleanup)))

#endif
