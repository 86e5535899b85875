/*
 * A growing byte buffer whose maximum is mandatory (the idea of curl's dynbuf).
 * Past the maximum nothing more is stored and `overflow` stays set: writers append
 * without checking each step and the owner looks once at the end.
 */
#ifndef LIB_BASE_BUF_H
#define LIB_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/str.h"

struct buf {
    char *p; /* NUL-terminated once anything was added; NULL before */
    size_t n;
    size_t cap;
    size_t max;
    bool overflow;
    bool borrowed; /* p is the caller's: never grown, never freed */
};

/* An empty buffer that holds at most max bytes. Owns its memory: buf_deinit. */
void buf_init(struct buf *b, size_t max);
/* The same in memory of the caller's, which holds size - 1 bytes and a NUL. */
void buf_init_on(struct buf *b, char *memory, size_t size);
void buf_deinit(struct buf *b);
/* Empties it and keeps the memory. */
void buf_clear(struct buf *b);
/* Makes room for n bytes in all, so that what is about to come does not move it several
 * times. Does nothing when there is room, or none may be made. */
void buf_expect(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *data, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_cstr(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* What it holds, borrowed until the next change. */
struct str buf_get(const struct buf *b);
/* Hands the memory over (NUL-terminated, free(3)); the buffer is empty afterwards.
 * *ret_n, when wanted, is the length without the NUL. */
char *buf_take(struct buf *b, size_t *ret_n);
/* buf_deinit at the end of the scope. Where the function may return before buf_init, say
 * the maximum at once: AUTO_BUF struct buf body = { .max = BODY_MAX }; */
#define AUTO_BUF __attribute__((cleanup(buf_deinit)))

#endif
