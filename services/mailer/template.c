#include "mailer/template.h"

#include "base/html.h"
#include "base/mem.h"

enum { OPS_MAX = 512, DEPTH_MAX = 8 };

enum op_kind { OP_TEXT, OP_ESCAPED, OP_RAW, OP_IF, OP_UNLESS, OP_END };

struct op {
    enum op_kind kind;
    struct str text; /* OP_TEXT; otherwise the name, for messages */
    size_t name;     /* index of the value */
    size_t end;      /* OP_IF, OP_UNLESS: where the section ends */
};

struct template
{
    char *text;
    struct op *ops;
    size_t n;
};

/* One pass over the text. `at` is what is left, `why` the first mistake. */
struct parser {
    struct template *t;
    const char *const *names;
    struct str at;
    struct str whole;
    size_t open[DEPTH_MAX];
    size_t depth;
    char *why;
};

struct tag {
    enum op_kind kind;
    bool comment;
    struct str name;
    const char *start, *end; /* of the braces */
};

static bool find(struct str in, const char *what, size_t *ret)
{
    const char *hit = memmem(in.p, in.n, what, strlen(what));
    if (hit)
        *ret = (size_t)(hit - in.p);
    return hit != NULL;
}

static void fail(struct parser *p, const char *what, struct str name)
{
    if (!p->why)
        p->why = xasprintf("%s: %.*s", what, (int)(name.n > 60 ? 60 : name.n), name.p);
}

static bool add_op(struct parser *p, struct op op)
{
    if (op.kind == OP_TEXT && op.text.n == 0)
        return true;
    if (p->t->n == OPS_MAX) {
        fail(p, "the template has too many tags", op.text);
        return false;
    }
    p->t->ops[p->t->n++] = op;
    return true;
}

/* Reads the tag that begins at p->at ("{{..."); false after a mistake. */
static bool read_tag(struct parser *p, struct tag *ret)
{
    bool raw = str_starts(p->at, STR("{{{"));
    const char *closing = raw ? "}}}" : "}}";
    size_t skip = raw ? 3 : 2, len;
    struct str inside = { p->at.p + skip, p->at.n - skip };
    if (!find(inside, closing, &len)) {
        fail(p, "a tag is not closed", p->at);
        return false;
    }
    *ret = (struct tag){ .kind = raw ? OP_RAW : OP_ESCAPED,
                         .start = p->at.p,
                         .end = inside.p + len + skip };
    inside = str_trim((struct str){ inside.p, len });
    static const struct {
        char sign;
        enum op_kind kind;
    } SIGNS[] = { { '#', OP_IF }, { '^', OP_UNLESS }, { '/', OP_END }, { '&', OP_RAW } };
    for (size_t i = 0; i < ARRAY_LEN(SIGNS) && !raw && inside.n > 0; i++) {
        if (inside.p[0] != SIGNS[i].sign)
            continue;
        ret->kind = SIGNS[i].kind;
        inside = str_trim((struct str){ inside.p + 1, inside.n - 1 });
        break;
    }
    ret->comment = !raw && inside.n > 0 && inside.p[0] == '!';
    ret->name = inside;
    return true;
}

static bool is_name(struct parser *p, struct str name, size_t *ret)
{
    for (size_t i = 0; p->names[i]; i++) {
        if (str_eq(str_of(p->names[i]), name)) {
            *ret = i;
            return true;
        }
    }
    fail(p, "the template names something unknown", name);
    return false;
}

/* A tag that prints nothing and is alone on its line: the line goes with it. */
static void take_line(struct parser *p, const struct tag *tag, struct str *before)
{
    const char *from = tag->start, *to = tag->end;
    const char *last = p->whole.p + p->whole.n;
    while (from > before->p && (from[-1] == ' ' || from[-1] == '\t'))
        from--;
    bool starts = from == p->whole.p || from[-1] == '\n';
    while (to < last && (*to == ' ' || *to == '\t' || *to == '\r'))
        to++;
    bool ends = to == last || *to == '\n';
    if (!starts || !ends)
        return;
    before->n = (size_t)(from - before->p);
    to += to < last;
    p->at = (struct str){ to, (size_t)(last - to) };
}

static bool end_section(struct parser *p, const struct tag *tag)
{
    struct op *opened = p->depth ? &p->t->ops[p->open[p->depth - 1]] : NULL;
    if (!opened || !str_eq(opened->text, tag->name)) {
        fail(p, "a section ends that is not open", tag->name);
        return false;
    }
    opened->end = p->t->n;
    p->depth--;
    return true;
}

static bool add_tag(struct parser *p, const struct tag *tag)
{
    if (tag->comment)
        return true;
    if (tag->kind == OP_END)
        return end_section(p, tag);
    struct op op = { .kind = tag->kind, .text = tag->name };
    if (!is_name(p, tag->name, &op.name))
        return false;
    bool section = tag->kind == OP_IF || tag->kind == OP_UNLESS;
    if (section && p->depth == DEPTH_MAX) {
        fail(p, "sections are nested too deep", tag->name);
        return false;
    }
    if (section)
        p->open[p->depth++] = p->t->n;
    return add_op(p, op);
}

static bool parse_step(struct parser *p)
{
    size_t len;
    struct tag tag;
    if (!find(p->at, "{{", &len)) {
        struct str rest = p->at;
        p->at.n = 0;
        return add_op(p, (struct op){ .kind = OP_TEXT, .text = rest });
    }
    struct str before = { p->at.p, len };
    p->at = (struct str){ p->at.p + len, p->at.n - len };
    if (!read_tag(p, &tag))
        return false;
    p->at = (struct str){ tag.end, (size_t)(p->whole.p + p->whole.n - tag.end) };
    if (tag.comment || (tag.kind != OP_ESCAPED && tag.kind != OP_RAW))
        take_line(p, &tag, &before);
    return add_op(p, (struct op){ .kind = OP_TEXT, .text = before }) && add_tag(p, &tag);
}

struct template *template_new(struct str text, const char *const *names, char **ret_why)
{
    struct template *t = xcalloc(1, sizeof *t);
    t->text = xstrndup(text.p ? text.p : "", text.n);
    t->ops = xcalloc(OPS_MAX, sizeof *t->ops);
    struct parser p = { .t = t, .names = names };
    p.at = p.whole = (struct str){ t->text, text.n };
    while (p.at.n > 0 && parse_step(&p))
        ;
    if (p.depth > 0)
        fail(&p, "a section is not closed", t->ops[p.open[p.depth - 1]].text);
    if (!p.why)
        return t;
    *ret_why = p.why;
    template_free(&t);
    return NULL;
}

void template_free(struct template **t)
{
    if (!*t)
        return;
    free((*t)->ops);
    free((*t)->text);
    free(*t);
    *t = NULL;
}

void template_render(const struct template *t, const struct template_value *values,
                     struct buf *out)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct op *op = &t->ops[i];
        const struct template_value *v = &values[op->name];
        bool hidden = (op->kind == OP_IF && !v->on) || (op->kind == OP_UNLESS && v->on);
        if (op->kind == OP_TEXT)
            buf_str(out, op->text);
        else if (op->kind == OP_RAW)
            buf_str(out, v->text);
        else if (op->kind == OP_ESCAPED)
            html_escape(out, v->text);
        else if (hidden)
            i = op->end - 1;
    }
}
