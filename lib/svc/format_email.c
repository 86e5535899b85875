/* E-mail addresses of contracts. */
#include "svc/email.h"
#include "svc/schema_internal.h"

void format_email(const struct check *c, const struct schema *s, const json_t *in,
                  struct value *ret, struct messages *m)
{
    static const char rule[] = "Enter a valid email address.";
    struct str wire;
    if (!json_is_string(in) && !json_is_number(in)) {
        message_add(m, "invalid", rule);
        return;
    }
    if (!text_read(c, s, in, ret, m))
        return;
    text_rules(c, s, ret->s, m);
    if (!email_is_valid(ret->s, c->arena))
        message_add(m, "invalid", rule);
    if (m->n > 0)
        return;
    ret->s = email_kept(ret->s, c->arena);
    /* A domain that was short enough may be too long as the mail server needs it. */
    if (!email_to_wire(ret->s, c->arena, &wire))
        message_add(m, "invalid", rule);
}
