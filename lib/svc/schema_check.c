#include "svc/schema_internal.h"

#include <string.h>

#include "base/jsonw.h"
#include "base/mem.h"

static bool check_object(const struct check *c, const struct schema *s, const json_t *in,
                         struct values *ret, struct buf *errors);
static void check_value(const struct check *c, const struct schema *s, const json_t *in,
                        struct value *ret, struct buf *errors);

/* --- messages ---------------------------------------------------------------------- */

void message_add(struct messages *m, const char *rule, const char *text)
{
    const char *own = json_string_value(json_object_get(m->schema->messages, rule));
    if (m->n < MESSAGES_MAX)
        m->text[m->n++] = own ? own : text;
}

static void write_message(struct jsonw *w, const char *text)
{
    jw_str(w, str_of(text));
}

/* As a JSON list; nothing when there are none. */
static void messages_write(const struct messages *m, struct buf *errors)
{
    struct jsonw w;
    if (m->n == 0)
        return;
    jw_begin(&w, errors);
    jw_array(&w);
    for (unsigned i = 0; i < m->n; i++)
        write_message(&w, m->text[i]);
    jw_array_end(&w);
    jw_end(&w);
}

static void one_message(const struct schema *s, const char *rule, const char *text,
                        struct buf *errors)
{
    struct messages m = { .schema = s };
    message_add(&m, rule, text);
    messages_write(&m, errors);
}

/* Appends `"key":value` to an object that is being collected without its braces. */
static void add_member(struct buf *out, struct str key, struct str value)
{
    if (out->n > 0)
        buf_char(out, ',');
    buf_char(out, '"');
    json_escape(out, key);
    buf_cstr(out, "\":");
    buf_str(out, value);
}

static void add_braces(struct buf *out, const struct buf *members)
{
    buf_char(out, '{');
    buf_str(out, buf_get(members));
    buf_char(out, '}');
    out->overflow |= members->overflow;
}

/* --- single values ----------------------------------------------------------------- */

/* A NUL that a client hid in a list or an object never reaches a handler. */
static bool has_nul(const json_t *v)
{
    const char *key;
    json_t *one;
    size_t i;
    if (json_is_string(v))
        return memchr(json_string_value(v), '\0', json_string_length(v)) != NULL;
    json_array_foreach(v, i, one) if (has_nul(one)) return true;
    json_object_foreach((json_t *)(uintptr_t)v, key, one) if (has_nul(one)) return true;
    return false;
}

static void check_items(const struct check *c, const struct schema *s, const json_t *in,
                        struct buf *errors)
{
    AUTO_BUF struct buf all = { .max = errors->max };
    json_t *one;
    size_t i;
    if (!s->items)
        return;
    json_array_foreach(in, i, one)
    {
        AUTO_BUF struct buf item = { .max = errors->max };
        struct value ignored;
        char index[24];
        check_value(c, s->items, one, &ignored, &item);
        snprintf(index, sizeof index, "%zu", i);
        if (item.n > 0)
            add_member(&all, str_of(index), buf_get(&item));
    }
    if (all.n > 0)
        add_braces(errors, &all);
}

static void check_list(const struct check *c, const struct schema *s, const json_t *in,
                       struct value *ret, struct buf *errors)
{
    struct messages m = { .schema = s };
    size_t n = json_array_size(in);
    *ret = (struct value){ .kind = VALUE_JSON, .json = in };
    if (!json_is_array(in))
        message_add(&m, "not_a_list",
                    arena_printf(c->arena,
                                 "Expected a list of items but got type \"%s\".",
                                 value_type_name(in)));
    else if (n < s->min_length)
        message_add(&m, "min_length",
                    arena_printf(c->arena, "Ensure this field has at least %zu elements.",
                                 s->min_length));
    else if (s->max_length && n > s->max_length)
        message_add(&m, "max_length",
                    arena_printf(c->arena,
                                 "Ensure this field has no more than %zu elements.",
                                 s->max_length));
    else if (!s->items && has_nul(in))
        message_add(&m, "null_characters_not_allowed",
                    "Null characters are not allowed.");
    messages_write(&m, errors);
    if (m.n == 0)
        check_items(c, s, in, errors);
}

/* An object whose members the schema does not name is taken as it is. */
static void check_free_object(const struct check *c, const struct schema *s,
                              const json_t *in, struct buf *errors)
{
    if (!json_is_object(in))
        one_message(s, "not_a_dict",
                    arena_printf(c->arena,
                                 "Expected a dictionary of items but got type \"%s\".",
                                 value_type_name(in)),
                    errors);
    else if (has_nul(in))
        one_message(s, "null_characters_not_allowed", "Null characters are not allowed.",
                    errors);
}

static void check_nested(const struct check *c, const struct schema *s, const json_t *in,
                         struct value *ret, struct buf *errors)
{
    struct values ignored;
    *ret = (struct value){ .kind = VALUE_JSON, .json = in };
    if (s->nfields == 0)
        check_free_object(c, s, in, errors);
    else
        check_object(c, s, in, &ignored, errors);
}

static bool is_choice(const struct schema *s, struct str text, struct arena *a)
{
    const json_t *one;
    size_t i;
    json_array_foreach(s->choices, i,
                       one) if (str_eq(value_text(one, a), text)) return true;
    return false;
}

static void check_choice(const struct check *c, const struct schema *s, const json_t *in,
                         struct value *ret, struct messages *m)
{
    enum { ECHO_MAX = 200 };
    struct str text = value_text(in, c->arena);
    if (is_choice(s, text, c->arena)) {
        int64_t i = json_integer_value(in);
        bool integer =
            s->type == TYPE_INTEGER && (json_is_integer(in) || str_to_i64(text, &i));
        *ret =
            (struct value){ .kind = integer ? VALUE_INT : VALUE_STR, .s = text, .i = i };
        return;
    }
    /* Cut at a character's start, so that the message stays UTF-8. */
    size_t n = text.n < ECHO_MAX ? text.n : ECHO_MAX;
    while (n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--;
    const char *echo = text.p ? text.p : "";
    message_add(m, "invalid_choice",
                arena_printf(c->arena, "\"%.*s\" is not a valid choice.", (int)n, echo));
}

static format_fn *plain_check(const struct schema *s)
{
    if (s->choices)
        return check_choice;
    if (s->format)
        return s->format->fn;
    if (s->type == TYPE_INTEGER)
        return check_integer;
    return s->type == TYPE_BOOLEAN ? check_boolean : check_string;
}

static void check_value(const struct check *c, const struct schema *s, const json_t *in,
                        struct value *ret, struct buf *errors)
{
    *ret = (struct value){ .kind = VALUE_NULL };
    if (json_is_null(in)) {
        if (!s->nullable)
            one_message(s, "null", "This field may not be null.", errors);
        return;
    }
    if (s->type == TYPE_OBJECT) {
        check_nested(c, s, in, ret, errors);
        return;
    }
    if (s->type == TYPE_ARRAY) {
        check_list(c, s, in, ret, errors);
        return;
    }
    struct messages m = { .schema = s };
    plain_check(s)(c, s, in, ret, &m);
    messages_write(&m, errors);
}

/* --- objects ----------------------------------------------------------------------- */

/* A blank field of a form that needs no value was left out by the person. */
static bool left_blank(const struct check *c, const struct schema_field *f,
                       const json_t *in)
{
    if (c->input == INPUT_JSON || !json_is_string(in) || json_string_length(in) > 0)
        return false;
    bool text =
        f->schema->type == TYPE_STRING && !f->schema->format && !f->schema->choices;
    if (c->input == INPUT_QUERY)
        return !text;
    return !f->required && !f->schema->blank;
}

static void take_default(const struct schema *s, struct value *ret)
{
    const json_t *d = s->def;
    if (!d)
        return;
    if (json_is_string(d))
        *ret = (struct value){ .kind = VALUE_STR,
                               .s = { json_string_value(d), json_string_length(d) } };
    else if (json_is_integer(d))
        *ret = (struct value){ .kind = VALUE_INT, .i = json_integer_value(d) };
    else if (json_is_boolean(d))
        *ret = (struct value){ .kind = VALUE_BOOL, .i = json_is_true(d) };
    else
        *ret = (struct value){ .kind = json_is_null(d) ? VALUE_NULL : VALUE_JSON,
                               .json = d };
}

/* True when the field was in the input. */
static bool check_field(const struct check *c, const struct schema_field *f,
                        const json_t *in, struct value *ret, struct buf *errors)
{
    const json_t *v = f->schema->read_only ? NULL : json_object_get(in, f->name);
    if (v && !left_blank(c, f, v)) {
        check_value(c, f->schema, v, ret, errors);
        return true;
    }
    *ret = (struct value){ .kind = VALUE_ABSENT };
    if (c->mode == SCHEMA_PARTIAL || f->schema->read_only)
        return false;
    take_default(f->schema, ret);
    if (f->required)
        one_message(f->schema, "required", "This field is required.", errors);
    return false;
}

static bool not_an_object(const struct check *c, const json_t *in, struct buf *errors)
{
    const char *text = "No data provided";
    if (!json_is_null(in))
        text = arena_printf(c->arena, "Invalid data. Expected a dictionary, but got %s.",
                            value_type_name(in));
    AUTO_BUF struct buf list = { .max = errors->max };
    one_message(&(struct schema){ 0 }, "invalid", text, &list);
    AUTO_BUF struct buf all = { .max = errors->max };
    add_member(&all, STR("non_field_errors"), buf_get(&list));
    add_braces(errors, &all);
    return false;
}

static bool *presence(const struct values *v)
{
    return (bool *)(v->v + v->schema->nfields);
}

static bool check_object(const struct check *c, const struct schema *s, const json_t *in,
                         struct values *ret, struct buf *errors)
{
    if (!json_is_object(in))
        return not_an_object(c, in, errors);
    /* The flags of what was in the input stand behind the values. */
    size_t room = s->nfields * (sizeof(struct value) + sizeof(bool));
    *ret = (struct values){ .schema = s, .v = arena_alloc(c->arena, room) };
    AUTO_BUF struct buf all = { .max = errors->max };
    for (unsigned i = 0; i < s->nfields; i++) {
        AUTO_BUF struct buf one = { .max = errors->max };
        presence(ret)[i] = check_field(c, &s->fields[i], in, &ret->v[i], &one);
        if (one.n > 0)
            add_member(&all, str_of(s->fields[i].name), buf_get(&one));
    }
    if (all.n == 0)
        return true;
    add_braces(errors, &all);
    return false;
}

bool schema_check_input(const struct schema *s, const json_t *in, const struct check *c,
                        struct values *ret, struct buf *errors)
{
    return check_object(c, s, in, ret, errors);
}

bool schema_check(const struct schema *s, const json_t *in, enum schema_mode mode,
                  struct arena *a, struct values *ret, struct buf *errors)
{
    const struct check c = { .arena = a, .mode = mode };
    return check_object(&c, s, in, ret, errors);
}

static unsigned index_of(const struct values *v, const char *name)
{
    for (unsigned i = 0; i < v->schema->nfields; i++)
        if (strcmp(v->schema->fields[i].name, name) == 0)
            return i;
    BUG("a value is asked for that the schema lacks");
}

const struct value *values_get(const struct values *v, const char *name)
{
    return &v->v[index_of(v, name)];
}

bool values_has(const struct values *v, const char *name)
{
    return presence(v)[index_of(v, name)];
}
