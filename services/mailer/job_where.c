#include "mailer/job_where.h"

#include <string.h>

#include "base/jsonw.h"
#include "base/mem.h"

struct reader {
    const json_t *list;
    size_t at;
    struct buf *out;
};

static bool write_one(struct reader *r);

static const char *text_of(const json_t *term, const char *key)
{
    return json_string_value(json_object_get(term, key));
}

/* A text as jsonpath takes it. */
static void write_quoted(struct buf *out, const json_t *text)
{
    buf_char(out, '"');
    json_escape(out, (struct str){ json_string_value(text), json_string_length(text) });
    buf_char(out, '"');
}

/* --- what stands between conditions --- */

static bool write_both(struct reader *r, const char *between)
{
    buf_char(r->out, '(');
    if (!write_one(r))
        return false;
    buf_cstr(r->out, between);
    if (!write_one(r))
        return false;
    buf_char(r->out, ')');
    return true;
}

static bool write_and(struct reader *r, const json_t *term)
{
    (void)term;
    return write_both(r, " && ");
}

static bool write_or(struct reader *r, const json_t *term)
{
    (void)term;
    return write_both(r, " || ");
}

static bool write_not(struct reader *r, const json_t *term)
{
    (void)term;
    buf_cstr(r->out, "!(");
    if (!write_one(r))
        return false;
    buf_char(r->out, ')');
    return true;
}

/* --- terms --- */

/* A part of a text, in any case; the q says that it is no pattern. */
static void write_part(struct buf *out, const char *field, const json_t *text)
{
    buf_printf(out, "$.%s like_regex ", field);
    write_quoted(out, text);
    buf_cstr(out, " flag \"iq\"");
}

static void write_equal(struct buf *out, const char *field, const json_t *text)
{
    buf_printf(out, "$.%s == ", field);
    write_quoted(out, text);
}

typedef void text_fn(struct buf *out, const char *field, const json_t *text);

static bool write_text(struct reader *r, const json_t *term, text_fn *write)
{
    const char *field = text_of(term, "field");
    if (!field || !text_of(term, "text"))
        return false;
    write(r->out, field, json_object_get(term, "text"));
    return true;
}

static bool write_has(struct reader *r, const json_t *term)
{
    return write_text(r, term, write_part);
}

static bool write_is(struct reader *r, const json_t *term)
{
    return write_text(r, term, write_equal);
}

static bool write_word(struct reader *r, const json_t *term)
{
    static const char *const PARTS[] = { "recipient", "template", "error", "worker" };
    static const char *const IDS[] = { "job_id", "request_id" };
    const json_t *text = json_object_get(term, "text");
    if (!json_is_string(text))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        buf_cstr(r->out, i ? " || " : "(");
        write_part(r->out, PARTS[i], text);
    }
    for (size_t i = 0; i < ARRAY_LEN(IDS); i++) {
        buf_cstr(r->out, " || ");
        write_equal(r->out, IDS[i], text);
    }
    buf_char(r->out, ')');
    return true;
}

static int64_t bound(const json_t *term, const char *key, int64_t otherwise)
{
    const json_t *v = json_object_get(term, key);
    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

static bool write_within(struct reader *r, const json_t *term)
{
    const char *field = text_of(term, "field");
    if (!field)
        return false;
    buf_printf(r->out, "($.%s >= %lld && $.%s <= %lld)", field,
               (long long)bound(term, "min", INT64_MIN), field,
               (long long)bound(term, "max", INT64_MAX));
    return true;
}

static const struct {
    const char *op;
    bool (*write)(struct reader *r, const json_t *term);
} OPS[] = {
    { "and", write_and },       { "or", write_or }, { "not", write_not },
    { "has", write_has },       { "is", write_is }, { "word", write_word },
    { "within", write_within },
};

static bool write_one(struct reader *r)
{
    const json_t *term = json_array_get(r->list, r->at++);
    const char *op = text_of(term, "op");
    for (size_t i = 0; op && i < ARRAY_LEN(OPS); i++)
        if (strcmp(op, OPS[i].op) == 0)
            return OPS[i].write(r, term);
    return false;
}

bool job_where_text(const json_t *list, struct buf *out)
{
    struct reader r = { .list = list, .out = out };
    return write_one(&r) && r.at == json_array_size(list);
}
