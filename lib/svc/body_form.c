/* Forms and query strings: application/x-www-form-urlencoded. */
#include <string.h>

#include "base/utf8.h"
#include "svc/body_internal.h"

static struct str well_formed(struct str s, struct arena *a)
{
    size_t at = utf8_check(s);
    if (at == s.n)
        return s;
    char *out = arena_alloc(a, s.n * 3 + 1);
    size_t n = 0;
    while (s.n > 0) {
        memcpy(out + n, s.p, at);
        n += at;
        s = (struct str){ s.p + at, s.n - at };
        if (s.n > 0) {
            memcpy(out + n, "\xef\xbf\xbd", 3);
            n += 3;
            s = (struct str){ s.p + 1, s.n - 1 };
        }
        at = utf8_check(s);
    }
    return (struct str){ out, n };
}

void body_add_text(json_t *object, struct str name, struct str value, struct arena *a)
{
    struct str good = well_formed(value, a);
    if (utf8_check(name) < name.n || (name.n && memchr(name.p, '\0', name.n)))
        return;
    json_object_set_new(object, arena_str(a, name), json_stringn(good.p, good.n));
}

json_t *body_pairs(struct str bytes, struct arena *a, const char **ret_why)
{
    json_t *object = json_object();
    unsigned n = 0;
    while (bytes.n > 0) {
        struct str value = str_cut(&bytes, '&');
        if (value.n == 0)
            continue;
        if (++n > BODY_MEMBERS_MAX) {
            json_decref(object);
            *ret_why = "too many fields, 1000 are allowed";
            return NULL;
        }
        struct str name = str_cut(&value, '=');
        name = body_unescape(name, true, a);
        body_add_text(object, name, body_unescape(value, true, a), a);
    }
    return object;
}

json_t *body_form(struct str content_type, struct str bytes, struct arena *a,
                  const char **ret_why)
{
    (void)content_type;
    return body_pairs(bytes, a, ret_why);
}
