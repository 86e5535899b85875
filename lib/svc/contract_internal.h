/* What the loader and the router of contracts share. Private to contract*.c. */
#ifndef LIB_SVC_CONTRACT_INTERNAL_H
#define LIB_SVC_CONTRACT_INTERNAL_H

#include <jansson.h>

#include "base/arena.h"
#include "svc/contract.h"
#include "svc/embed.h"

enum { CONTRACT_VERBS = 5 };
extern const char *const CONTRACT_VERB[CONTRACT_VERBS]; /* in the order of Allow */

/* A part of the paths: what may follow, and the methods of the path that ends here. */
struct route {
    struct str literal;
    struct route *children; /* with a literal */
    struct route *next;     /* sibling */
    struct route *param;    /* any one part */
    const struct contract_method *methods[CONTRACT_VERBS];
    const struct contract_method *any;
    char allow[64];
};

struct contract_file_tree {
    const char *name;
    json_t *root;
};

struct contract {
    struct arena arena;
    struct contract_file_tree *files;
    size_t nfiles;
    struct contract_method *methods; /* by number once loaded */
    const struct contract_method **by_name;
    size_t nmethods, cap; /* cap: methods in all files */
    struct route routes;
    json_t *errors; /* of errors.json */
    char *why;      /* first failure, heap */
};

/* Parses methods[] and events[] of one file. False: c->why says why. */
bool contract_parse_file(struct contract *c, const struct contract_file_tree *f);
/* Adds a method's verb and path. False: c->why says why. */
bool contract_add_route(struct contract *c, const struct contract_method *m);
/* Keeps the first sentence; always false. */
bool contract_fail(struct contract *c, char *sentence);

#endif
