#include "auth/identity.h"

#include <stdlib.h>
#include <unicase.h>
#include <uninorm.h>

#include "base/utf8.h"
#include "svc/email.h"
#include "svc/schema.h"

enum { USERNAME_MAX = 150 };

/* libunistring's malloc'ed text as the arena's. */
static char *adopt(struct arena *a, uint8_t *text, size_t n)
{
    char *s = arena_str(a, (struct str){ (const char *)text, text ? n : 0 });

    free(text);
    return s;
}

char *auth_username(struct arena *a, struct str in, const char **ret_why)
{
    size_t n = 0;
    uint8_t *normal = u8_normalize(UNINORM_NFKC, (const uint8_t *)in.p, in.n, NULL, &n);
    char *name = adopt(a, normal, n);
    struct str s = str_of(name);

    if (s.n == 0 || !username_is_valid(s)) {
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

char *auth_fold(struct arena *a, struct str in)
{
    size_t n = 0;
    uint8_t *folded =
        u8_casefold((const uint8_t *)in.p, in.n, NULL, UNINORM_NFKC, NULL, &n);

    return adopt(a, folded, n);
}

char *auth_email_key(struct arena *a, struct str email)
{
    struct str wire;

    return auth_fold(a, email_to_wire(email, a, &wire) ? wire : email);
}
