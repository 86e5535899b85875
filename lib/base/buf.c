#include "base/buf.h"

#include <stdio.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){ .max = max };
}

void buf_init_on(struct buf *b, char *memory, size_t size)
{
    memory[0] = '\0';
    *b = (struct buf){ .p = memory, .cap = size, .max = size - 1, .borrowed = true };
}

void buf_deinit(struct buf *b)
{
    if (!b->borrowed)
        free(b->p);
    *b = (struct buf){ .max = b->max };
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->overflow = false;
    if (b->p)
        b->p[0] = '\0';
}

/* Room for n more bytes and a NUL; false and overflow when the maximum forbids. */
static bool reserve(struct buf *b, size_t n)
{
    if (b->overflow || n > b->max - b->n) {
        b->overflow = true;
        return false;
    }
    size_t need = b->n + n + 1;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap * 2 : 256;
    b->cap = cap > need ? cap : need;
    b->p = xrealloc(b->p, b->cap);
    return true;
}

void buf_expect(struct buf *b, size_t n)
{
    if (n > b->max)
        n = b->max;
    if (b->overflow || n < b->cap)
        return;
    b->cap = n + 1;
    b->p = xrealloc(b->p, b->cap);
    b->p[b->n] = '\0';
}

void buf_add(struct buf *b, const void *data, size_t n)
{
    if (!reserve(b, n))
        return;
    if (n > 0)
        memcpy(b->p + b->n, data, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void buf_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

void buf_cstr(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        BUG("bad format");
    if (reserve(b, (size_t)n)) {
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

struct str buf_get(const struct buf *b)
{
    return (struct str){ b->p ? b->p : "", b->n };
}

char *buf_take(struct buf *b, size_t *ret_n)
{
    char *p = b->p;
    if (!p || b->borrowed) {
        p = xmalloc(b->n + 1);
        memcpy(p, b->p ? b->p : "", b->n + 1);
    }
    if (ret_n)
        *ret_n = b->n;
    *b = (struct buf){ .max = b->max };
    return p;
}
