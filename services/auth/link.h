/* The secret of a mailed link: 32 random bytes as text. The database gets its hash and a
 * copy that only the mailer can open; nobody else ever sees it. */
#ifndef AUTH_LINK_H
#define AUTH_LINK_H

#include "auth/app.h"

struct auth_link {
    struct str hash, sealed; /* parameters */
};

/* A fresh secret; memory from the arena. */
struct auth_link auth_link_make(const struct auth_app *app, struct arena *a);

#endif
