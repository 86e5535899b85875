/*
 * The request schemas of the contracts and the one validator, which speaks with the
 * messages of the original API (Django REST framework): every failing field at once.
 *
 * Subset of JSON Schema (any other keyword is a load error): type (string, integer,
 * boolean, object, array, null in a list), properties, required, enum, const, minLength,
 * maxLength, minimum, maximum, items, minItems, maxItems, format, default, readOnly,
 * writeOnly, description, examples, $ref to "#/types/...".
 * format: decimal (with x-digits, x-places), email, username, date-time, uuid, pk
 * (an integer key, also accepted as digits in a string). x-trim: false keeps blanks.
 * x-blank: true allows "". x-messages: {"rule": "text"} replaces a message.
 */
#ifndef LIB_SVC_SCHEMA_H
#define LIB_SVC_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

struct schema;

enum value_kind {
    VALUE_ABSENT,
    VALUE_NULL,
    VALUE_STR,
    VALUE_INT,
    VALUE_BOOL,
    VALUE_JSON
};

/* A checked field. s is set for strings, decimals (canonical text "12.50"), e-mails...
 * i for integers, keys and booleans; json for arrays and objects. */
struct value {
    enum value_kind kind;
    struct str s;
    int64_t i;
    const json_t *json;
};

struct values {
    const struct schema *schema;
    struct value *v; /* one per property, in schema order */
};

/* Compiles an object schema; root resolves "$ref": "#/types/x". NULL with *ret_why (heap;
 * free) on an unknown keyword or a contradiction. Lives until schema_free. */
struct schema *schema_compile(const json_t *def, const json_t *root, char **ret_why);
void schema_free(struct schema **s);

enum schema_mode {
    SCHEMA_FULL,    /* required fields must be there (POST, PUT) */
    SCHEMA_PARTIAL, /* none is required (PATCH) */
};

/* Checks a parsed body. True: *ret holds the values, memory from the arena. False: the
 * field errors are in `errors` as the JSON object of the envelope's details
 * ({"price":["A valid number is required."]}). Unknown members are ignored, readOnly
 * ones too. `in` must outlive ret. */
bool schema_check(const struct schema *s, const json_t *in, enum schema_mode mode,
                  struct arena *a, struct values *ret, struct buf *errors);
/* The value of a property; a name the schema lacks is our bug. */
const struct value *values_get(const struct values *v, const char *name);
/* True when the name was in the input (null included). */
bool values_has(const struct values *v, const char *name);

/* What the format "username" takes, lengths aside: letters, numbers and @.+-_, none of
 * them invisible. Also asked of a name after its normalisation. */
bool username_is_valid(struct str name);

/* The schema's own JSON, borrowed (documents are projections of it). */
const json_t *schema_json(const struct schema *s);

#endif
