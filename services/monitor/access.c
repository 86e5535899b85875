#include "monitor/access.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "base/mem.h"
#include "svc/address.h"

static const char COOKIE[] = "quintet_monitor";
static const char HOST_COOKIE[] = "__Host-quintet_monitor";

enum { PAIRS_MAX = 64, CLIENTS = 64, MINUTE_MS = 60000, HEADER_MAX = 1024 };

struct pair {
    struct str user, password; /* into the secret */
    enum access_role role;
};

/* Clients that guessed wrong lately; the oldest makes room. */
struct guesser {
    struct address client;
    int64_t since_ms;
    unsigned n; /* 0: nobody */
};

struct access {
    struct secret *basic; /* our copy: the pairs point into it */
    struct pair pairs[PAIRS_MAX];
    unsigned npairs;
    struct guesser guessers[ACCESS_DOORS][CLIENTS];
    struct session *sessions[SESSIONS_MAX];
    unsigned n;
    uint64_t serial;
    int64_t idle_ms, max_ms;
    void (*on_end)(void *arg, const struct session *s);
    void *on_end_arg;
};

/* ---- the settings ---- */

static bool add_pair(struct access *a, struct str text)
{
    static const struct str RO = { ":ro", 3 };
    struct pair *p = &a->pairs[a->npairs];
    p->role = ACCESS_ADMIN;
    if (text.n > RO.n && str_eq((struct str){ text.p + text.n - RO.n, RO.n }, RO)) {
        p->role = ACCESS_READER;
        text.n -= RO.n;
    }
    p->password = text;
    p->user = str_cut(&p->password, ':');
    a->npairs++;
    return p->user.n > 0 && p->user.n < ACCESS_NAME && p->password.n > 0;
}

static const char *read_pairs(struct access *a)
{
    struct str rest = secret_expose(a->basic);
    while (rest.p) {
        struct str line = str_cut(&rest, '\n');
        while (line.p) {
            struct str pair = str_trim(str_cut(&line, ','));
            if (pair.n == 0)
                continue;
            if (a->npairs == PAIRS_MAX)
                return "names more than 64 users";
            if (!add_pair(a, pair))
                return "must be user:password or user:password:ro, a comma list";
        }
    }
    return NULL;
}

struct access *access_new(const struct secret *basic, int64_t idle_ms, int64_t max_ms,
                          const char **ret_why)
{
    struct access *a = xcalloc(1, sizeof *a);
    a->idle_ms = idle_ms;
    a->max_ms = max_ms;
    *ret_why = NULL;
    if (basic) {
        a->basic = secret_new(secret_expose(basic));
        *ret_why = read_pairs(a);
    }
    if (*ret_why)
        access_free(&a);
    return a;
}

void access_free(struct access **ap)
{
    struct access *a = *ap;
    if (!a)
        return;
    *ap = NULL;
    a->on_end = NULL;
    while (a->n > 0)
        access_end(a, a->sessions[0]);
    secret_free(&a->basic);
    free(a);
}

/* ---- Basic ---- */

static struct address network_of(const char *client)
{
    struct address a = { { 0 } };
    address_parse(str_of(client), &a);
    return address_client(&a);
}

/* The client's entry, perhaps a fresh one. */
static struct guesser *find_guesser(struct access *a, enum access_door door,
                                    const char *client, int64_t now_ms)
{
    struct address who = network_of(client);
    struct guesser *all = a->guessers[door], *oldest = all;
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct guesser *g = &all[i];
        bool known = g->n > 0 && memcmp(&g->client, &who, sizeof who) == 0;
        if (known && now_ms - g->since_ms <= MINUTE_MS)
            return g;
        if (known || g->n == 0 || (oldest->n > 0 && g->since_ms < oldest->since_ms))
            oldest = g;
        if (known)
            break;
    }
    *oldest = (struct guesser){ .client = who, .since_ms = now_ms };
    return oldest;
}

bool access_try(struct access *a, enum access_door door, const char *client,
                int64_t now_ms)
{
    struct guesser *g = find_guesser(a, door, client, now_ms);
    if (g->n >= GUESSES_MAX)
        return false;
    g->n++;
    return true;
}

void access_right(struct access *a, enum access_door door, const char *client,
                  int64_t now_ms)
{
    struct guesser *g = find_guesser(a, door, client, now_ms);
    if (g->n > 0)
        g->n--;
}

/* Standard base64 with padding, through the one decoder there is. */
static bool decode_base64(struct str in, char *out, size_t *ret_n)
{
    char url[HEADER_MAX];
    while (in.n > 0 && in.p[in.n - 1] == '=')
        in.n--;
    if (in.n >= sizeof url)
        return false;
    for (size_t i = 0; i < in.n; i++)
        url[i] = (char)(in.p[i] == '+' ? '-' : in.p[i] == '/' ? '_' : in.p[i]);
    int n = b64url_decode((struct str){ url, in.n }, out);
    *ret_n = n > 0 ? (size_t)n : 0;
    explicit_bzero(url, sizeof url);
    return n > 0;
}

/* Compares with every pair, so that time tells neither the user nor the place. */
static const struct pair *find_pair(const struct access *a, struct str user,
                                    struct str password)
{
    const struct pair *found = NULL;
    for (unsigned i = 0; i < a->npairs; i++) {
        bool user_fits = str_eq_secret(a->pairs[i].user, user);
        bool password_fits = str_eq_secret(a->pairs[i].password, password);
        if (user_fits & password_fits)
            found = &a->pairs[i];
    }
    return found;
}

enum access_role access_basic(struct access *a, struct str header, const char *client,
                              int64_t now_ms, char name[static ACCESS_NAME],
                              bool *ret_busy)
{
    static const struct str SCHEME = { "basic ", 6 };
    char plain[HEADER_MAX];
    size_t n;
    *ret_busy = false;
    if (header.n < SCHEME.n || a->npairs == 0 ||
        !str_eq_ci((struct str){ header.p, SCHEME.n }, SCHEME))
        return ACCESS_NONE;
    *ret_busy = !access_try(a, ACCESS_BY_BASIC, client, now_ms);
    struct str coded = str_trim((struct str){ header.p + SCHEME.n, header.n - SCHEME.n });
    if (*ret_busy || !decode_base64(coded, plain, &n))
        return ACCESS_NONE;
    struct str password = { plain, n };
    struct str user = str_cut(&password, ':');
    const struct pair *p = find_pair(a, user, password);
    explicit_bzero(plain, sizeof plain);
    if (!p)
        return ACCESS_NONE;
    access_right(a, ACCESS_BY_BASIC, client, now_ms);
    snprintf(name, ACCESS_NAME, "%.*s", STR_ARG(p->user));
    return p->role;
}

/* ---- sessions ---- */

static void random_text(char out[static SESSION_TEXT])
{
    uint8_t bytes[32];
    id_random(bytes, sizeof bytes);
    b64url_encode(bytes, sizeof bytes, out);
    explicit_bzero(bytes, sizeof bytes);
}

_Static_assert(SESSION_HASH == crypto_hash_sha256_BYTES, "SHA-256");

static void hash_of(struct str token, uint8_t hash[static SESSION_HASH])
{
    crypto_hash_sha256(hash, (const uint8_t *)token.p, token.n);
}

/* The page's proof that it can read what this site answers. Made of the cookie, so that
 * it needs no keeping; tells nothing about it. */
static void csrf_of(struct str token, char csrf[static SESSION_TEXT])
{
    static const uint8_t PURPOSE[] = "quintet monitor csrf";
    uint8_t mac[32];
    crypto_generichash(mac, sizeof mac, (const uint8_t *)token.p, token.n, PURPOSE,
                       sizeof PURPOSE);
    b64url_encode(mac, sizeof mac, csrf);
}

void access_on_end(struct access *a, void (*fn)(void *arg, const struct session *s),
                   void *arg)
{
    a->on_end = fn;
    a->on_end_arg = arg;
}

void access_end(struct access *a, struct session *s)
{
    if (a->on_end)
        a->on_end(a->on_end_arg, s);
    for (unsigned i = 0; i < a->n; i++)
        if (a->sessions[i] == s)
            a->sessions[i] = a->sessions[--a->n];
    explicit_bzero(s, sizeof *s);
    free(s);
}

static struct session *least_used(const struct access *a)
{
    struct session *least = a->sessions[0];
    for (unsigned i = 1; i < a->n; i++)
        if (a->sessions[i]->used_ms < least->used_ms)
            least = a->sessions[i];
    return least;
}

struct session *access_open(struct access *a, const char *name, int64_t user_id,
                            const uint8_t *sid, enum access_role role, int64_t now_ms,
                            char ret_token[static SESSION_TEXT])
{
    if (a->n == SESSIONS_MAX)
        access_end(a, least_used(a));
    struct session *s = xcalloc(1, sizeof *s);
    random_text(ret_token);
    hash_of(str_of(ret_token), s->hash);
    csrf_of(str_of(ret_token), s->csrf);
    snprintf(s->name, sizeof s->name, "%s", name);
    s->user_id = user_id;
    s->has_sid = sid != NULL;
    if (sid)
        memcpy(s->sid, sid, sizeof s->sid);
    s->role = role;
    s->serial = ++a->serial;
    s->born_ms = s->used_ms = s->checked_ms = now_ms;
    a->sessions[a->n++] = s;
    return s;
}

static bool lives(const struct access *a, const struct session *s, int64_t now_ms)
{
    return now_ms - s->born_ms < a->max_ms && now_ms - s->used_ms < a->idle_ms;
}

static struct session *by_hash(const struct access *a,
                               const uint8_t hash[static SESSION_HASH])
{
    for (unsigned i = 0; i < a->n; i++)
        if (sodium_memcmp(a->sessions[i]->hash, hash, SESSION_HASH) == 0)
            return a->sessions[i];
    return NULL;
}

static struct session *by_token(const struct access *a, struct str token)
{
    uint8_t hash[SESSION_HASH];
    hash_of(token, hash);
    struct session *s = by_hash(a, hash);
    if (s && !s->csrf[0])
        csrf_of(token, s->csrf);
    return s;
}

bool access_restore(struct access *a, const struct session *of, int64_t now_ms)
{
    if (a->n == SESSIONS_MAX || by_hash(a, of->hash) || !lives(a, of, now_ms))
        return false;
    struct session *s = xcalloc(1, sizeof *s);
    *s = *of;
    s->csrf[0] = '\0';
    s->checking = false;
    s->checked_ms = now_ms - SESSION_STALE_MS; /* auth is asked at once */
    s->serial = ++a->serial;
    a->sessions[a->n++] = s;
    return true;
}

struct session *access_first(struct access *a, bool (*fn)(const struct session *s))
{
    for (unsigned i = 0; i < a->n; i++)
        if (fn(a->sessions[i]))
            return a->sessions[i];
    return NULL;
}

/* The next token in a Cookie header; p NULL when there is none left. */
static struct str next_token(struct str *cookies)
{
    while (cookies->p) {
        struct str value = str_trim(str_cut(cookies, ';'));
        struct str name = str_cut(&value, '=');
        if (value.p &&
            (str_eq(name, str_of(COOKIE)) || str_eq(name, str_of(HOST_COOKIE))))
            return value;
    }
    return (struct str){ 0 };
}

struct session *access_find(struct access *a, struct str cookies, int64_t now_ms)
{
    struct str token;
    while ((token = next_token(&cookies)).p) {
        struct session *s = by_token(a, token);
        if (s && lives(a, s, now_ms))
            return s;
    }
    return NULL;
}

bool access_offers(struct str cookies)
{
    return next_token(&cookies).p != NULL;
}

struct session *access_by_serial(struct access *a, uint64_t serial, int64_t now_ms)
{
    for (unsigned i = 0; i < a->n; i++)
        if (a->sessions[i]->serial == serial && lives(a, a->sessions[i], now_ms))
            return a->sessions[i];
    return NULL;
}

void access_tick(struct access *a, int64_t now_ms,
                 void (*fn)(void *arg, struct session *s), void *arg)
{
    for (unsigned i = 0; i < a->n; i++) {
        struct session *s = a->sessions[i];
        if (!lives(a, s, now_ms)) {
            access_end(a, s);
            i--;
        } else if (!s->checking && now_ms - s->checked_ms >= SESSION_CHECK_MS) {
            s->checking = true;
            fn(arg, s);
        }
    }
}

unsigned access_count(const struct access *a)
{
    return a->n;
}

bool access_is_confirmed(const struct session *s, int64_t now_ms)
{
    return now_ms - s->checked_ms < SESSION_STALE_MS;
}

bool access_csrf(const struct session *s, struct str token)
{
    return s->csrf[0] && str_eq_secret(str_of(s->csrf), token);
}

int64_t access_ends_ms(const struct access *a, const struct session *s)
{
    int64_t idle = s->used_ms + a->idle_ms, max = s->born_ms + a->max_ms;
    return idle < max ? idle : max;
}

/* ---- headers ---- */

/* A browser on https or localhost says Sec-Fetch-Site, any browser says Origin with a
 * request that writes; a program says neither, and has to know the token anyway. */
bool access_same_origin(struct str sec_fetch_site, struct str origin, struct str host)
{
    if (sec_fetch_site.n > 0)
        return str_eq(sec_fetch_site, STR("same-origin")) ||
               str_eq(sec_fetch_site, STR("none"));
    if (origin.n == 0)
        return true;
    static const struct str SCHEMES[] = { { "https://", 8 }, { "http://", 7 } };
    for (size_t i = 0; i < ARRAY_LEN(SCHEMES); i++)
        if (str_starts(origin, SCHEMES[i]))
            return str_eq_ci(
                (struct str){ origin.p + SCHEMES[i].n, origin.n - SCHEMES[i].n }, host);
    return false;
}

const char *access_cookie_name(bool https, const char *prefix)
{
    return https && !*prefix ? HOST_COOKIE : COOKIE;
}
