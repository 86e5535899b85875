#include "auth/signing.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "svc/log.h"

enum { READ_MS = 3000, FIRST_READ_MS = 250, TIMEOUT_MS = 2000, PEM_MAX = 4096 };

static const struct db_stmt KEYS_READ = { "signing_keys", DB_POINT };
static const struct db_stmt KEY_ADD = { "signing_key_add", DB_WRITE };

struct auth_signing {
    struct svc *svc;
    const struct auth_config *cfg;
    uint8_t master[AUTH_MASTER_KEY];
    struct token_ring *ring;
    char *loaded; /* what the ring was made of */
    struct loop_timer *timer;
    bool adding; /* the first key is on its way */
    char version[AUTH_RING_VERSION];
    loop_fn *changed;
    void *changed_arg;
};

/* --- sealing -------------------------------------------------------------------------
 */

bool auth_master_key(struct keys *keys, uint8_t out[static AUTH_MASTER_KEY])
{
    const char *why = "is not 64 hex digits";
    struct secret *text = keys_secret(keys, "master.key", &why);
    bool ok = text && hex_decode(secret_expose(text), out, AUTH_MASTER_KEY);

    secret_free(&text);
    if (!ok)
        log_error("auth", "master_key_unusable", F_STR("why", why));
    return ok;
}

void auth_seal(const uint8_t master[static AUTH_MASTER_KEY], const struct secret *pem,
               struct buf *out)
{
    struct str text = secret_expose(pem);
    uint8_t nonce[crypto_secretbox_NONCEBYTES];
    AUTO_FREE uint8_t *box = xmalloc(text.n + crypto_secretbox_MACBYTES);

    id_random(nonce, sizeof(nonce));
    crypto_secretbox_easy(box, (const uint8_t *)text.p, text.n, nonce, master);
    buf_add(out, nonce, sizeof(nonce));
    buf_add(out, box, text.n + crypto_secretbox_MACBYTES);
}

struct secret *auth_unseal(const uint8_t master[static AUTH_MASTER_KEY],
                           struct str sealed)
{
    const size_t head = crypto_secretbox_NONCEBYTES, mac = crypto_secretbox_MACBYTES;
    const uint8_t *p = (const uint8_t *)sealed.p;
    uint8_t pem[PEM_MAX];
    struct secret *out = NULL;

    if (sealed.n <= head + mac || sealed.n - head - mac > sizeof(pem))
        return NULL;
    size_t n = sealed.n - head - mac;
    if (crypto_secretbox_open_easy(pem, p + head, sealed.n - head, p, master) == 0)
        out = secret_new((struct str){ (const char *)pem, n });
    sodium_memzero(pem, sizeof(pem));
    return out;
}

/* --- the ring ------------------------------------------------------------------------
 */

static struct token_ring *empty_ring(const struct auth_signing *s)
{
    return token_ring_new(s->cfg->issuer, s->cfg->audience, s->cfg->access_s,
                          s->cfg->refresh_s);
}

static void add_row(const struct auth_signing *s, struct token_ring *ring,
                    const struct db_result *r, int row)
{
    uint8_t sealed[PEM_MAX];
    AUTO_FREE char *kid = xstrndup(db_text(r, row, 0).p, db_text(r, row, 0).n);
    struct str hex = db_text(r, row, 1); /* \x... */

    if (hex.n < 2 || hex.n / 2 - 1 > sizeof(sealed))
        return;
    size_t n = hex.n / 2 - 1;
    hex = (struct str){ hex.p + 2, hex.n - 2 };
    struct secret *pem = NULL;
    if (hex_decode(hex, sealed, n))
        pem = auth_unseal(s->master, (struct str){ (const char *)sealed, n });
    if (!pem || !token_ring_add_private(ring, kid, pem, db_int(r, row, 2)))
        log_error("auth", "signing_key_unusable", F_STR("kid", kid));
    secret_free(&pem);
}

/* Which keys, and when they sign: another ring only when this is another text. */
static char *summary_of(const struct db_result *r)
{
    AUTO_BUF struct buf b;

    buf_init(&b, 16 * 1024);
    for (int i = 0; i < r->rows; i++)
        buf_printf(&b, "%.*s@%lld ", STR_ARG(db_text(r, i, 0)),
                   (long long)db_int(r, i, 2));
    return buf_take(&b, NULL);
}

static void name_ring(struct auth_signing *s)
{
    uint8_t hash[crypto_generichash_BYTES_MIN];

    crypto_generichash(hash, sizeof(hash), (const uint8_t *)s->loaded, strlen(s->loaded),
                       NULL, 0);
    hex_encode(hash, sizeof(hash), s->version);
}

static void load(struct auth_signing *s, const struct db_result *r)
{
    char *summary = summary_of(r);

    if (s->loaded && strcmp(summary, s->loaded) == 0) {
        free(summary);
        return;
    }
    struct token_ring *ring = empty_ring(s);
    for (int i = 0; i < r->rows; i++)
        add_row(s, ring, r, i);
    token_ring_free(&s->ring);
    s->ring = ring;
    free(s->loaded);
    s->loaded = summary;
    name_ring(s);
    log_info("auth", "keys_loaded", F_INT("keys", token_ring_size(ring)));
    if (s->changed)
        s->changed(s->changed_arg);
}

static void read_keys(void *arg);

static void schedule(struct auth_signing *s, int64_t delay_ms)
{
    s->timer = loop_timer(s->svc->loop, delay_ms, 0, read_keys, s);
}

static void on_added(void *arg, const struct db_result *r)
{
    struct auth_signing *s = arg;

    (void)r; /* ours or another replica's: the next read sees which */
    s->adding = false;
    schedule(s, 0);
}

/* Replicas that start together all try generation 1; one wins. */
static void add_first(struct auth_signing *s)
{
    char kid[TOKEN_KID_MAX], now[CLOCK_TEXT_SIZE];
    struct arena a;
    AUTO_BUF struct buf sealed;
    struct secret *pem = token_new_key(kid);

    buf_init(&sealed, PEM_MAX);
    if (!pem) { /* an empty one would be generation 1 for good */
        log_error("auth", "key_not_made", F_INT("retry_ms", READ_MS));
        return schedule(s, READ_MS);
    }
    arena_init(&a);
    auth_seal(s->master, pem, &sealed);
    secret_free(&pem);
    struct str at = str_of(clock_text(clock_wall_us(), now));
    struct str params[] = { str_of(kid), STR("1"), db_bytes_param(&a, sealed.p, sealed.n),
                            at, at };
    s->adding = true;
    db_query(s->svc->db, &KEY_ADD, params, ARRAY_LEN(params), TIMEOUT_MS, on_added, s);
    arena_deinit(&a);
}

static void on_keys(void *arg, const struct db_result *r)
{
    struct auth_signing *s = arg;

    if (r->status == DB_OK && r->rows == 0)
        return add_first(s);
    if (r->status == DB_OK)
        load(s, r);
    schedule(s, s->ring ? READ_MS : FIRST_READ_MS);
}

static void read_keys(void *arg)
{
    struct auth_signing *s = arg;
    char oldest[CLOCK_TEXT_SIZE];
    int64_t refresh_us = s->cfg->refresh_s * 1000000;

    s->timer = NULL;
    struct str since = str_of(clock_text(clock_wall_us() - refresh_us, oldest));
    db_query(s->svc->db, &KEYS_READ, &since, 1, TIMEOUT_MS, on_keys, s);
}

/* --- life ----------------------------------------------------------------------------
 */

static bool use_hs256(struct auth_signing *s)
{
    s->ring = empty_ring(s);
    if (s->cfg->django_secret_key &&
        token_ring_add_hs256(s->ring, s->cfg->django_secret_key))
        return true;
    log_error("auth", "hs256_key_too_short", F_STR("variable", "DJANGO_SECRET_KEY"),
              F_INT("bytes_needed", 32));
    return false;
}

struct auth_signing *auth_signing_start(struct svc *svc, const struct auth_config *cfg)
{
    struct auth_signing *s = xcalloc(1, sizeof(*s));

    s->svc = svc;
    s->cfg = cfg;
    bool ok = auth_master_key(svc->keys, s->master);
    if (ok && cfg->jwt_algorithm == AUTH_HS256)
        ok = use_hs256(s);
    else if (ok)
        schedule(s, 0);
    if (!ok)
        auth_signing_stop(&s);
    if (ok && cfg->jwt_algorithm == AUTH_ES256 && cfg->django_secret_key)
        log_info("auth", "setting_unused", F_STR("variable", "DJANGO_SECRET_KEY"));
    return s;
}

void auth_signing_stop(struct auth_signing **s)
{
    if (!*s)
        return;
    loop_timer_cancel(&(*s)->timer);
    token_ring_free(&(*s)->ring);
    free((*s)->loaded);
    sodium_memzero((*s)->master, sizeof((*s)->master));
    free(*s);
    *s = NULL;
}

void auth_signing_on_change(struct auth_signing *s, loop_fn *fn, void *arg)
{
    s->changed = fn;
    s->changed_arg = arg;
}

const char *auth_signing_version(const struct auth_signing *s)
{
    return s->version;
}

const struct token_ring *auth_signing_ring(const struct auth_signing *s)
{
    return s->ring && token_ring_size(s->ring) > 0 ? s->ring : NULL;
}
