/* The pages behind mailed links: no script, nothing loaded from elsewhere. */
#ifndef AUTH_PAGE_H
#define AUTH_PAGE_H

#include "base/buf.h"

enum auth_page {
    AUTH_PAGE_CONFIRM, /* with the button that posts the token */
    AUTH_PAGE_VERIFIED,
    AUTH_PAGE_ALREADY,
    AUTH_PAGE_INVALID,
};

/* Appends the page. token: only for AUTH_PAGE_CONFIRM; escaped here. */
void auth_page_write(enum auth_page page, struct str token, struct buf *out);

#endif
