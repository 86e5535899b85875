/*
 * The sender of mails. No address reaches an SMTP command or a header but as
 * email_to_wire (svc/email.h) wrote it: libcurl passes CR and LF in MAIL FROM and RCPT TO
 * on to the wire.
 */
#ifndef SERVICES_MAILER_ADDRESS_H
#define SERVICES_MAILER_ADDRESS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* Splits "Quintet <no-reply@example.com>" or a bare address into display name (may be
 * empty) and address as of email_to_wire. */
bool address_parse_from(struct str in, struct arena *a, struct str *ret_name,
                        struct str *ret_address);

#endif
