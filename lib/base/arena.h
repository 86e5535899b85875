/*
 * Request-lifetime memory: many small allocations, one release (h2o, Apache pools).
 * A handler takes what it needs and frees nothing; the arena goes with its request.
 */
#ifndef LIB_BASE_ARENA_H
#define LIB_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used;                /* of the newest block */
};

/* An empty arena; allocates nothing until used. */
void arena_init(struct arena *a);
/* Releases all memory taken from it; the arena may be used again. */
void arena_deinit(struct arena *a);
/* size zeroed bytes, aligned for any type, valid until arena_deinit. Never NULL. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((returns_nonnull));
/* A NUL-terminated copy of s. */
char *arena_str(struct arena *a, struct str s) __attribute__((returns_nonnull));
/* The same as a slice (n does not count the NUL that follows it). */
struct str arena_dup(struct arena *a, struct str s);
/* printf into the arena. */
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3)
    __attribute__((returns_nonnull));

#endif
