#include "catalog/filter.h"

#include <string.h>

#include "base/jsonw.h"

enum { NUMERAL_MAX = 100, EXPONENT_DIGITS = 3, CATEGORIES_MAX = 100 };

static const char *const NOT_A_NUMBER = "Enter a number.";
static const char *const NOT_A_CHOICE =
    "Select a valid choice. That choice is not one of the available choices.";

/* ---- numerals ---------------------------------------------------------------- */

static size_t skip_digits(struct str *s)
{
    size_t n = 0;
    while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9')
        n++;
    s->p += n;
    s->n -= n;
    return n;
}

static bool skip_one(struct str *s, const char *of)
{
    if (s->n == 0 || !*s->p || !strchr(of, *s->p))
        return false;
    s->p++;
    s->n--;
    return true;
}

/* What Python's Decimal and Postgres' numeric both take; the exponent is bounded, so that
 * no numeral is worth a megabyte of zeros. */
static bool is_numeral(struct str s)
{
    if (s.n > NUMERAL_MAX)
        return false;
    skip_one(&s, "+-");
    size_t digits = skip_digits(&s);
    if (skip_one(&s, "."))
        digits += skip_digits(&s);
    if (digits == 0)
        return false;
    if (!skip_one(&s, "eE"))
        return s.n == 0;
    skip_one(&s, "+-");
    digits = skip_digits(&s);
    return s.n == 0 && digits > 0 && digits <= EXPONENT_DIGITS;
}

/* ---- one filter each --------------------------------------------------------- */

struct parse {
    struct arena *arena;
    struct catalog_filter *ret;
    struct jsonw errors;
    bool wrong;
};

static void refuse(struct parse *p, const char *field, const char *message)
{
    p->wrong = true;
    jw_key(&p->errors, field);
    jw_array(&p->errors);
    jw_str(&p->errors, str_of(message));
    jw_array_end(&p->errors);
}

static void price(struct parse *p, const char *field, struct str text, struct str *ret)
{
    text = str_trim(text);
    if (text.n == 0)
        return;
    if (is_numeral(text))
        *ret = text;
    else
        refuse(p, field, NOT_A_NUMBER);
}

static bool read_id(struct str text, int64_t *ret)
{
    return str_to_i64(str_trim(text), ret) && *ret > 0;
}

/* Ids of the list in *ret; how many there are, -1 when one is none. */
static int read_ids(struct str list, int64_t ret[static CATEGORIES_MAX])
{
    int n = 0;
    while (list.n > 0) {
        if (n == CATEGORIES_MAX || !read_id(str_cut(&list, ','), &ret[n]))
            return -1;
        n++;
    }
    return n;
}

static void set_categories(struct parse *p, const int64_t *ids, int n, int64_t only)
{
    int shown = 0;
    AUTO_BUF struct buf text;
    buf_init(&text, CATEGORIES_MAX * 24);
    buf_char(&text, '{');
    for (int i = 0; i < n; i++) {
        if (only != 0 && ids[i] != only)
            continue;
        buf_printf(&text, "%s%lld", shown++ ? "," : "", (long long)ids[i]);
        p->ret->category = ids[i];
    }
    buf_char(&text, '}');
    if (shown == 1)
        return;
    p->ret->category = 0;
    p->ret->categories = arena_dup(p->arena, buf_get(&text));
}

/* Both ask together for what is in both. */
static void categories(struct parse *p, const struct catalog_filter_input *in)
{
    int64_t ids[CATEGORIES_MAX], one = 0;
    struct str single = str_trim(in->category), list = str_trim(in->category_in);
    if (single.n > 0 && !read_id(single, &one))
        refuse(p, "category", NOT_A_CHOICE);
    int n = read_ids(list, ids);
    if (n < 0)
        refuse(p, "category__in", NOT_A_NUMBER);
    if (p->wrong)
        return;
    if (list.n > 0)
        set_categories(p, ids, n, one);
    else if (one > 0)
        set_categories(p, &one, 1, 0);
}

bool catalog_filter_parse(const struct catalog_filter_input *in, struct arena *a,
                          struct catalog_filter *ret, struct buf *errors)
{
    struct parse p = { .arena = a, .ret = ret };
    *ret = (struct catalog_filter){ 0 };
    jw_begin(&p.errors, errors);
    jw_object(&p.errors);
    categories(&p, in);
    price(&p, "price__gte", in->price_gte, &ret->price_gte);
    price(&p, "price__lte", in->price_lte, &ret->price_lte);
    jw_object_end(&p.errors);
    jw_end(&p.errors);
    struct str creator = str_trim(in->created_by);
    if (creator.n > 0)
        ret->created_by = creator;
    ret->others = ret->price_gte.p || ret->price_lte.p || ret->created_by.p;
    ret->any = ret->others || ret->categories.p || ret->category > 0;
    return !p.wrong;
}
