/* Identifiers and times, and the table of all formats. */
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "svc/schema_internal.h"

static bool parse_uuid(struct str s, uint8_t id[static 16])
{
    return id_uuid_parse(s, id) || hex_decode(s, id, 16);
}

void format_uuid(const struct check *c, const struct schema *s, const json_t *in,
                 struct value *ret, struct messages *m)
{
    uint8_t id[16];
    char text[ID_UUID_TEXT];
    (void)s;
    *ret = (struct value){ .kind = VALUE_STR };
    struct str given = { json_string_value(in), json_string_length(in) };
    if (!json_is_string(in) || !parse_uuid(text_trim(given), id))
        message_add(m, "invalid", "Must be a valid UUID.");
    else
        ret->s = arena_dup(c->arena, str_of(id_uuid_text(id, text)));
}

/* --- date and time: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z] ----------------- */

struct reader {
    struct str rest;
    bool bad;
};

static bool next_is(struct reader *r, const char *any_of)
{
    if (r->bad || r->rest.n == 0 || !r->rest.p[0] || !strchr(any_of, r->rest.p[0]))
        return false;
    r->rest = (struct str){ r->rest.p + 1, r->rest.n - 1 };
    return true;
}

static void expect(struct reader *r, const char *any_of)
{
    r->bad |= !next_is(r, any_of);
}

static int digits(struct reader *r, unsigned n, int least, int most)
{
    int v = 0;
    while (n-- > 0) {
        int digit = r->rest.n > 0 ? r->rest.p[0] - '0' : -1;
        expect(r, "0123456789");
        if (r->bad)
            return least;
        v = v * 10 + digit;
    }
    r->bad |= v < least || v > most;
    return v;
}

static int days_in(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static void read_date(struct reader *r)
{
    int year = digits(r, 4, 1, 9999);
    expect(r, "-");
    int month = digits(r, 2, 1, 12);
    expect(r, "-");
    if (!r->bad)
        digits(r, 2, 1, days_in(year, month));
}

static void read_seconds(struct reader *r)
{
    digits(r, 2, 0, 59);
    if (!next_is(r, "."))
        return;
    unsigned n = 0;
    while (next_is(r, "0123456789"))
        n++;
    r->bad |= n < 1 || n > 6;
}

static void read_zone(struct reader *r)
{
    if (r->rest.n == 0 || next_is(r, "Zz"))
        return;
    expect(r, "+-");
    digits(r, 2, 0, 23);
    expect(r, ":");
    digits(r, 2, 0, 59);
}

static bool is_date_time(struct str s)
{
    struct reader r = { .rest = s };
    read_date(&r);
    expect(&r, "Tt ");
    digits(&r, 2, 0, 23);
    expect(&r, ":");
    digits(&r, 2, 0, 59);
    if (next_is(&r, ":"))
        read_seconds(&r);
    read_zone(&r);
    return !r.bad && r.rest.n == 0;
}

void format_date_time(const struct check *c, const struct schema *s, const json_t *in,
                      struct value *ret, struct messages *m)
{
    (void)c, (void)s;
    struct str given = { json_string_value(in), json_string_length(in) };
    *ret = (struct value){ .kind = VALUE_STR, .s = text_trim(given) };
    if (!json_is_string(in) || !is_date_time(ret->s))
        message_add(m, "invalid",
                    "Datetime has wrong format. Use one of these formats instead: "
                    "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].");
}

/* --- the table ---------------------------------------------------------------------- */

static const struct format FORMATS[] = {
    { "decimal", TYPE_STRING, format_decimal },
    { "email", TYPE_STRING, format_email },
    { "username", TYPE_STRING, format_username },
    { "date-time", TYPE_STRING, format_date_time },
    { "uuid", TYPE_STRING, format_uuid },
    { "pk", TYPE_INTEGER, format_pk },
};

const struct format *format_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(FORMATS); i++)
        if (strcmp(FORMATS[i].name, name) == 0)
            return &FORMATS[i];
    return NULL;
}
