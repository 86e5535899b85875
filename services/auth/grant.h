/* What a login or a refresh grants, and its answer: the signed tokens. */
#ifndef AUTH_GRANT_H
#define AUTH_GRANT_H

#include "auth/app.h"

struct auth_grant {
    int64_t user_id;
    struct str username, role; /* "ADMIN" or "USER" */
    int64_t uv;
    uint8_t sid[16];
    bool with_refresh;
    bool renewed;    /* the answer to a refresh: its access token comes first */
    uint8_t jti[16]; /* the refresh token's identity and times, seconds */
    int64_t issued, expires;
};

/* Answers with the tokens, or with ERR_UNAVAILABLE while no key signs. */
void auth_reply_grant(struct call *c, const struct auth_grant *g);

#endif
