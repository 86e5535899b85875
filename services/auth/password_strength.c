#include "auth/password_strength.h"

#include <sodium.h>
#include <zxcvbn.h>

enum { LOOKED_AT = 128 };

/* A piece of a kind that guessing programs go through, not a run of any characters. */
static bool is_known(const ZxcMatch_t *piece)
{
    int kind = piece->Type & (MULTIPLE_MATCH - 1);

    return kind >= DICTIONARY_MATCH && kind <= YEAR_MATCH;
}

static bool is_one_piece(const ZxcMatch_t *pieces)
{
    int length = 0, longest = 0;

    for (const ZxcMatch_t *p = pieces; p; p = p->Next) {
        length += p->Length;
        if (is_known(p) && p->Length > longest)
            longest = p->Length;
    }
    return longest > 0 && length - longest <= 1;
}

bool auth_password_guessable(struct str password, unsigned min_bits)
{
    size_t n = password.n < LOOKED_AT ? password.n : LOOKED_AT;
    char text[LOOKED_AT + 1];
    ZxcMatch_t *pieces = NULL;

    if (min_bits == 0)
        return false;
    memcpy(text, password.p, n);
    text[n] = '\0';
    double bits = ZxcvbnMatch(text, NULL, &pieces);
    bool guessable = bits < min_bits || (password.n == n && is_one_piece(pieces));
    ZxcvbnFreeInfo(pieces);
    sodium_memzero(text, sizeof(text));
    return guessable;
}
