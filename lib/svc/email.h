/*
 * E-mail addresses: which ones are taken, how they are kept, and how a mail server is
 * told them. One verdict for all daemons: what the format "email" takes can be mailed.
 */
#ifndef LIB_SVC_EMAIL_H
#define LIB_SVC_EMAIL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* Whether an address is one by the original's rule: dot-atom or quoted local part; domain
 * of two labels or more, localhost or a literal, also in letters of other scripts. Quotes
 * hold printable ASCII only: RFC 5321 has no way to write anything else. */
bool email_is_valid(struct str address, struct arena *a);
/* The one way to keep an address: the domain in small letters, and of the many texts that
 * mean one domain of another script the canonical one. The local part stays as typed. */
struct str email_kept(struct str address, struct arena *a);
/* As an SMTP command has it (RFC 5321): the local part with the fewest quotes, the domain
 * as A-label (IDNA 2008), a literal as [192.0.2.1] or [IPv6:2001:db8::1]; also of one
 * label, as of a local mail server. Two addresses mean one mailbox when these are equal
 * but for case. False when there is none: over 254 bytes, or not of these characters. No
 * blank, angle bracket or second '@' is outside quotes, no control character anywhere. */
bool email_to_wire(struct str address, struct arena *a, struct str *ret);
/* What stands behind the last '@'; empty when there is none. */
struct str email_domain(struct str address);

#endif
