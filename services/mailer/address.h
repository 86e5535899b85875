/*
 * Mail addresses, checked before they reach an SMTP command or a header: libcurl passes
 * CR and LF in MAIL FROM and RCPT TO on to the wire, so nothing of that kind may get
 * there.
 */
#ifndef SERVICES_MAILER_ADDRESS_H
#define SERVICES_MAILER_ADDRESS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* True: *ret is local@domain in ASCII, the domain as A-label (IDNA 2008). False when it
 * is no address that can be mailed: blanks, control characters, angle brackets, quotes or
 * commas, no or more than one '@', over 254 bytes, or a local part that is not ASCII. */
bool address_check(struct str in, struct arena *a, struct str *ret);
/* Splits "Quintet <no-reply@example.com>" or a bare address into display name (may be
 * empty) and checked address. */
bool address_parse_from(struct str in, struct arena *a, struct str *ret_name,
                        struct str *ret_address);

#endif
