/*
 * What the compiler and the checker of schemas share. Private to schema_*.c and
 * format_*.c.
 */
#ifndef LIB_SVC_SCHEMA_INTERNAL_H
#define LIB_SVC_SCHEMA_INTERNAL_H

#include "svc/schema.h"

enum schema_type {
    TYPE_STRING = 1,
    TYPE_INTEGER = 2,
    TYPE_BOOLEAN = 4,
    TYPE_OBJECT = 8,
    TYPE_ARRAY = 16,
    TYPE_NULL = 32,
};

struct check;
struct format;

struct schema_field {
    const char *name;
    struct schema *schema;
    bool required;
};

struct schema {
    json_t *json;  /* owned reference */
    unsigned type; /* one bit of enum schema_type */
    bool nullable;
    const struct format *format; /* NULL: none */
    struct schema_field *fields;
    unsigned nfields;
    struct schema *items;
    const json_t *choices; /* enum or const, as an array; NULL: none */
    json_t *const_choice;  /* the array made for const; owned */
    const json_t *messages;
    const json_t *def;
    size_t min_length, max_length; /* code points, or elements of an array */
    bool has_min, has_max;
    int64_t min, max;
    unsigned digits, places;
    bool keep_blanks, blank, read_only;
};

/* How the input came: HTML forms and queries send text only and leave blanks. */
enum input_kind { INPUT_JSON, INPUT_FORM, INPUT_QUERY };

/* One run of the checker. */
struct check {
    struct arena *arena;
    enum schema_mode mode;
    enum input_kind input;
};

/* As schema_check, for any kind of input. */
bool schema_check_input(const struct schema *s, const json_t *in, const struct check *c,
                        struct values *ret, struct buf *errors);

/* The messages of one value, collected before they are written. */
enum { MESSAGES_MAX = 6 };
struct messages {
    const struct schema *schema;
    const char *text[MESSAGES_MAX];
    unsigned n;
};

/* Adds a rule's message: the schema's own text (x-messages) or the default given. */
void message_add(struct messages *m, const char *rule, const char *text);
/* The name of a value's type as the original's framework prints it: "str", "dict"... */
const char *value_type_name(const json_t *v);
/* A scalar as the original's framework turns it into text ("1.5", "True"); other kinds
 * as compact JSON. Memory of the arena or of v. */
struct str value_text(const json_t *v, struct arena *a);
/* Without the Unicode white space at both ends. */
struct str text_trim(struct str s);

/* A format sees a value that is not null and fills ret, or adds messages. */
typedef void format_fn(const struct check *c, const struct schema *s, const json_t *in,
                       struct value *ret, struct messages *m);
struct format {
    const char *name;
    unsigned type; /* the one it belongs to */
    format_fn *fn;
};

/* The format of that name; NULL when there is none. */
const struct format *format_find(const char *name);

/* Reads a string value and applies trimming, blank, lengths, NUL and surrogates. False
 * when the value is no string or blank: the answer is complete then. */
bool text_read(const struct check *c, const struct schema *s, const json_t *in,
               struct value *ret, struct messages *m);
/* Only the rules on a text that was read: lengths, NUL, surrogates. */
void text_rules(const struct check *c, const struct schema *s, struct str text,
                struct messages *m);

format_fn format_username, format_email, format_decimal, format_pk, format_uuid;
format_fn format_date_time;
/* The plain types. */
format_fn check_string, check_integer, check_boolean;

/* The bounds of minimum and maximum. */
void number_bounds(const struct check *c, const struct schema *s, int64_t v,
                   struct messages *m);
/* The shortest text that reads back as the same double, as Python prints it. */
enum { NUMBER_TEXT = 48 };
char *number_text(double v, char out[static NUMBER_TEXT]);

#endif
