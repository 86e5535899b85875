/* Numbers: integers, keys, booleans and decimals, from JSON or text. */
#include <stdio.h>
#include <string.h>
#include <unictype.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "svc/schema_internal.h"

enum { TEXT_MAX = 1000 };

/* --- text of a number -------------------------------------------------------------- */

/* The shortest digits that read back as v: "d" or "d.ddd", and the decimal exponent. */
static int shortest(double v, char out[static 32])
{
    for (int precision = 0; precision < 17; precision++) {
        snprintf(out, 32, "%.*e", precision, v);
        if (strtod(out, NULL) == v)
            break;
    }
    char *e = strchr(out, 'e');
    if (!e)
        return 0;
    *e = '\0';
    return (int)strtol(e + 1, NULL, 10);
}

/* Digits without their point and sign; returns how many. */
static int bare_digits(const char *from, char out[static 32])
{
    int n = 0;
    for (; *from; from++)
        if (*from >= '0' && *from <= '9')
            out[n++] = *from;
    out[n] = '\0';
    return n;
}

char *number_text(double v, char out[static NUMBER_TEXT])
{
    char mantissa[32], digits[32];
    int exponent = shortest(v, mantissa);
    const char *sign = mantissa[0] == '-' ? "-" : "";
    int n = bare_digits(mantissa, digits);
    if (exponent < -4 || exponent >= 16)
        snprintf(out, NUMBER_TEXT, "%.24se%+03d", mantissa, exponent);
    else if (exponent < 0)
        snprintf(out, NUMBER_TEXT, "%s0.%.*s%.18s", sign, -exponent - 1, "000", digits);
    else if (exponent >= n - 1)
        snprintf(out, NUMBER_TEXT, "%s%.18s%.*s.0", sign, digits, exponent - n + 1,
                 "0000000000000000");
    else
        snprintf(out, NUMBER_TEXT, "%s%.*s.%.17s", sign, exponent + 1, digits,
                 digits + exponent + 1);
    return out;
}

struct str value_text(const json_t *v, struct arena *a)
{
    char number[NUMBER_TEXT];
    switch (json_typeof(v)) {
    case JSON_STRING:
        return (struct str){ json_string_value(v), json_string_length(v) };
    case JSON_INTEGER:
        return str_of(arena_printf(a, "%lld", (long long)json_integer_value(v)));
    case JSON_REAL:
        return str_of(arena_printf(a, "%s", number_text(json_real_value(v), number)));
    case JSON_TRUE:
        return STR("True");
    case JSON_FALSE:
        return STR("False");
    case JSON_NULL:
        return STR("None");
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    AUTO_FREE char *text = json_dumps(v, JSON_COMPACT);
    return str_of(arena_printf(a, "%.400s", text ? text : ""));
}

const char *value_type_name(const json_t *v)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "dict", [JSON_ARRAY] = "list",    [JSON_STRING] = "str",
        [JSON_INTEGER] = "int", [JSON_REAL] = "float",    [JSON_TRUE] = "bool",
        [JSON_FALSE] = "bool",  [JSON_NULL] = "NoneType",
    };
    return names[json_typeof(v)];
}

/* --- integers ---------------------------------------------------------------------- */

enum parsed { PARSED, NO_NUMBER, TOO_SMALL, TOO_LARGE };

static enum parsed parse_integer(struct str s, int64_t *ret)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    int64_t v = 0;
    bool over = false;
    if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '+'))
        s = (struct str){ s.p + 1, s.n - 1 };
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return NO_NUMBER;
        int digit = s.p[i] - '0';
        over |= __builtin_mul_overflow(v, 10, &v) ||
                (negative ? __builtin_sub_overflow(v, digit, &v)
                          : __builtin_add_overflow(v, digit, &v));
    }
    *ret = v;
    if (over)
        return negative ? TOO_SMALL : TOO_LARGE;
    return s.n > 0 ? PARSED : NO_NUMBER;
}

/* "5.0" and "5." are the integer 5. */
static struct str without_zero_fraction(struct str s)
{
    size_t n = s.n;
    while (n > 0 && s.p[n - 1] == '0')
        n--;
    if (n > 0 && s.p[n - 1] == '.')
        s.n = n - 1;
    return s;
}

static void too_small(const struct check *c, const struct schema *s, struct messages *m)
{
    message_add(m, "min_value",
                arena_printf(c->arena,
                             "Ensure this value is greater than or equal to %lld.",
                             (long long)s->min));
}

static void too_large(const struct check *c, const struct schema *s, struct messages *m)
{
    message_add(m, "max_value",
                arena_printf(c->arena, "Ensure this value is less than or equal to %lld.",
                             (long long)s->max));
}

void number_bounds(const struct check *c, const struct schema *s, int64_t v,
                   struct messages *m)
{
    if (s->has_max && v > s->max)
        too_large(c, s, m);
    if (s->has_min && v < s->min)
        too_small(c, s, m);
}

void check_integer(const struct check *c, const struct schema *s, const json_t *in,
                   struct value *ret, struct messages *m)
{
    struct str text = text_trim(value_text(in, c->arena));
    int64_t v = 0;
    if (text.n > TEXT_MAX) {
        message_add(m, "max_string_length", "String value too large.");
        return;
    }
    enum parsed p = parse_integer(without_zero_fraction(text), &v);
    if (p == TOO_LARGE && s->has_max)
        too_large(c, s, m);
    else if (p == TOO_SMALL && s->has_min)
        too_small(c, s, m);
    else if (p != PARSED)
        message_add(m, "invalid", "A valid integer is required.");
    else
        number_bounds(c, s, v, m);
    *ret = (struct value){ .kind = VALUE_INT, .i = v };
}

/* A key that no row can have is answered like one that no row has. */
static void no_such_key(const struct check *c, struct str text, struct messages *m)
{
    enum { ECHO_MAX = 60 };
    int n = (int)(text.n < ECHO_MAX ? text.n : ECHO_MAX);
    message_add(m, "does_not_exist",
                arena_printf(c->arena, "Invalid pk \"%.*s\" - object does not exist.", n,
                             text.p));
}

void format_pk(const struct check *c, const struct schema *s, const json_t *in,
               struct value *ret, struct messages *m)
{
    *ret = (struct value){ .kind = VALUE_INT, .i = json_integer_value(in) };
    if (json_is_integer(in))
        return;
    struct str text = { json_string_value(in), json_string_length(in) };
    if (json_is_string(in) && text.n == 0) {
        ret->kind = VALUE_NULL;
        if (!s->nullable)
            message_add(m, "null", "This field may not be null.");
        return;
    }
    enum parsed p = parse_integer(text_trim(text), &ret->i);
    if (p == NO_NUMBER)
        message_add(m, "incorrect_type",
                    arena_printf(c->arena,
                                 "Incorrect type. Expected pk value, received %s.",
                                 value_type_name(in)));
    else if (p != PARSED)
        no_such_key(c, text_trim(text), m);
}

/* --- booleans ---------------------------------------------------------------------- */

static bool is_one_of(struct str text, const char *const *words)
{
    for (; *words; words++)
        if (str_eq_ci(text, str_of(*words)))
            return true;
    return false;
}

void check_boolean(const struct check *c, const struct schema *s, const json_t *in,
                   struct value *ret, struct messages *m)
{
    static const char *const yes[] = { "true", "t", "yes", "y", "on", "1", NULL };
    static const char *const no[] = { "false", "f", "no", "n", "off", "0", NULL };
    (void)s;
    struct str text = text_trim(value_text(in, c->arena));
    if (json_is_real(in))
        text = without_zero_fraction(text);
    *ret = (struct value){ .kind = VALUE_BOOL, .i = is_one_of(text, yes) };
    bool scalar = !json_is_array(in) && !json_is_object(in);
    if (!scalar || (!ret->i && !is_one_of(text, no)))
        message_add(m, "invalid", "Must be a valid boolean.");
}

/* --- decimals ---------------------------------------------------------------------- */

/* (-1)^negative * digits * 10^exponent; digits have no leading zeros but one. */
struct decimal {
    bool negative;
    char digits[TEXT_MAX + 1];
    size_t n;
    int64_t exponent;
};

static size_t take_digits(struct str *s, struct decimal *d)
{
    size_t i = 0;
    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++)
        if (d->n > 0 || s->p[i] != '0')
            d->digits[d->n++] = s->p[i];
    *s = (struct str){ s->p + i, s->n - i };
    return i;
}

static bool take(struct str *s, const char *any_of)
{
    if (s->n == 0 || !s->p[0] || !strchr(any_of, s->p[0]))
        return false;
    *s = (struct str){ s->p + 1, s->n - 1 };
    return true;
}

/* A decimal digit of any script (Nd), as Python reads them; anything else as it is. */
static char plain_char(int32_t cp)
{
    int digit = cp < 0 ? -1 : uc_decimal_value((ucs4_t)cp);
    if (digit >= 0)
        return (char)('0' + digit);
    return cp > 0 && cp < 0x80 ? (char)cp : '?';
}

/* A numeral in ASCII and without the underscores that Python lets group its digits. */
static struct str plain_numeral(struct arena *a, struct str text)
{
    char *plain = arena_alloc(a, text.n + 1);
    size_t n = 0;
    while (text.n > 0) {
        size_t step = 1; /* over a byte that is no UTF-8 */
        int32_t cp = utf8_next(text, &step);
        if (cp != '_')
            plain[n++] = plain_char(cp);
        text = (struct str){ text.p + step, text.n - step };
    }
    return (struct str){ plain, n };
}

/* The exponent of "1e3", far enough from overflow to be reckoned with. */
static bool parse_exponent(struct str s, int64_t *ret)
{
    const int64_t most = INT64_MAX / 4;
    enum parsed p = parse_integer(s, ret);
    if (p == TOO_LARGE || (p == PARSED && *ret > most))
        *ret = most;
    else if (p == TOO_SMALL || (p == PARSED && *ret < -most))
        *ret = -most;
    return p != NO_NUMBER;
}

/* What Python's decimal can hold at all: MAX_EMAX and MIN_ETINY of its 64-bit form. */
static bool is_representable(const struct decimal *d)
{
    const int64_t largest = 999999999999999999, smallest = -1999999999999999997;
    return d->exponent + (int64_t)d->n - 1 <= largest && d->exponent >= smallest;
}

static bool parse_decimal(struct str s, struct decimal *d)
{
    d->negative = s.n > 0 && s.p[0] == '-';
    d->n = 0;
    d->exponent = 0;
    take(&s, "+-");
    size_t count = take_digits(&s, d), fraction = 0;
    if (take(&s, "."))
        fraction = take_digits(&s, d);
    if (count + fraction == 0)
        return false;
    if (take(&s, "eE")) {
        if (!parse_exponent(s, &d->exponent))
            return false;
    } else if (s.n > 0) {
        return false;
    }
    d->exponent -= (int64_t)fraction;
    if (d->n == 0)
        d->digits[d->n++] = '0';
    d->digits[d->n] = '\0';
    return is_representable(d);
}

/* The three limits in the original's order; false when one is broken. */
static bool check_precision(const struct check *c, const struct schema *s,
                            const struct decimal *d, struct messages *m)
{
    int64_t n = (int64_t)d->n, e = d->exponent;
    int64_t places = e < 0 ? -e : 0;
    int64_t total = e >= 0 ? n + e : (n > places ? n : places);
    int64_t whole = total - places;
    int64_t room = (int64_t)s->digits - s->places;
    if (total > s->digits)
        message_add(m, "max_digits",
                    arena_printf(c->arena,
                                 "Ensure that there are no more than %u digits in total.",
                                 s->digits));
    else if (places > s->places)
        message_add(m, "max_decimal_places",
                    arena_printf(c->arena,
                                 "Ensure that there are no more than %u decimal places.",
                                 s->places));
    else if (whole > room)
        message_add(m, "max_whole_digits",
                    arena_printf(c->arena,
                                 "Ensure that there are no more than %lld digits before "
                                 "the decimal point.",
                                 (long long)room));
    return m->n == 0;
}

static int64_t power_of_ten(int64_t n)
{
    int64_t v = 1;
    while (n-- > 0)
        v *= 10;
    return v;
}

/* The value in units of the last place: fits, because precision was checked. */
static int64_t scaled(const struct decimal *d, const struct schema *s)
{
    int64_t v = 0;
    parse_integer((struct str){ d->digits, d->n }, &v);
    if (v == 0)
        return 0;
    v *= power_of_ten(d->exponent + s->places);
    return d->negative ? -v : v;
}

static void decimal_bounds(const struct check *c, const struct schema *s, int64_t units,
                           struct messages *m)
{
    int64_t one = power_of_ten(s->places), bound;
    if (s->has_max && !__builtin_mul_overflow(s->max, one, &bound) && units > bound)
        too_large(c, s, m);
    if (s->has_min && !__builtin_mul_overflow(s->min, one, &bound) && units < bound)
        too_small(c, s, m);
}

static struct str canonical(const struct check *c, const struct schema *s, int64_t units)
{
    int64_t one = power_of_ten(s->places);
    const char *sign = units < 0 ? "-" : "";
    long long whole = units / one, rest = units % one;
    if (s->places == 0)
        return str_of(arena_printf(c->arena, "%lld", whole));
    return str_of(arena_printf(c->arena, "%s%lld.%0*lld", sign,
                               whole < 0 ? -whole : whole, (int)s->places,
                               rest < 0 ? -rest : rest));
}

void format_decimal(const struct check *c, const struct schema *s, const json_t *in,
                    struct value *ret, struct messages *m)
{
    struct decimal d;
    struct str text = text_trim(value_text(in, c->arena));
    *ret = (struct value){ .kind = VALUE_STR, .s = text };
    if (utf8_len(text) > TEXT_MAX) {
        message_add(m, "max_string_length", "String value too large.");
        return;
    }
    bool number = json_is_string(in) || json_is_number(in);
    if (!number || !parse_decimal(plain_numeral(c->arena, text), &d)) {
        message_add(m, "invalid", "A valid number is required.");
        return;
    }
    if (s->digits == 0 || !check_precision(c, s, &d, m))
        return;
    int64_t units = scaled(&d, s);
    ret->s = canonical(c, s, units);
    decimal_bounds(c, s, units, m);
}
