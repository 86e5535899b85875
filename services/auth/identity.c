#include "auth/identity.h"

#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>

#include "base/utf8.h"

enum { USERNAME_MAX = 150 };

/* libunistring's malloc'ed text as the arena's. */
static char *adopt(struct arena *a, uint8_t *text, size_t n)
{
    char *s = arena_str(a, (struct str){ (const char *)text, text ? n : 0 });

    free(text);
    return s;
}

static bool is_name_character(int32_t c)
{
    return c == '_' || c == '@' || c == '.' || c == '+' || c == '-' ||
           uc_is_general_category_withtable((ucs4_t)c,
                                            UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N);
}

static bool is_name(struct str s)
{
    while (s.n > 0) {
        size_t n;
        int32_t c = utf8_next(s, &n);
        if (c < 0 || !is_name_character(c))
            return false;
        s.p += n;
        s.n -= n;
    }
    return true;
}

char *auth_username(struct arena *a, struct str in, const char **ret_why)
{
    size_t n = 0;
    uint8_t *normal = u8_normalize(UNINORM_NFKC, (const uint8_t *)in.p, in.n, NULL, &n);
    char *name = adopt(a, normal, n);
    struct str s = str_of(name);

    if (s.n == 0 || !is_name(s)) {
        *ret_why =
            "Enter a valid username. This value may contain only letters, numbers, "
            "and @/./+/-/_ characters.";
        return NULL;
    }
    if (utf8_len(s) > USERNAME_MAX) {
        *ret_why = "Ensure this field has no more than 150 characters.";
        return NULL;
    }
    return name;
}

char *auth_email(struct arena *a, struct str in)
{
    char *email = arena_str(a, in);
    char *at = strrchr(email, '@');

    if (!at)
        return email;
    size_t n = 0;
    struct str domain = str_of(at + 1);
    uint8_t *lower =
        u8_tolower((const uint8_t *)domain.p, domain.n, NULL, NULL, NULL, &n);
    at[1] = '\0';
    return arena_printf(a, "%s%s", email, adopt(a, lower, n));
}

char *auth_fold(struct arena *a, struct str in)
{
    size_t n = 0;
    uint8_t *folded =
        u8_casefold((const uint8_t *)in.p, in.n, NULL, UNINORM_NFKC, NULL, &n);

    return adopt(a, folded, n);
}
