#include "monitor/pages.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "svc/embed.h"

extern const struct embed_file embed_monitor_web[];

struct pages {
    char *text; /* of the page */
    struct http_document page;
    size_t n;
    struct http_document files[]; /* in the order of embed_monitor_web */
};

static const struct {
    const char *suffix, *type;
} TYPES[] = {
    { ".html", "text/html; charset=utf-8" },
    { ".css", "text/css; charset=utf-8" },
    { ".js", "text/javascript; charset=utf-8" },
    { ".svg", "image/svg+xml" },
};

static const char *type_of(const char *name)
{
    const char *suffix = strrchr(name, '.');
    for (size_t i = 0; suffix && i < ARRAY_LEN(TYPES); i++)
        if (strcmp(suffix, TYPES[i].suffix) == 0)
            return TYPES[i].type;
    return "application/octet-stream";
}

/* index.html with the prefix in it. */
static char *page_text(const char *prefix)
{
    static const char MARK[] = "<base href=\"/\">";
    struct str page = embed_find(embed_monitor_web, "index.html");
    const char *mark = strstr(page.p, MARK); /* embedded files end with a NUL */
    if (!mark)
        return xstrdup(page.p);
    return xasprintf("%.*s<base href=\"%s/\">%s", (int)(mark - page.p), page.p, prefix,
                     mark + sizeof MARK - 1);
}

struct pages *pages_new(const char *prefix)
{
    size_t n = 0;
    while (embed_monitor_web[n].name)
        n++;
    struct pages *p = xcalloc(1, sizeof *p + n * sizeof p->files[0]);
    p->n = n;
    p->text = page_text(prefix);
    http_document_init(&p->page, type_of("index.html"), str_of(p->text));
    for (size_t i = 0; i < n; i++) {
        const struct embed_file *f = &embed_monitor_web[i];
        http_document_init(&p->files[i], type_of(f->name),
                           (struct str){ f->data, f->size });
    }
    return p;
}

void pages_free(struct pages **pp)
{
    struct pages *p = *pp;
    if (!p)
        return;
    *pp = NULL;
    for (size_t i = 0; i < p->n; i++)
        http_document_deinit(&p->files[i]);
    http_document_deinit(&p->page);
    free(p->text);
    free(p);
}

/* One name behind the folder. */
static bool is_below(struct str path, const char *folder)
{
    size_t n = strlen(folder);
    return str_starts(path, str_of(folder)) && path.n > n &&
           !memchr(path.p + n, '/', path.n - n);
}

/* The script draws what the address says: one document for all. A final slash is nothing.
 */
static bool is_page(struct str path)
{
    static const char *const PAGES[] = { "/",       "/login", "/workers",
                                         "/tasks",  "/flow",  "/dead",
                                         "/missed", "/audit", "/mails" };
    static const char *const BELOW[] = { "/workers/", "/tasks/", "/mails/" };
    if (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    for (size_t i = 0; i < ARRAY_LEN(PAGES); i++)
        if (str_eq(path, str_of(PAGES[i])))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(BELOW); i++)
        if (is_below(path, BELOW[i]))
            return true;
    return false;
}

const struct http_document *pages_nowhere(const struct pages *p)
{
    return &p->page;
}

const struct http_document *pages_find(const struct pages *p, struct str path)
{
    static const struct str ASSETS = { "/assets/", 8 };
    if (is_page(path))
        return &p->page;
    if (!str_starts(path, ASSETS))
        return NULL;
    struct str name = { path.p + ASSETS.n, path.n - ASSETS.n };
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(name, str_of(embed_monitor_web[i].name)))
            return &p->files[i];
    return NULL;
}
