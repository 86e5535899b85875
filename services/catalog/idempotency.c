#include "catalog/idempotency.h"

#include <sodium.h>

/* Visible ASCII only: a key is an opaque token (RFC 8941 strings). */
static bool is_acceptable(struct str key)
{
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] < ' ' || key.p[i] > '~')
            return false;
    return key.n <= CATALOG_KEY_MAX;
}

static void hash_request(const struct call *c, unsigned char *out)
{
    crypto_hash_sha256_state state;
    struct str type = call_record(c, REC_CONTENT_TYPE);
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)c->method->name,
                              strlen(c->method->name) + 1);
    crypto_hash_sha256_update(&state, (const unsigned char *)type.p, type.n);
    crypto_hash_sha256_update(&state, (const unsigned char *)"", 1);
    crypto_hash_sha256_update(&state, (const unsigned char *)c->frame.body.p,
                              c->frame.body.n);
    crypto_hash_sha256_final(&state, out);
}

bool catalog_claim_read(struct call *c, struct catalog_claim *ret)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    const struct catalog_app *app = c->app;
    struct str key = call_record(c, REC_IDEMPOTENCY_KEY);
    if (!is_acceptable(key)) {
        call_fail_details(c, ERR_BAD_REQUEST,
                          STR("{\"detail\":\"The Idempotency-Key must be 1 to 255 "
                              "printable ASCII characters.\"}"));
        return false;
    }
    ret->key = key.n > 0 ? key : db_null();
    hash_request(c, hash);
    ret->hash = db_bytes_param(&c->arena, hash, sizeof(hash));
    int64_t life_us = app->cfg->idempotency_hours * 3600 * 1000000;
    char *text = arena_alloc(&c->arena, CLOCK_TEXT_SIZE);
    ret->oldest = str_of(clock_text(clock_wall_us() - life_us, text));
    return true;
}
