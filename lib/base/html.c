#include "base/html.h"

void html_escape(struct buf *out, struct str s)
{
    static const char *const reference[128] = {
        ['&'] = "&amp;",  ['<'] = "&lt;",   ['>'] = "&gt;",
        ['"'] = "&quot;", ['\''] = "&#39;",
    };
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 128 || !reference[c])
            continue;
        buf_add(out, s.p + from, i - from);
        buf_cstr(out, reference[c]);
        from = i + 1;
    }
    buf_add(out, s.p + from, s.n - from);
}
