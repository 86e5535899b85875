/*
 * The public keys that tokens are checked with: fetched from auth, replaced as a whole.
 * The loop's thread fetches; any thread verifies.
 */
#ifndef GATEWAY_KEYRING_H
#define GATEWAY_KEYRING_H

#include <stdbool.h>

#include "gateway/config.h"
#include "svc/contract.h"
#include "svc/loop.h"
#include "svc/rpc_client.h"
#include "svc/token.h"

struct gateway_keyring;

struct gateway_keyring_config {
    const struct gateway_config *settings;
    struct loop *loop;
    const struct contract *contract;
    struct rpc_client *auth;
    loop_fn *settled; /* after every fetch, in the loop's thread */
    void *arg;
};

/* Begins to fetch at once and every 10 s (every 250 ms until there is a first set). In
 * HS256 mode there is nothing to fetch. NULL: logged; that mode lacks a fit secret. */
struct gateway_keyring *gateway_keyring_new(const struct gateway_keyring_config *cfg);
/* After the rpc client was freed. */
void gateway_keyring_free(struct gateway_keyring **k);
/* True once a key set is there. Any thread. */
bool gateway_keyring_present(struct gateway_keyring *k);
/* Verdict on an access token, through the cache of verified ones. Any thread. */
enum token_verdict gateway_keyring_verify(struct gateway_keyring *k, struct str token,
                                          struct token_claims *ret);
/* Which ring auth has: fetched, at most once a second, when it is not the one that the
 * last fetch was for. Said again and again. The loop's thread. */
void gateway_keyring_expect(struct gateway_keyring *k, const char *version);
/* An unknown key id was seen: fetch, unless that was done within the last second. True
 * when an answer is under way and `settled` will be called. The loop's thread. */
bool gateway_keyring_refresh(struct gateway_keyring *k);

#endif
