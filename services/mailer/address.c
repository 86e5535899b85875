#include "mailer/address.h"

#include "base/utf8.h"
#include "svc/email.h"

bool address_parse_from(struct str in, struct arena *a, struct str *ret_name,
                        struct str *ret_address)
{
    in = str_trim(in);
    if (in.n == 0 || in.p[in.n - 1] != '>') {
        *ret_name = STR("");
        return email_to_wire(in, a, ret_address);
    }
    struct str rest = { in.p, in.n - 1 };
    struct str name = str_trim(str_cut(&rest, '<'));
    bool quoted = name.n >= 2 && name.p[0] == '"' && name.p[name.n - 1] == '"';
    if (quoted)
        name = (struct str){ name.p + 1, name.n - 2 };
    *ret_name = name;
    return utf8_check(name) == name.n && email_to_wire(rest, a, ret_address);
}
