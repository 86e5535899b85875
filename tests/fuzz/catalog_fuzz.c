/* Filters, pages and tags of the catalog. */
#include <jansson.h>
#include <string.h>

#include "base/arena.h"
#include "catalog/etag.h"
#include "catalog/filter.h"
#include "catalog/page.h"
#include "fuzz.h"

#define SEEDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

enum { ROOM = 64 * 1024 };

static void run_filter(struct str in)
{
    struct str rest = in;
    struct catalog_filter_input f = { .category = fuzz_line(&rest) };
    struct catalog_filter found;
    struct buf errors AUTO_BUF;
    struct arena a;
    f.category_in = rest.p ? fuzz_line(&rest) : STR("");
    f.price_gte = rest.p ? fuzz_line(&rest) : STR("");
    f.price_lte = rest.p ? rest : STR("");
    arena_init(&a);
    buf_init(&errors, ROOM);
    if (!catalog_filter_parse(&f, &a, &found, &errors)) {
        json_t *tree = json_loadb(errors.p, errors.n, 0, NULL);
        fuzz_expect(json_object_size(tree) > 0, "errors are told by field");
        json_decref(tree);
    } else if (found.price_gte.p) {
        for (size_t i = 0; i < found.price_gte.n; i++)
            fuzz_expect(strchr("0123456789+-.eE", found.price_gte.p[i]) != NULL,
                        "a price is a numeral");
    }
    arena_deinit(&a);
}

static void run_page(struct str in)
{
    struct catalog_link link = { STR("http://localhost"), "/api/products/", in };
    struct catalog_page page;
    struct buf out AUTO_BUF;
    struct arena a;
    struct str rest = in, number = fuzz_line(&rest);
    if (catalog_page_parse(number, rest.p ? rest : STR(""), &page))
        fuzz_expect(page.number >= 0 && page.size >= 1 &&
                        page.size <= CATALOG_PAGE_SIZE_MAX &&
                        page.number <= INT64_MAX / page.size / 2,
                    "a page's first row can be counted");
    arena_init(&a);
    buf_init(&out, ROOM);
    catalog_page_link(&link, 3, &a, &out);
    for (size_t i = 0; i < out.n; i++)
        fuzz_expect((unsigned char)out.p[i] > 0x20 && (unsigned char)out.p[i] < 0x7f &&
                        !strchr("\"<>\\", out.p[i]),
                    "a link is made of what links are made of");
    arena_deinit(&a);
}

static void run_etag(struct str in)
{
    char text[CATALOG_ETAG_SIZE];
    struct str tag = catalog_etag(in, false, text);
    fuzz_expect(catalog_etag_seen(tag, tag) && catalog_etag_matches(tag, tag),
                "a tag is its own");
    fuzz_expect(!catalog_etag_matches(in, tag) || memmem(in.p, in.n, tag.p, tag.n) ||
                    str_eq(str_trim(in), STR("*")),
                "nothing else matches");
}

const struct fuzz_target FUZZ_TARGETS[] = {
    { "filter", run_filter, SEEDS("1\n1,2,3\n10.50\n1e3", "\n\n-1\n+.5E-2") },
    { "page", run_page, SEEDS("page=2&search=a%20b&page_size=5", "last\n100", "7\n0") },
    { "etag", run_etag, SEEDS("\"a\", W/\"b\"", "*", "{\"id\":1}") },
    { 0 },
};
