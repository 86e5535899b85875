/*
 * The signing keys: rows sealed with the master key file, so that every replica has the
 * same ring. The first replica of a new system makes the first key.
 */
#ifndef AUTH_SIGNING_H
#define AUTH_SIGNING_H

#include "auth/config.h"
#include "svc/svc.h"
#include "svc/token.h"

enum { AUTH_MASTER_KEY = 32 };

struct auth_signing;

/* Reads the rows at once and then every few seconds. NULL with a log line when the master
 * key or the HS256 secret cannot be used. */
struct auth_signing *auth_signing_start(struct svc *svc, const struct auth_config *cfg);
void auth_signing_stop(struct auth_signing **s);
/* Calls fn after every change of the ring, in the loop's thread; at most one. */
void auth_signing_on_change(struct auth_signing *s, loop_fn *fn, void *arg);
enum { AUTH_RING_VERSION = 33 };
/* Names the keys of the ring, the same in every replica that has read the same rows; ""
 * before the first, and in HS256 mode. Borrowed until the next change. */
const char *auth_signing_version(const struct auth_signing *s);
/* The ring in force, NULL before the first key was read. Valid during the callback. */
const struct token_ring *auth_signing_ring(const struct auth_signing *s);

/* master.key of auth's directory. False with a log line. */
bool auth_master_key(struct keys *keys, uint8_t out[static AUTH_MASTER_KEY]);

/* A sealed private key: nonce and secretbox. Appends to out. */
void auth_seal(const uint8_t master[static AUTH_MASTER_KEY], const struct secret *pem,
               struct buf *out);
/* NULL when it was sealed with another key. */
struct secret *auth_unseal(const uint8_t master[static AUTH_MASTER_KEY],
                           struct str sealed);

#endif
