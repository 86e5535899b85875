/*
 * Who may ask how often. Each class of the contracts has a limit; what counts is the
 * client's address (an IPv6 client is a /64), the user of a valid token, or both:
 *
 *   shared classes (logging in, mails, ...)  the address always, the user as well when
 *                                            there is one; counted in Redis for all
 *                                            gateways together
 *   local classes (reads and writes)         the user, or the address without one;
 *                                            counted in this gateway
 *
 * Without Redis the shared ones are counted here, too. They always are, in fact: what
 * this gateway has let through is remembered here, so that a Redis that dies, or forgets,
 * gives nobody a second helping, and whoever is over the limit here is refused without
 * asking.
 */
#ifndef GATEWAY_LIMITER_H
#define GATEWAY_LIMITER_H

#include "gateway/config.h"
#include "gateway/limit_rule.h"
#include "gateway/redis.h"
#include "svc/address.h"
#include "svc/contract.h"

struct limiter;

/* What limiter_config.redis was opened with. */
extern const char LIMITER_SCRIPT[];

struct limiter_config {
    const struct gateway_config *settings;
    const struct contract *contract;
    struct redis *redis; /* NULL: there is none */
};

/* NULL: logged; a setting is wrong, or the contracts name a class that is not known. */
struct limiter *limiter_new(const struct limiter_config *cfg);
void limiter_free(struct limiter **l);

struct limiter_subject {
    enum limit_class class;
    struct address client;
    bool has_user;
    int64_t user_id;
};

/* What a request counts as. shown: the method, or another one of its path. */
enum limit_class limiter_class(const struct contract_method *shown, bool is_options);

struct limiter_refusal {
    enum limit_class class;
    struct limit_rule rule; /* the one that has no room */
    int64_t wait_us;
};

enum limiter_answer { LIMITER_ALLOWED, LIMITER_REFUSED, LIMITER_ASK };

/* Counts the request, unless the answer is LIMITER_ASK: then limiter_ask does. Any
 * thread. *ret_refusal is filled when it is refused. */
enum limiter_answer limiter_check(struct limiter *l, const struct limiter_subject *s,
                                  struct limiter_refusal *ret_refusal);

/* refusal: NULL when the request is allowed. */
typedef void limiter_fn(void *arg, const struct limiter_refusal *refusal);
/* The loop's thread; fn follows there, once, within REDIS_CALL_MS, or before this
 * returns. */
void limiter_ask(struct limiter *l, const struct limiter_subject *s, limiter_fn *fn,
                 void *arg);

const char *limiter_class_name(enum limit_class class);

#endif
