#include "auth/link.h"

#include <openssl/sha.h>
#include <sodium.h>

#include "base/id.h"

void auth_link_hash(struct str token, uint8_t hash[static AUTH_LINK_HASH])
{
    SHA256((const uint8_t *)token.p, token.n, hash);
}

struct auth_link auth_link_make(const struct auth_app *app, struct arena *a)
{
    uint8_t secret[32], hash[AUTH_LINK_HASH];
    char text[B64URL_SIZE(sizeof(secret))];
    uint8_t sealed[AUTH_LINK_TEXT + crypto_box_SEALBYTES];

    id_random(secret, sizeof(secret));
    b64url_encode(secret, sizeof(secret), text);
    auth_link_hash(str_of(text), hash);
    crypto_box_seal(sealed, (const uint8_t *)text, AUTH_LINK_TEXT, app->mailer_seal);
    struct auth_link link = {
        .hash = db_bytes_param(a, hash, sizeof(hash)),
        .sealed = db_bytes_param(a, sealed, sizeof(sealed)),
    };
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(text, sizeof(text));
    return link;
}
