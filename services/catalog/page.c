#include "catalog/page.h"

#include <stdio.h>
#include <stdlib.h>

#include "svc/body.h"

enum { PAIRS_MAX = 64 };
static const int64_t PAGE_MAX = INT64_MAX / CATALOG_PAGE_SIZE_MAX / 2;

/* ---- which page -------------------------------------------------------------- */

/* Digits only; more of them than fit are PAGE_MAX. -1: not a number. */
static int64_t count_of(struct str s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return -1;
        n = n < PAGE_MAX / 10 ? n * 10 + (s.p[i] - '0') : PAGE_MAX;
    }
    return s.n > 0 ? n : -1;
}

bool catalog_page_parse(struct str page, struct str size, struct catalog_page *ret)
{
    *ret = (struct catalog_page){ .number = 1, .size = CATALOG_PAGE_SIZE };
    int64_t rows = count_of(size);
    if (rows > 0)
        ret->size = rows < CATALOG_PAGE_SIZE_MAX ? rows : CATALOG_PAGE_SIZE_MAX;
    if (page.n == 0)
        return true;
    if (str_eq(page, STR("last"))) {
        ret->number = 0;
        return true;
    }
    ret->number = count_of(page);
    return ret->number > 0;
}

int64_t catalog_page_shown(const struct catalog_page *p, int64_t count)
{
    int64_t last = count > 0 ? (count - 1) / p->size + 1 : 1;
    if (p->number == 0)
        return last;
    return p->number <= last ? p->number : 0;
}

/* ---- links ------------------------------------------------------------------- */

struct pair {
    struct str name, value;
    unsigned nth; /* equal names keep their order */
};

static int by_name(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    int order = n ? memcmp(x->name.p, y->name.p, n) : 0;
    if (order != 0)
        return order;
    if (x->name.n != y->name.n)
        return x->name.n < y->name.n ? -1 : 1;
    return x->nth < y->nth ? -1 : 1;
}

/* The client's parameters without `page`; what does not decode is left out. */
static unsigned read_pairs(struct str query, struct arena *a, struct pair *pairs)
{
    unsigned n = 0;
    while (query.n > 0 && n < PAIRS_MAX - 1) {
        struct str value = str_cut(&query, '&');
        struct str name = str_cut(&value, '=');
        struct pair *p = &pairs[n];
        if (name.n == 0 || !url_decode(name, true, a, &p->name) ||
            !url_decode(value, true, a, &p->value) || str_eq(p->name, STR("page")))
            continue;
        p->nth = n++;
    }
    return n;
}

void catalog_page_link(const struct catalog_link *l, int64_t page, struct arena *a,
                       struct buf *out)
{
    struct pair pairs[PAIRS_MAX];
    unsigned n = read_pairs(l->query, a, pairs);
    if (page > 1) {
        char *text = arena_printf(a, "%lld", (long long)page);
        pairs[n] = (struct pair){ STR("page"), str_of(text), n };
        n++;
    }
    qsort(pairs, n, sizeof(*pairs), by_name);
    buf_str(out, l->base);
    buf_cstr(out, l->path);
    for (unsigned i = 0; i < n; i++) {
        buf_char(out, i ? '&' : '?');
        url_encode(out, pairs[i].name);
        buf_char(out, '=');
        url_encode(out, pairs[i].value);
    }
}
