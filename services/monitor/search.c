#include "monitor/search.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "monitor/search_value.h"

enum node_kind { NODE_AND, NODE_OR, NODE_NOT, NODE_TERM };

struct node {
    enum node_kind kind;
    const struct node *left, *right; /* NOT: left */
    struct search_term term;
};

struct search {
    const struct node *root; /* NULL: fits everything */
};

/* ---- tokens ---- */

enum token_kind {
    TOKEN_END,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_NOT,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_TEXT
};

struct token {
    enum token_kind kind;
    size_t position;
    struct str text; /* without quotes */
    bool quoted;     /* all of it: a word, never a field or an operator */
};

struct parser {
    struct str all;
    size_t at;
    struct token token; /* the present one */
    unsigned terms, depth;
    int64_t now_us;
    struct arena *arena;
    struct search_error *error;
};

static bool fail(struct parser *p, size_t position, const char *message)
{
    if (!p->error->message)
        *p->error = (struct search_error){ position, message };
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A run up to a blank or a parenthesis; quotes may stand anywhere in it and are left out:
 * name:"a b". */
static bool read_text(struct parser *p)
{
    char *out = arena_alloc(p->arena, p->all.n - p->at + 1);
    size_t n = 0, start = p->at, opened = 0;
    bool inside = false;
    p->token.quoted = p->all.p[p->at] == '"';
    for (; p->at < p->all.n; p->at++) {
        char c = p->all.p[p->at];
        if (c == '"') {
            inside = !inside;
            opened = p->at;
            continue;
        }
        if (!inside && (is_space(c) || c == '(' || c == ')'))
            break;
        out[n++] = c;
    }
    p->token.kind = TOKEN_TEXT;
    p->token.text = (struct str){ out, n };
    if (inside)
        return fail(p, opened, "This quotation mark is not closed.");
    return n > 0 || fail(p, start, "Nothing stands between the quotation marks.");
}

static enum token_kind keyword(const struct token *t)
{
    static const struct {
        const char *word;
        enum token_kind kind;
    } WORDS[] = { { "AND", TOKEN_AND }, { "OR", TOKEN_OR }, { "NOT", TOKEN_NOT } };
    for (size_t i = 0; !t->quoted && i < ARRAY_LEN(WORDS); i++)
        if (str_eq(t->text, str_of(WORDS[i].word)))
            return WORDS[i].kind;
    return TOKEN_TEXT;
}

static bool next(struct parser *p)
{
    static const struct {
        char c;
        enum token_kind kind;
    } MARKS[] = { { '(', TOKEN_OPEN }, { ')', TOKEN_CLOSE }, { '-', TOKEN_NOT } };
    while (p->at < p->all.n && is_space(p->all.p[p->at]))
        p->at++;
    p->token = (struct token){ .kind = TOKEN_END, .position = p->at };
    if (p->at == p->all.n)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(MARKS); i++)
        if (p->all.p[p->at] == MARKS[i].c) {
            p->token.kind = MARKS[i].kind;
            p->at++;
            return true;
        }
    if (!read_text(p))
        return false;
    p->token.kind = keyword(&p->token);
    return true;
}

/* ---- grammar ---- */

static const struct node *parse_or(struct parser *p);

static struct node *make(struct parser *p, enum node_kind kind, const struct node *left,
                         const struct node *right)
{
    struct node *n = arena_alloc(p->arena, sizeof *n);
    n->kind = kind;
    n->left = left;
    n->right = right;
    return n;
}

static const struct node *parse_term(struct parser *p)
{
    struct token t = p->token;
    struct node *n = make(p, NODE_TERM, NULL, NULL);
    size_t offset = 0;
    if (++p->terms > SEARCH_TERMS_MAX) {
        fail(p, t.position, "More than 32 terms.");
        return NULL;
    }
    const char *wrong =
        search_term_read(t.text, t.quoted, p->now_us, p->arena, &n->term, &offset);
    if (wrong) {
        fail(p, t.position + offset, wrong);
        return NULL;
    }
    return next(p) ? n : NULL;
}

static const struct node *parse_group(struct parser *p)
{
    size_t opened = p->token.position;
    if (++p->depth > SEARCH_DEPTH_MAX) {
        fail(p, opened, "Parentheses may be 5 deep.");
        return NULL;
    }
    const struct node *inside = next(p) ? parse_or(p) : NULL;
    if (!inside)
        return NULL;
    if (p->token.kind != TOKEN_CLOSE) {
        fail(p, opened, "This parenthesis is not closed.");
        return NULL;
    }
    p->depth--;
    return next(p) ? inside : NULL;
}

static const struct node *parse_unary(struct parser *p)
{
    bool negated = false;
    while (p->token.kind == TOKEN_NOT) {
        negated = !negated;
        if (!next(p))
            return NULL;
    }
    const struct node *n = NULL;
    if (p->token.kind == TOKEN_OPEN)
        n = parse_group(p);
    else if (p->token.kind == TOKEN_TEXT)
        n = parse_term(p);
    else
        fail(p, p->token.position,
             p->token.kind == TOKEN_END ? "Something is missing at the end."
                                        : "A word or a field was expected here.");
    return n && negated ? make(p, NODE_NOT, n, NULL) : n;
}

static const struct node *parse_and(struct parser *p)
{
    const struct node *left = parse_unary(p);
    while (left && p->token.kind != TOKEN_END && p->token.kind != TOKEN_CLOSE &&
           p->token.kind != TOKEN_OR) {
        if (p->token.kind == TOKEN_AND && !next(p))
            return NULL;
        const struct node *right = parse_unary(p);
        left = right ? make(p, NODE_AND, left, right) : NULL;
    }
    return left;
}

static const struct node *parse_or(struct parser *p)
{
    const struct node *left = parse_and(p);
    while (left && p->token.kind == TOKEN_OR) {
        const struct node *right = next(p) ? parse_and(p) : NULL;
        left = right ? make(p, NODE_OR, left, right) : NULL;
    }
    return left;
}

const struct search *search_parse(struct str text, int64_t now_us, struct arena *a,
                                  struct search_error *error)
{
    struct parser p = { .all = text, .now_us = now_us, .arena = a, .error = error };
    struct search *s = arena_alloc(a, sizeof *s);
    *error = (struct search_error){ 0 };
    if (text.n > SEARCH_BYTES_MAX) {
        fail(&p, SEARCH_BYTES_MAX, "The search is longer than 512 bytes.");
        return NULL;
    }
    if (!next(&p))
        return NULL;
    if (p.token.kind == TOKEN_END)
        return s;
    s->root = parse_or(&p);
    if (s->root && p.token.kind == TOKEN_CLOSE)
        fail(&p, p.token.position, "This parenthesis was not opened.");
    return s->root && !error->message ? s : NULL;
}

const struct search *search_both(const struct search *x, const struct search *y,
                                 struct arena *a)
{
    if (!x->root || !y->root)
        return x->root ? x : y;
    struct search *s = arena_alloc(a, sizeof *s);
    struct node *n = arena_alloc(a, sizeof *n);
    *n = (struct node){ .kind = NODE_AND, .left = x->root, .right = y->root };
    s->root = n;
    return s;
}

/* ---- the mailer's filter ---- */

/* States a row may have to fit. *exact: whether having one is also enough. */
static unsigned states_of(const struct node *n, bool *exact)
{
    bool left_exact = true, right_exact = true;
    unsigned left, right;
    switch (n->kind) {
    case NODE_TERM:
        return search_term_states(&n->term, exact);
    case NODE_NOT:
        left = states_of(n->left, exact);
        return *exact ? SEARCH_ALL_STATES & ~left : SEARCH_ALL_STATES;
    case NODE_AND:
    case NODE_OR:
        break;
    }
    left = states_of(n->left, &left_exact);
    right = states_of(n->right, &right_exact);
    *exact = left_exact && right_exact;
    return n->kind == NODE_AND ? left & right : left | right;
}

/* Terms that must hold, along the ANDs at the top; each member of the filter once. */
static bool write_terms(const struct node *n, unsigned *used, struct jsonw *w)
{
    bool exact = false;
    if (n->kind == NODE_AND) {
        bool left = write_terms(n->left, used, w);
        return write_terms(n->right, used, w) && left;
    }
    states_of(n, &exact);
    if (exact) /* all of it is in the states */
        return true;
    return n->kind == NODE_TERM && search_term_write(&n->term, used, w);
}

/* The tree in prefix notation. */
static void write_where(const struct node *n, struct jsonw *w)
{
    static const char *const OPS[] = {
        [NODE_AND] = "and", [NODE_OR] = "or", [NODE_NOT] = "not"
    };
    if (n->kind == NODE_TERM) {
        search_term_where(&n->term, w);
        return;
    }
    jw_object(w);
    jw_kcstr(w, "op", OPS[n->kind]);
    jw_object_end(w);
    write_where(n->left, w);
    if (n->kind != NODE_NOT)
        write_where(n->right, w);
}

bool search_write_filter(const struct search *s, struct jsonw *w)
{
    bool exact;
    unsigned used = 0;
    if (!s->root)
        return true;
    unsigned states = states_of(s->root, &exact);
    if (states != SEARCH_ALL_STATES)
        search_states_write(states, w);
    /* No state at all cannot be said by members. */
    if (write_terms(s->root, &used, w) && states != 0)
        return true;
    jw_key(w, "where");
    jw_array(w);
    write_where(s->root, w);
    jw_array_end(w);
    return false;
}

struct str search_job_id(const struct search *s)
{
    if (!s->root || s->root->kind != NODE_TERM)
        return (struct str){ 0 };
    return search_term_job_id(&s->root->term);
}
