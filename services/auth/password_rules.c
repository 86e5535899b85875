#include "auth/password_rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>

#include "base/mem.h"
#include "base/utf8.h"

const char AUTH_PASSWORD_COMMON[] = "This password is too common.";

/* What everybody tries first, short ones too. Words and patterns of all kinds are the
 * estimate's work (password_strength.h); a longer list is a file. */
static const char *const COMMON[] = {
    "0",
    "00000000",
    "1",
    "11111111",
    "111111111",
    "11223344",
    "112233445566",
    "12121212",
    "123",
    "123123123",
    "1234",
    "12341234",
    "12345",
    "123456",
    "1234567",
    "12345678",
    "123456789",
    "1234567890",
    "1234qwer",
    "12345qwert",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "87654321",
    "88888888",
    "987654321",
    "a",
    "a1b2c3d4",
    "aa123456",
    "abc",
    "abc12345",
    "abc123456",
    "abcd1234",
    "abcdefgh",
    "access14",
    "admin",
    "admin123",
    "administrator",
    "asdf1234",
    "asdfasdf",
    "asdfghjk",
    "asdfghjkl",
    "baseball",
    "basketball",
    "changeme",
    "charlie1",
    "computer",
    "football",
    "iloveyou",
    "internet",
    "letmein",
    "letmein1",
    "liverpool",
    "password",
    "password!",
    "password1",
    "password12",
    "password123",
    "passw0rd",
    "p@ssw0rd",
    "princess",
    "q1w2e3r4",
    "qazwsxedc",
    "qwer1234",
    "qwerty",
    "qwerty12",
    "qwerty123",
    "qwertyui",
    "qwertyuiop",
    "secret",
    "starwars",
    "sunshine",
    "superman",
    "trustno1",
    "welcome",
    "welcome1",
    "whatever",
    "zaq12wsx",
};

struct auth_blocklist {
    char *text; /* the lines, each ended by NUL */
    const char **lines;
    size_t n;
};

/* --- code points ---------------------------------------------------------------------
 */

struct points {
    int32_t *p;
    size_t n;
};

static void points_free(struct points *s)
{
    free(s->p);
}
#define AUTO_POINTS __attribute__((cleanup(points_free)))

static struct points points_of(struct str s)
{
    struct points out = { xcalloc(s.n + 1, sizeof(int32_t)), 0 };

    while (s.n > 0) {
        size_t n = 1;
        out.p[out.n++] = utf8_next(s, &n);
        s.p += n;
        s.n -= n;
    }
    return out;
}

static char *lower(struct str s)
{
    size_t n = 0;
    uint8_t *text = u8_tolower((const uint8_t *)s.p, s.n, NULL, NULL, NULL, &n);
    char *copy = xstrndup(text ? (const char *)text : "", text ? n : 0);

    free(text);
    return copy;
}

/* --- similarity ----------------------------------------------------------------------
 */

/* Twice the characters they share (each counted as often as both have it) over the sum of
 * the lengths: the quick_ratio of Python's difflib. */
static bool is_similar(struct points a, struct points b)
{
    AUTO_POINTS struct points left = { xcalloc(b.n + 1, sizeof(int32_t)), b.n };
    size_t common = 0;

    memcpy(left.p, b.p, b.n * sizeof(int32_t));
    for (size_t i = 0; i < a.n; i++) {
        for (size_t j = 0; j < left.n; j++) {
            if (left.p[j] == a.p[i]) {
                left.p[j] = left.p[--left.n];
                common++;
                break;
            }
        }
    }
    return 2.0 * (double)common >= 0.7 * (double)(a.n + b.n);
}

/* A short part of a name says nothing about a long password. */
static bool is_telling(struct points password, struct points part)
{
    return !(password.n >= 10 * part.n && (double)part.n < 0.35 * (double)password.n);
}

static bool is_word(int32_t c)
{
    return c == '_' || uc_is_general_category_withtable(
                           (ucs4_t)c, UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N);
}

static bool resembles_part(struct points password, struct points part)
{
    return is_telling(password, part) && is_similar(password, part);
}

/* The attribute whole, and each of its parts between non-word characters. */
static bool resembles(struct points password, struct str attribute)
{
    AUTO_FREE char *text = lower(attribute);
    AUTO_POINTS struct points all = points_of(str_of(text));
    size_t from = 0;

    if (all.n == 0)
        return false;
    for (size_t i = 0; i <= all.n; i++) {
        if (i < all.n && is_word(all.p[i]))
            continue;
        if (resembles_part(password, (struct points){ all.p + from, i - from }))
            return true;
        from = i + 1;
    }
    return resembles_part(password, all);
}

/* --- lists ---------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_common(const struct auth_blocklist *b, const char *lowered)
{
    struct str trimmed = str_trim(str_of(lowered));
    AUTO_FREE char *key = xstrndup(trimmed.p, trimmed.n);
    const char *wanted = key;

    for (size_t i = 0; i < ARRAY_LEN(COMMON); i++) {
        if (strcmp(COMMON[i], key) == 0)
            return true;
    }
    return b && bsearch(&wanted, b->lines, b->n, sizeof(*b->lines), compare);
}

static char *read_text(const char *path, size_t *ret_n)
{
    enum { FILE_MAX = 16 * 1024 * 1024 };
    FILE *f = fopen(path, "re");

    if (!f)
        return NULL;
    char *text = xmalloc(FILE_MAX + 1);
    *ret_n = fread(text, 1, FILE_MAX, f);
    bool ok = !ferror(f);
    fclose(f);
    if (!ok) {
        free(text);
        return NULL;
    }
    text[*ret_n] = '\0';
    return xrealloc(text, *ret_n + 1);
}

struct auth_blocklist *auth_blocklist_read(const char *path)
{
    size_t n = 0, lines = 1;
    char *text = read_text(path, &n);

    if (!text)
        return NULL;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    struct auth_blocklist *b = xcalloc(1, sizeof(*b));
    b->text = text;
    b->lines = xcalloc(lines, sizeof(*b->lines));
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\r\n"));) {
        if (*line)
            b->lines[b->n++] = line;
        for (; *line; line++) /* as the password is looked at */
            *line = (char)(*line >= 'A' && *line <= 'Z' ? *line + 'a' - 'A' : *line);
    }
    qsort(b->lines, b->n, sizeof(*b->lines), compare);
    return b;
}

void auth_blocklist_free(struct auth_blocklist **b)
{
    if (!*b)
        return;
    free((*b)->lines);
    free((*b)->text);
    free(*b);
    *b = NULL;
}

/* --- the four ------------------------------------------------------------------------
 */

static bool is_numeric(struct points password)
{
    for (size_t i = 0; i < password.n; i++) {
        if (uc_digit_value((ucs4_t)password.p[i]) < 0)
            return false;
    }
    return password.n > 0;
}

bool auth_policy_init(struct auth_password_policy *p, const char *blocklist,
                      unsigned min_length)
{
    *p = (struct auth_password_policy){ .min_length = min_length };
    snprintf(p->too_short, sizeof(p->too_short),
             "This password is too short. It must contain at least %u characters.",
             min_length);
    if (!blocklist || !*blocklist)
        return true;
    p->blocklist = auth_blocklist_read(blocklist);
    return p->blocklist != NULL;
}

void auth_policy_deinit(struct auth_password_policy *p)
{
    auth_blocklist_free(&p->blocklist);
}

unsigned auth_password_problems(const struct auth_password_policy *p, struct str password,
                                struct str username, struct str email,
                                const char *problems[static AUTH_PASSWORD_PROBLEMS])
{
    AUTO_FREE char *lowered = lower(password);
    AUTO_POINTS struct points points = points_of(str_of(lowered));
    unsigned n = 0;

    if (resembles(points, username))
        problems[n++] = "The password is too similar to the username.";
    else if (resembles(points, email))
        problems[n++] = "The password is too similar to the email address.";
    if (utf8_len(password) < p->min_length)
        problems[n++] = p->too_short;
    if (is_common(p->blocklist, lowered))
        problems[n++] = AUTH_PASSWORD_COMMON;
    if (is_numeric(points))
        problems[n++] = "This password is entirely numeric.";
    return n;
}
