#include "base/utf8.h"

static size_t sequence_length(unsigned char lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

int32_t utf8_next(struct str s, size_t *ret_n)
{
    static const int32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    static const unsigned char mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    size_t n = s.n ? sequence_length((unsigned char)s.p[0]) : 0;
    if (n == 0 || n > s.n)
        return -1;
    int32_t cp = (unsigned char)s.p[0] & mask[n];
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)s.p[i] & 0xc0) != 0x80)
            return -1;
        cp = cp << 6 | ((unsigned char)s.p[i] & 0x3f);
    }
    if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        return -1;
    *ret_n = n;
    return cp;
}

size_t utf8_check(struct str s)
{
    size_t i = 0, n = 0;
    while (i < s.n) {
        if (utf8_next((struct str){ s.p + i, s.n - i }, &n) < 0)
            return i;
        i += n;
    }
    return s.n;
}

size_t utf8_len(struct str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.n; i++)
        count += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return count;
}
