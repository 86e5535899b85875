#include "gateway/keyring.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "svc/log.h"

enum {
    CACHE_ENTRIES = 4096,
    STEADY_MS = 10 * 1000, /* less than the 15 s before a new key signs */
    MISSING_MS = 250,
    FETCH_GAP_MS = 1000
};

struct gateway_keyring {
    struct gateway_keyring_config cfg;
    const struct contract_method *method;
    struct loop_timer *timer;
    bool fetching;
    int64_t fetched_ms;
    char version[64]; /* of auth's ring, that the last fetch was for */
    char *jwks;       /* the last document, to notice that nothing changed */
    size_t jwks_n;

    pthread_mutex_t lock; /* ring, cache */
    struct token_ring *ring;
    struct token_cache *cache;
};

static struct token_ring *new_ring(const struct gateway_keyring *k)
{
    const struct gateway_config *s = k->cfg.settings;
    return token_ring_new(s->issuer, s->audience, s->access_lifetime_s,
                          s->refresh_lifetime_s);
}

static void replace_ring(struct gateway_keyring *k, struct token_ring *ring)
{
    pthread_mutex_lock(&k->lock);
    struct token_ring *old = k->ring;
    k->ring = ring;
    token_cache_clear(k->cache);
    pthread_mutex_unlock(&k->lock);
    token_ring_free(&old);
}

static void take_document(struct gateway_keyring *k, struct str jwks)
{
    if (k->jwks && str_eq(jwks, (struct str){ k->jwks, k->jwks_n }))
        return;
    struct token_ring *ring = new_ring(k);
    int n = token_ring_add_jwks(ring, jwks);
    if (n <= 0) {
        log_warn("keys", "auth's key set is not usable", F_INT("keys", n));
        token_ring_free(&ring);
        return;
    }
    free(k->jwks);
    k->jwks = xstrndup(jwks.p, jwks.n);
    k->jwks_n = jwks.n;
    replace_ring(k, ring);
    log_info("keys", "token keys loaded", F_INT("keys", n));
}

static void plan(struct gateway_keyring *k);

static void on_fetched(void *arg, enum err e, const struct frame *reply)
{
    struct gateway_keyring *k = arg;
    k->fetching = false;
    if (e == ERR_OK) {
        take_document(k, reply->body);
    } else {
        k->version[0] = '\0';
        log_debug("keys", "key set not fetched", F_STR("reason", err_info(e)->code));
    }
    plan(k);
    k->cfg.settled(k->cfg.arg);
}

static void fetch(struct gateway_keyring *k)
{
    struct frame f = { .method = k->method->number };
    k->fetching = true;
    k->fetched_ms = clock_mono_ms();
    rpc_call(k->cfg.auth, &f, k->method->timeout_ms, true, on_fetched, k);
}

static void on_timer(void *arg)
{
    struct gateway_keyring *k = arg;
    k->timer = NULL;
    if (!k->fetching)
        fetch(k);
}

static void plan(struct gateway_keyring *k)
{
    loop_timer_cancel(&k->timer);
    k->timer = loop_timer(
        k->cfg.loop, gateway_keyring_present(k) ? STEADY_MS : MISSING_MS, 0, on_timer, k);
}

static bool load_secret(struct gateway_keyring *k)
{
    const struct secret *key = k->cfg.settings->django_secret_key;
    struct token_ring *ring = new_ring(k);
    if (key && token_ring_add_hs256(ring, key)) {
        replace_ring(k, ring);
        return true;
    }
    token_ring_free(&ring);
    log_error("keys", token_hs256_mistake(key), F_BOOL("set", key != NULL));
    return false;
}

struct gateway_keyring *gateway_keyring_new(const struct gateway_keyring_config *cfg)
{
    struct gateway_keyring *k = xcalloc(1, sizeof *k);
    k->cfg = *cfg;
    pthread_mutex_init(&k->lock, NULL);
    k->cache = token_cache_new(CACHE_ENTRIES);
    if (cfg->settings->algorithm == GATEWAY_HS256) {
        if (!load_secret(k))
            gateway_keyring_free(&k);
        return k;
    }
    if (cfg->settings->django_secret_key)
        log_info("keys", "setting_unused", F_STR("variable", "DJANGO_SECRET_KEY"));
    k->method = contract_by_name(cfg->contract, "auth.jwks");
    if (!k->method)
        BUG("the contract has no auth.jwks");
    fetch(k);
    return k;
}

void gateway_keyring_free(struct gateway_keyring **kp)
{
    struct gateway_keyring *k = *kp;
    if (!k)
        return;
    *kp = NULL;
    loop_timer_cancel(&k->timer);
    token_ring_free(&k->ring);
    token_cache_free(&k->cache);
    pthread_mutex_destroy(&k->lock);
    free(k->jwks);
    free(k);
}

bool gateway_keyring_present(struct gateway_keyring *k)
{
    pthread_mutex_lock(&k->lock);
    bool present = k->ring != NULL; /* an empty set never becomes a ring */
    pthread_mutex_unlock(&k->lock);
    return present;
}

enum token_verdict gateway_keyring_verify(struct gateway_keyring *k, struct str token,
                                          struct token_claims *ret)
{
    pthread_mutex_lock(&k->lock);
    enum token_verdict v = TOKEN_UNKNOWN_KEY;
    if (k->ring)
        v = token_verify_cached(k->cache, k->ring, token, clock_wall_s(), ret);
    pthread_mutex_unlock(&k->lock);
    return v;
}

bool gateway_keyring_refresh(struct gateway_keyring *k)
{
    if (k->fetching)
        return true;
    if (!k->method || clock_mono_ms() - k->fetched_ms < FETCH_GAP_MS)
        return false;
    loop_timer_cancel(&k->timer);
    fetch(k);
    return true;
}

void gateway_keyring_expect(struct gateway_keyring *k, const char *version)
{
    if (strcmp(version, k->version) == 0 || k->fetching || !gateway_keyring_refresh(k))
        return;
    snprintf(k->version, sizeof k->version, "%s", version);
}
