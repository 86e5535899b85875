#include "auth/grant.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "svc/log.h"

static void fill(struct token_claims *t, const struct auth_grant *g, enum token_type type)
{
    size_t n = g->username.n < TOKEN_NAME_MAX ? g->username.n : TOKEN_NAME_MAX;

    *t = (struct token_claims){ .type = type, .user_id = g->user_id, .uv = g->uv };
    memcpy(t->sid, g->sid, sizeof(t->sid));
    memcpy(t->username, g->username.p, n);
    t->role = str_eq(g->role, STR("ADMIN")) ? ROLE_ADMIN : ROLE_USER;
}

static bool sign_refresh(const struct token_ring *ring, const struct auth_grant *g,
                         int64_t now, struct buf *out)
{
    struct token_claims t;

    fill(&t, g, TOKEN_REFRESH);
    t.iat = g->issued;
    t.exp = g->expires;
    hex_encode(g->jti, sizeof(g->jti), t.jti);
    return token_sign(ring, &t, now, out);
}

/* Its iat is its own: the age of an access token is not that of the refresh token. */
static bool sign_access(const struct token_ring *ring, const struct auth_grant *g,
                        int64_t now, int64_t lifetime_s, struct buf *out)
{
    struct token_claims t;
    uint8_t jti[16];

    fill(&t, g, TOKEN_ACCESS);
    t.iat = now;
    t.exp = now + lifetime_s;
    id_random(jti, sizeof(jti));
    hex_encode(jti, sizeof(jti), t.jti);
    return token_sign(ring, &t, now, out);
}

static void reply(struct call *c, const struct auth_grant *g, struct str refresh,
                  struct str access)
{
    AUTO_BUF struct buf body;
    struct jsonw w;

    buf_init(&body, 3 * TOKEN_MAX);
    jw_begin(&w, &body);
    jw_object(&w);
    if (g->with_refresh && !g->renewed)
        jw_kstr(&w, "refresh", refresh);
    jw_kstr(&w, "access", access);
    if (g->with_refresh && g->renewed)
        jw_kstr(&w, "refresh", refresh);
    jw_object_end(&w);
    jw_end(&w);
    record_add(&c->meta, REC_CACHE_CONTROL, STR("no-store"));
    call_reply(c, 0, buf_get(&body));
}

void auth_reply_grant(struct call *c, const struct auth_grant *g)
{
    const struct auth_app *app = c->app;
    const struct token_ring *ring = auth_signing_ring(app->signing);
    int64_t now = clock_wall_s();
    AUTO_BUF struct buf refresh;
    AUTO_BUF struct buf access;

    buf_init(&refresh, TOKEN_MAX);
    buf_init(&access, TOKEN_MAX);
    if (ring && sign_access(ring, g, now, app->cfg->access_s, &access) &&
        (!g->with_refresh || sign_refresh(ring, g, now, &refresh)))
        return reply(c, g, buf_get(&refresh), buf_get(&access));
    log_error("auth", "no_key_signs", F_ID("request_id", c->frame.request_id));
    call_fail(c, ERR_UNAVAILABLE);
}
