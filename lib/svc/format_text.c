/* Plain text, user names, and what every text rule shares. */
#include <string.h>
#include <uninorm.h>
#include <unictype.h>
#include <unistr.h>

#include "base/utf8.h"
#include "svc/schema_internal.h"

/* A surrogate half that stood alone in a body arrives as NUL and U+10D800..U+10DFFF
 * (body_json.c): no text with a NUL is ever accepted, so nothing legal looks like it. */
enum { LONE_FIRST = 0x10d800, LONE_LAST = 0x10dfff, LONE_SHIFT = 0x100000 };

static bool is_space(int32_t cp)
{
    return (cp >= 0x09 && cp <= 0x0d) || (cp >= 0x1c && cp <= 0x20) || cp == 0x85 ||
           cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x2028 ||
           cp == 0x2029 || cp == 0x202f || cp == 0x205f || cp == 0x3000;
}

struct str text_trim(struct str s)
{
    size_t n;
    int32_t cp;
    while ((cp = utf8_next(s, &n)) >= 0 && is_space(cp))
        s = (struct str){ s.p + n, s.n - n };
    while (s.n > 0) {
        size_t at = s.n - 1;
        while (at > 0 && ((unsigned char)s.p[at] & 0xc0) == 0x80)
            at--;
        if (!is_space(utf8_next((struct str){ s.p + at, s.n - at }, &n)))
            break;
        s.n = at;
    }
    return s;
}

/* The code point after a NUL, when the pair stands for a lone surrogate; else 0. */
static int32_t lone_surrogate(struct str after_nul)
{
    size_t n;
    int32_t cp = utf8_next(after_nul, &n);
    return cp >= LONE_FIRST && cp <= LONE_LAST ? cp - LONE_SHIFT : 0;
}

static void forbidden_characters(const struct check *c, struct str text,
                                 struct messages *m)
{
    int32_t surrogate = 0;
    bool nul = false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != '\0')
            continue;
        int32_t found = lone_surrogate((struct str){ text.p + i + 1, text.n - i - 1 });
        nul |= found == 0;
        surrogate = surrogate ? surrogate : found;
    }
    if (nul)
        message_add(m, "null_characters_not_allowed", "Null characters are not allowed.");
    if (surrogate)
        message_add(m, "surrogate_characters_not_allowed",
                    arena_printf(c->arena, "Surrogate characters are not allowed: U+%X.",
                                 (unsigned)surrogate));
}

/* Code points; a pair that stands for one surrogate half counts once. */
static size_t text_length(struct str text)
{
    size_t n = utf8_len(text);
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '\0' &&
            lone_surrogate((struct str){ text.p + i + 1, text.n - i - 1 }))
            n--;
    return n;
}

void text_rules(const struct check *c, const struct schema *s, struct str text,
                struct messages *m)
{
    size_t n = text_length(text);
    if (s->max_length && n > s->max_length)
        message_add(m, "max_length",
                    arena_printf(c->arena,
                                 "Ensure this field has no more than %zu characters.",
                                 s->max_length));
    if (n < s->min_length)
        message_add(m, "min_length",
                    arena_printf(c->arena,
                                 "Ensure this field has at least %zu characters.",
                                 s->min_length));
    forbidden_characters(c, text, m);
}

bool text_read(const struct check *c, const struct schema *s, const json_t *in,
               struct value *ret, struct messages *m)
{
    *ret = (struct value){ .kind = VALUE_STR, .s = STR("") };
    if (!json_is_string(in) && !json_is_number(in)) {
        message_add(m, "invalid", "Not a valid string.");
        return false;
    }
    struct str text = value_text(in, c->arena);
    if (!s->keep_blanks && c->input != INPUT_QUERY)
        text = text_trim(text);
    if (text.n == 0) {
        if (!s->blank && c->input != INPUT_QUERY)
            message_add(m, "blank", "This field may not be blank.");
        return false;
    }
    ret->s = text;
    return true;
}

void check_string(const struct check *c, const struct schema *s, const json_t *in,
                  struct value *ret, struct messages *m)
{
    if (text_read(c, s, in, ret, m))
        text_rules(c, s, ret->s, m);
}

static bool is_name_character(int32_t cp)
{
    static const char others[] = "_.@+-";
    if (cp < 0x80)
        return (cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z') ||
               (cp >= 'A' && cp <= 'Z') || (cp > 0 && strchr(others, cp));
    /* Four letters (the Hangul fillers) cannot be seen: a name with one is another's
     * twin.
     */
    return uc_is_general_category_withtable((ucs4_t)cp,
                                            UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N) &&
           !uc_is_property_default_ignorable_code_point((ucs4_t)cp);
}

bool username_is_valid(struct str s)
{
    while (s.n > 0) {
        size_t n;
        int32_t cp = utf8_next(s, &n);
        if (cp < 0 || !is_name_character(cp))
            return false;
        s = (struct str){ s.p + n, s.n - n };
    }
    return true;
}

static struct str normalised(struct str s, struct arena *a)
{
    size_t n = 0;
    uint8_t *text = u8_normalize(UNINORM_NFKC, (const uint8_t *)s.p, s.n, NULL, &n);
    if (!text)
        return s;
    struct str copy = arena_dup(a, (struct str){ (char *)text, n });
    free(text);
    return copy;
}

void format_username(const struct check *c, const struct schema *s, const json_t *in,
                     struct value *ret, struct messages *m)
{
    static const char rule[] = "Enter a valid username. This value may contain only "
                               "letters, numbers, and @/./+/-/_ characters.";
    if (!text_read(c, s, in, ret, m))
        return;
    if (!username_is_valid(ret->s))
        message_add(m, "invalid_username", rule);
    text_rules(c, s, ret->s, m);
    if (m->n > 0)
        return;
    /* One character may become several: the stored name obeys the lengths as well. */
    ret->s = normalised(ret->s, c->arena);
    text_rules(c, s, ret->s, m);
}
