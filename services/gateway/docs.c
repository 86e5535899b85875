#include "gateway/docs.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/config.h"
#include "gateway/openapi.h"
#include "svc/embed.h"
#include "svc/exit.h"

extern const struct embed_file embed_gateway_web[];

enum { PAGE_MAX = 4 * 1024 * 1024, NDOCS = 7 };

struct gateway_docs {
    struct entry {
        const char *method;
        char *made; /* heap; NULL: the body is an embedded file */
        struct http_document document;
    } entry[NDOCS];
    size_t n;
};

/* ---- making ---- */

static void add(struct gateway_docs *docs, const char *method, const char *type,
                struct str body, char *made)
{
    if (docs->n == NDOCS)
        BUG("more documents than room");
    struct entry *e = &docs->entry[docs->n++];
    *e = (struct entry){ .method = method, .made = made };
    http_document_init(&e->document, type, body);
}

static void add_json(struct gateway_docs *docs, const char *method, const json_t *root)
{
    char *text = json_dumps(root, JSON_COMPACT);
    if (!text)
        BUG("a document of the contracts cannot be written");
    add(docs, method, "application/json", str_of(text), text);
}

static void add_page(struct gateway_docs *docs, const json_t *root)
{
    struct buf page;
    buf_init(&page, PAGE_MAX);
    gateway_docs_page(&page, root);
    if (page.overflow)
        BUG("the page of the contracts is too long");
    size_t n;
    char *text = buf_take(&page, &n);
    add(docs, "gateway.docs", "text/html; charset=utf-8", (struct str){ text, n }, text);
}

static void add_files(struct gateway_docs *docs)
{
    static const struct {
        const char *method, *file, *type;
    } FILES[] = {
        { "gateway.docs_style", "style.css", "text/css; charset=utf-8" },
        { "gateway.docs_script", "page.js", "text/javascript; charset=utf-8" },
        { "gateway.docs_mark", "mark.svg", "image/svg+xml" },
    };
    for (size_t i = 0; i < ARRAY_LEN(FILES); i++)
        add(docs, FILES[i].method, FILES[i].type,
            embed_find(embed_gateway_web, FILES[i].file), NULL);
}

/* Without the slash that every path brings along. */
static char *server_of(const char *base_url)
{
    struct str s = str_of(base_url);
    while (s.n > 0 && s.p[s.n - 1] == '/')
        s.n--;
    return xstrndup(s.p, s.n);
}

struct gateway_docs *gateway_docs_new(const struct contract *contract,
                                      const char *base_url)
{
    struct gateway_docs *docs = xcalloc(1, sizeof *docs);
    AUTO_FREE char *server = server_of(base_url);
    json_t *new = openapi_document(contract, OPENAPI_3_1, server);
    json_t *old = openapi_document(contract, OPENAPI_3_0, server);
    add_json(docs, "gateway.openapi", new);
    add_json(docs, "gateway.openapi_3_0", old);
    json_t *events = asyncapi_document(contract);
    add_json(docs, "gateway.asyncapi", events);
    add_page(docs, new);
    add_files(docs);
    json_decref(events);
    json_decref(new);
    json_decref(old);
    return docs;
}

void gateway_docs_free(struct gateway_docs **docs)
{
    if (!*docs)
        return;
    for (size_t i = 0; i < (*docs)->n; i++) {
        http_document_deinit(&(*docs)->entry[i].document);
        free((*docs)->entry[i].made);
    }
    free(*docs);
    *docs = NULL;
}

/* ---- reading ---- */

const struct http_document *gateway_docs_find(const struct gateway_docs *docs,
                                              const char *method)
{
    for (size_t i = 0; i < docs->n; i++)
        if (strcmp(docs->entry[i].method, method) == 0)
            return &docs->entry[i].document;
    return NULL;
}

/* ---- the verbs ---- */

enum document_kind { OPENAPI, OLD_OPENAPI, ASYNCAPI };

static int print(const struct svc *svc, enum document_kind kind)
{
    const struct gateway_config *cfg = svc->app_cfg;
    AUTO_FREE char *why = NULL;
    struct contract *contract = contract_load(&why);
    if (!contract) {
        fprintf(stderr, "%s\n", why);
        return EXIT_BUG;
    }
    AUTO_FREE char *server = server_of(cfg->public_url);
    json_t *root =
        kind == ASYNCAPI
            ? asyncapi_document(contract)
            : openapi_document(contract, kind == OLD_OPENAPI ? OPENAPI_3_0 : OPENAPI_3_1,
                               server);
    bool written = json_dumpf(root, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF;
    json_decref(root);
    contract_free(&contract);
    return written && fflush(stdout) == 0 ? 0 : EXIT_FAILURE;
}

int gateway_openapi_verb(struct svc *svc, int argc, char **argv)
{
    bool old = argc == 2 && strcmp(argv[1], "--3.0") == 0;
    if (argc > 1 && !old)
        return EXIT_USAGE;
    return print(svc, old ? OLD_OPENAPI : OPENAPI);
}

int gateway_asyncapi_verb(struct svc *svc, int argc, char **argv)
{
    (void)argv;
    return argc > 1 ? EXIT_USAGE : print(svc, ASYNCAPI);
}
