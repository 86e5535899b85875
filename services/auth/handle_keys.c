/* auth.jwks and auth.events.pull: what other services ask auth for. */
#include "auth/app.h"

void auth_jwks(struct call *c)
{
    const struct auth_app *app = c->app;
    const struct token_ring *ring = auth_signing_ring(app->signing);
    AUTO_BUF struct buf body;

    buf_init(&body, 64 * 1024);
    if (!ring)
        return call_fail(c, ERR_UNAVAILABLE);
    token_ring_jwks(ring, &body);
    /* less than the time between a key's publication and its first signature */
    record_add(&c->meta, REC_CACHE_CONTROL, STR("public, max-age=10"));
    call_reply(c, 0, buf_get(&body));
}

void auth_events_pull(struct call *c)
{
    const struct auth_app *app = c->app;

    event_publisher_handle_pull(app->events, c);
}

void auth_events_status(struct call *c)
{
    const struct auth_app *app = c->app;

    event_stream_handle_status(app->svc, "user", c);
}
