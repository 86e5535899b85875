/*
 * The one connection to Redis: kept open, asked without blocking, in the loop's thread.
 * Whoever asks gets an answer within REDIS_CALL_MS, if only "it did not answer". After
 * three such in a row, or a lost connection, nobody is made to wait any more: calls fail
 * at once until a new connection has answered a PING (the breaker).
 *
 * Nothing in Redis is the only copy of anything.
 */
#ifndef GATEWAY_REDIS_H
#define GATEWAY_REDIS_H

#include "base/secret.h"
#include "svc/loop.h"

enum {
    REDIS_CALL_MS = 50,
    REDIS_ARGUMENTS_MAX = 8,
    REDIS_NUMBERS_MAX = 4,
    REDIS_KEY_MAX = 128
};

struct redis;

/* Once per call, in the loop's thread. numbers: what the script returned; NULL when Redis
 * did not answer in time. */
typedef void redis_fn(void *arg, const int64_t *numbers, unsigned n);
/* why: a short static reason when it is not there. */
typedef void redis_ping_fn(void *arg, bool alive, const char *why);

/* Connects at once, without waiting. url: see redis_url.h; NULL with *ret_why (static)
 * when it is not one. script: the Lua script of redis_run, static; it looks at one key
 * and returns integers. */
struct redis *redis_open(struct loop *l, const struct secret *url, const char *script,
                         const char **ret_why);
/* Fails every call under way (their functions are called), then frees. */
void redis_close(struct redis **r);
/* It answered lately, as far as is known. Any thread. */
bool redis_up(const struct redis *r);
/* Runs the script on a key (less than REDIS_KEY_MAX bytes), by its hash, or by its text
 * where the server does not have it. Both are copied. fn may be called before this
 * returns. */
void redis_run(struct redis *r, struct str key, const int64_t *arguments, unsigned n,
               redis_fn *fn, void *arg);
/* Asks on the same connection, or tries to open it; answers within about half a second.
 * One at a time. */
void redis_ping(struct redis *r, redis_ping_fn *fn, void *arg);

#endif
