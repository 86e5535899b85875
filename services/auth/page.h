/* The pages behind mailed links: no script, nothing loaded from elsewhere. */
#ifndef AUTH_PAGE_H
#define AUTH_PAGE_H

#include "base/buf.h"

enum auth_page {
    AUTH_PAGE_CONFIRM, /* with the button that posts the token */
    AUTH_PAGE_VERIFIED,
    AUTH_PAGE_ALREADY,
    AUTH_PAGE_INVALID,
    AUTH_PAGE_RESET, /* by auth_page_write_reset */
    AUTH_PAGE_RESET_DONE,
};

/* Appends the page. token: only for AUTH_PAGE_CONFIRM; escaped here. */
void auth_page_write(enum auth_page page, struct str token, struct buf *out);

struct auth_reset_form {
    struct str uid, token;       /* of the link; escaped here */
    const char *const *problems; /* what is wrong with the password; sentences */
    unsigned nproblems;
};

/* Appends the page with the form that sets a new password. */
void auth_page_write_reset(const struct auth_reset_form *form, struct buf *out);

#endif
