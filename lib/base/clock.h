/* Time: a monotonic clock for deadlines, UTC wall time for people, RFC 3339 text. */
#ifndef LIB_BASE_CLOCK_H
#define LIB_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { CLOCK_TEXT_SIZE = 32 };

/* Microseconds / milliseconds since an arbitrary start; never goes back. */
int64_t clock_mono_us(void);
int64_t clock_mono_ms(void);
/* The same in milliseconds, but it goes on while the machine is suspended: for what
 * others may take over meanwhile. */
int64_t clock_boot_ms(void);
/* Microseconds / seconds since 1970-01-01T00:00:00Z. */
int64_t clock_wall_us(void);
int64_t clock_wall_s(void);
/* RFC 3339 in UTC with 6 digits, the fraction dropped when it is zero, as the API
 * prints times: 2026-11-22T10:12:57.161784Z. Returns out. */
char *clock_text(int64_t wall_us, char out[static CLOCK_TEXT_SIZE]);
/* The date of an Internet message (RFC 5322): Sun, 22 Nov 2026 10:12:57 +0000. */
char *clock_mail_date(int64_t wall_us, char out[static 40]);

#endif
