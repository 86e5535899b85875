/*
 * Writes a mail (RFC 5322, 2045-2047): CR LF everywhere, multipart/alternative, the same
 * bytes for the same input. Date, Message-ID and boundary come from the job, so a copy
 * that is sent again is identical to the first.
 */
#ifndef SERVICES_MAILER_MIME_H
#define SERVICES_MAILER_MIME_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct mime_mail {
    struct str from_name;    /* UTF-8, may be empty */
    struct str from_address; /* as of email_to_wire */
    struct str to_address;   /* as of email_to_wire */
    struct str subject;      /* UTF-8 */
    struct str text, html;   /* UTF-8, any line ends */
    struct str message_id;   /* without angle brackets */
    struct str request_id;   /* hex, may be empty: header X-Request-ID */
    struct str boundary;     /* unique to the job; characters of [0-9a-zA-Z-] */
    int64_t date_us;         /* wall */
};

/* Appends the whole mail. Control characters of a header value become blanks; what is not
 * short ASCII becomes RFC 2047 words. A part is sent as 7bit when it is ASCII in lines
 * that every relay passes, else quoted-printable with lines of at most 76. */
void mime_write(const struct mime_mail *m, struct buf *out);

/* Single pieces, for tests. */
void mime_header(struct buf *out, const char *name, struct str value);
void mime_quoted_printable(struct buf *out, struct str text);

#endif
