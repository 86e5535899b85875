#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_SIZE = 2048 };

struct arena_block {
    struct arena_block *next;
    size_t size;
    max_align_t data[];
};

void arena_init(struct arena *a)
{
    *a = (struct arena){ 0 };
}

void arena_deinit(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *b = a->blocks;
        a->blocks = b->next;
        free(b);
    }
    a->used = 0;
}

static void add_block(struct arena *a, size_t least)
{
    size_t size = least > BLOCK_SIZE ? least : BLOCK_SIZE;
    struct arena_block *b = xmalloc(sizeof *b + size);
    b->size = size;
    b->next = a->blocks;
    a->blocks = b;
    a->used = 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = _Alignof(max_align_t);
    if (size > SIZE_MAX / 2)
        BUG("arena allocation too large");
    size_t need = (size + align - 1) & ~(align - 1);
    if (!a->blocks || a->blocks->size - a->used < need)
        add_block(a, need);
    void *p = (char *)a->blocks->data + a->used;
    a->used += need;
    memset(p, 0, size);
    return p;
}

char *arena_str(struct arena *a, struct str s)
{
    char *copy = arena_alloc(a, s.n + 1);
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    return copy;
}

struct str arena_dup(struct arena *a, struct str s)
{
    return (struct str){ arena_str(a, s), s.n };
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        BUG("bad format");
    char *text = arena_alloc(a, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, fmt, again);
    va_end(again);
    return text;
}
