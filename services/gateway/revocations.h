/*
 * The tokens that a good signature does not save: what auth revoked within the life of an
 * access token. Begins with auth's snapshot, follows its events, and knows how old its
 * knowledge is: when auth has not been heard for REVOCATION_MAX_STALENESS, nobody can say
 * whether a token still counts.
 *
 * The loop's thread feeds it; any thread asks. The lock between them is held for one
 * look-up or one insertion.
 */
#ifndef GATEWAY_REVOCATIONS_H
#define GATEWAY_REVOCATIONS_H

#include "gateway/config.h"
#include "svc/svc.h"
#include "svc/token.h"

struct gateway_revocations;

struct gateway_revocations_config {
    struct svc *svc;
    const struct gateway_config *settings;
    struct rpc_client *auth;
    /* Which key ring auth has, by each beacon. The loop's thread. */
    void (*ring)(void *arg, const char *version);
    void *arg;
};

/* Asks for the snapshot at once, and again until it comes. */
struct gateway_revocations *
gateway_revocations_new(const struct gateway_revocations_config *cfg);
/* Listens to nothing more; before the rpc client is freed. */
void gateway_revocations_close(struct gateway_revocations *r);
/* After that. */
void gateway_revocations_free(struct gateway_revocations **r);

/* Whether a verified token still counts. ERR_OK; ERR_TOKEN_NOT_VALID, ERR_USER_INACTIVE
 * or ERR_USER_NOT_FOUND when it was taken back (counted); ERR_UNAVAILABLE when what is
 * known is too old to tell, or was never known. Any thread. */
enum err gateway_revocations_check(struct gateway_revocations *r,
                                   const struct token_claims *c);
/* False: ERR_UNAVAILABLE is what every token gets; *ret_why says why. */
bool gateway_revocations_ready(const struct gateway_revocations *r, const char **ret_why);
void gateway_revocations_beat(const struct gateway_revocations *r, struct jsonw *w);

#endif
