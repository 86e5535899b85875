#include "svc/rpc_breaker.h"

/* Turns the halves of the window when the present one is over. */
static void turn_window(struct rpc_breaker *b, int64_t now_ms)
{
    const int64_t half_ms = RPC_RATE_MS / 2;
    int64_t age_ms = now_ms - b->half[0].since_ms;
    if (age_ms < half_ms)
        return;
    b->half[1] = b->half[0];
    b->half[0].since_ms = now_ms;
    b->half[0].good = b->half[0].bad = 0;
    if (age_ms >= 2 * half_ms)
        b->half[1] = b->half[0];
}

static bool mostly_bad(const struct rpc_breaker *b)
{
    unsigned good = b->half[0].good + b->half[1].good;
    unsigned bad = b->half[0].bad + b->half[1].bad;
    return good + bad >= RPC_RATE_LEAST && bad > good;
}

void rpc_breaker_good(struct rpc_breaker *b, int64_t now_ms)
{
    turn_window(b, now_ms);
    b->half[0].good++;
    b->row = b->ejections = 0;
    b->until_ms = 0;
}

static int64_t eject(struct rpc_breaker *b, int64_t now_ms, uint64_t random)
{
    const unsigned most = 5; /* doublings: beyond the limit already */
    unsigned doublings = b->ejections < most ? b->ejections : most;
    int64_t ms = (int64_t)RPC_EJECT_MS << doublings;
    if (ms > RPC_EJECT_MAX_MS)
        ms = RPC_EJECT_MAX_MS;
    ms += (int64_t)(random % (uint64_t)(ms / 4));
    *b = (struct rpc_breaker){ .ejections = b->ejections + 1, .until_ms = now_ms + ms };
    b->half[0].since_ms = b->half[1].since_ms = now_ms;
    return ms;
}

int64_t rpc_breaker_bad(struct rpc_breaker *b, int64_t now_ms, uint64_t random)
{
    if (rpc_breaker_open(b, now_ms))
        return 0; /* what was under way when it opened */
    turn_window(b, now_ms);
    b->half[0].bad++;
    b->row++;
    bool on_trial = b->ejections > 0;
    if (!on_trial && b->row < RPC_EJECT_AFTER && !mostly_bad(b))
        return 0;
    return eject(b, now_ms, random);
}

bool rpc_breaker_open(const struct rpc_breaker *b, int64_t now_ms)
{
    return now_ms < b->until_ms;
}

bool rpc_breaker_takes(const struct rpc_breaker *b, int64_t now_ms, unsigned owed)
{
    if (rpc_breaker_open(b, now_ms))
        return false;
    return b->ejections == 0 || owed == 0;
}
