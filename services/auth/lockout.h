/*
 * The guard in front of every password comparison: failures are counted by name and
 * network, in the database, before anything is hashed. The same for names that nobody
 * has. Rules: services/auth/README.md; statements: sql/login_reserve.sql and _failed.
 */
#ifndef AUTH_LOCKOUT_H
#define AUTH_LOCKOUT_H

#include "auth/app.h"

enum { AUTH_NETWORK_TEXT = 64 };

/* The network that guesses are counted by: an IPv4 address's /24, an IPv6 address's /64;
 * "none" when the text is not an address. Returns out. */
const char *auth_network(struct str address, char out[static AUTH_NETWORK_TEXT]);

/* What failures of a name are counted under, whoever has it and however it is spelt: a
 * parameter; memory from the arena. */
struct str auth_identity(struct arena *a, const uint8_t key[static AUTH_IDENTITY_KEY],
                         struct str username);
/* The same for a verb, which has no app: opens and closes the keys. False with a sentence
 * or log line. A name that is not UTF-8 is nobody's: its identity is that of "". */
bool auth_identity_once(struct svc *svc, struct str username, struct arena *a,
                        struct str *ret);

enum attempt_verdict {
    ATTEMPT_MAY,     /* compare now, then say how it ended: failed, released, succeeded */
    ATTEMPT_LOCKED,  /* retry_s tells when to come again */
    ATTEMPT_NOT_NOW, /* the database did not say; err */
};

struct auth_attempt;
typedef void attempt_fn(void *arg, struct auth_attempt *a);

struct auth_attempt {
    struct call *call;
    struct auth_app *app;
    attempt_fn *fn;
    void *arg;
    struct str username, identity, network; /* parameters */
    bool whole;                             /* holds an attempt of all networks too */
    unsigned waits;
    /* the answer of auth_attempt_reserve */
    enum attempt_verdict verdict;
    enum err err;
    uint32_t retry_s;
    int64_t user_id;  /* 0: nobody has this name */
    const char *hash; /* NULL: nobody's; memory of the call */
    bool is_active, is_verified;
};

/* Fills identity and network of a name; memory of the call. */
void auth_attempt_init(struct auth_attempt *a, struct call *c, struct str username);
/* Takes the right to compare one password, and reads whose it would be. fn is called
 * once, in the loop; when attempts of the same name are under way and one more would be
 * too many, up to 3 s later. The call must not be answered before. */
void auth_attempt_reserve(struct auth_attempt *a, attempt_fn *fn, void *arg);
/* The password was wrong, or the account may not log in: counts it, writes the audit
 * rows, then calls fn. */
void auth_attempt_failed(struct auth_attempt *a, attempt_fn *fn, void *arg);
/* Nothing was compared: gives the right back, and does not wait for it. Success is
 * settled by the statement of the login. */
void auth_attempt_release(struct auth_attempt *a);

/* Forgets old counters, a batch a minute. Free with auth_lockout_stop. */
struct auth_lockout *auth_lockout_start(struct auth_app *app);
void auth_lockout_stop(struct auth_lockout **l);

#endif
