/*
 * Threads of their own for password hashing: the loop never waits for 20 ms of argon2,
 * and the number of hashes under way is bounded.
 */
#ifndef AUTH_HASH_POOL_H
#define AUTH_HASH_POOL_H

#include "auth/password_hash.h"
#include "svc/loop.h"

struct hash_pool;

struct hash_result {
    bool ok;                   /* hashed, or the password matches */
    bool weak;                 /* a new password that is too easy to guess: not hashed */
    char hash[AUTH_HASH_SIZE]; /* a new hash; empty when none is needed */
};
/* In the loop's thread, exactly once per accepted job, never before the call returned. */
typedef void hash_fn(void *arg, const struct hash_result *r);

struct hash_pool_config {
    struct auth_hash_cost cost;
    unsigned threads;  /* 0: one less than there are cores, at least one */
    unsigned queue;    /* jobs that may wait */
    unsigned min_bits; /* of new passwords: password_strength.h */
};
/* NULL when memory or threads are short. */
struct hash_pool *hash_pool_new(struct loop *l, const struct hash_pool_config *cfg);
/* Waits for the hashes under way; jobs still waiting are forgotten. */
void hash_pool_free(struct hash_pool **p);
/* Judges a new password (copied), and hashes it when it will do. False: the queue is
 * full, nothing happens. */
bool hash_pool_hash(struct hash_pool *p, struct str password, hash_fn *fn, void *arg);
/* Only judges it: ok, or weak. */
bool hash_pool_judge(struct hash_pool *p, struct str password, hash_fn *fn, void *arg);
/* Compares a password with a hash (both copied; NULL = nobody's, the same work for
 * nothing), and hashes it anew when the old hash is outdated. */
bool hash_pool_verify(struct hash_pool *p, struct str password, const char *hash,
                      hash_fn *fn, void *arg);
/* Jobs waiting or under way; any thread. */
unsigned hash_pool_depth(struct hash_pool *p);

#endif
