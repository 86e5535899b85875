#include "svc/proxies.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "svc/http_guard.h"
#include "svc/resolve.h"

enum { NAMES_TEXT_MAX = 4096, RESOLVED_MAX = 256 };

struct proxies {
    struct network_list networks; /* never changes */
    bool none;
    struct resolver *resolver; /* NULL: no names */
    pthread_mutex_t lock;      /* resolved */
    struct address resolved[RESOLVED_MAX];
    unsigned nresolved;
};

/* ---- the list ---- */

static bool is_name(struct str s)
{
    bool letter = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alpha && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != '_')
            return false;
        letter = letter || alpha;
    }
    return letter;
}

/* The resolver speaks of endpoints; the port means nothing here. */
static bool add_member(struct proxies *p, struct str member, struct buf *names)
{
    struct network_list *list = &p->networks;
    if (list->n < NETWORKS_MAX && network_parse(member, &list->network[list->n])) {
        list->n++;
        return true;
    }
    if (!is_name(member))
        return false;
    buf_printf(names, "%stcp://%.*s:1", names->n > 0 ? "," : "", STR_ARG(member));
    return !names->overflow;
}

static bool read_list(struct proxies *p, struct str rest, struct buf *names)
{
    while (rest.n > 0) {
        struct str member = str_trim(str_cut(&rest, ','));
        if (member.n > 0 && !add_member(p, member, names))
            return false;
    }
    return true;
}

bool proxies_fine(const char *list)
{
    AUTO_FREE struct proxies *p = xcalloc(1, sizeof *p);
    AUTO_BUF struct buf names;
    buf_init(&names, NAMES_TEXT_MAX);
    return read_list(p, str_of(list), &names) &&
           (names.n == 0 || resolver_can_follow(names.p));
}

/* "tcp://10.0.0.3:1" or "tcp://[fd00::3]:1" */
static bool parse_endpoint(const char *endpoint, struct address *ret)
{
    struct str s = str_of(endpoint + strlen("tcp://"));
    s.n = (size_t)(strrchr(endpoint, ':') - s.p);
    if (s.n > 2 && s.p[0] == '[')
        s = (struct str){ s.p + 1, s.n - 2 };
    return address_parse(s, ret);
}

static void on_resolved(void *arg, const char *const *endpoints, unsigned n)
{
    struct proxies *p = arg;
    pthread_mutex_lock(&p->lock);
    p->nresolved = 0;
    for (unsigned i = 0; i < n && p->nresolved < RESOLVED_MAX; i++)
        if (parse_endpoint(endpoints[i], &p->resolved[p->nresolved]))
            p->nresolved++;
    pthread_mutex_unlock(&p->lock);
}

struct proxies *proxies_new(struct loop *l, const char *list)
{
    struct proxies *p = xcalloc(1, sizeof *p);
    AUTO_BUF struct buf names;
    buf_init(&names, NAMES_TEXT_MAX);
    pthread_mutex_init(&p->lock, NULL);
    if (!read_list(p, str_of(list), &names)) {
        proxies_free(&p);
        return NULL;
    }
    p->none = p->networks.n == 0 && names.n == 0;
    if (names.n > 0)
        p->resolver = resolver_start(l, names.p, on_resolved, p);
    return p;
}

void proxies_free(struct proxies **pp)
{
    struct proxies *p = *pp;
    if (!p)
        return;
    *pp = NULL;
    resolver_stop(&p->resolver);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* ---- who is it ---- */

static bool is_resolved(struct proxies *p, const struct address *peer)
{
    bool found = false;
    pthread_mutex_lock(&p->lock);
    for (unsigned i = 0; i < p->nresolved && !found; i++)
        found = memcmp(&p->resolved[i], peer, sizeof *peer) == 0;
    pthread_mutex_unlock(&p->lock);
    return found;
}

bool proxies_trust(struct proxies *p, const struct address *peer)
{
    if (p->none)
        return false;
    return network_list_holds(&p->networks, peer) ||
           (p->resolver && is_resolved(p, peer));
}

/* "10.0.0.1", "10.0.0.1:4711", "::1", "[::1]", "[::1]:4711" */
static bool parse_hop(struct str s, struct address *ret)
{
    s = str_trim(s);
    if (s.n > 0 && s.p[0] == '[') {
        const char *end = memchr(s.p, ']', s.n);
        return end &&
               address_parse((struct str){ s.p + 1, (size_t)(end - s.p) - 1 }, ret);
    }
    if (address_parse(s, ret))
        return true;
    return address_parse(str_cut(&s, ':'), ret);
}

/* The last member of a comma list, which loses it. */
static struct str cut_last(struct str *list)
{
    const char *comma = memrchr(list->p, ',', list->n);
    size_t at = comma ? (size_t)(comma - list->p) + 1 : 0;
    struct str last = { list->p + at, list->n - at };
    list->n = comma ? at - 1 : 0;
    return last;
}

struct address proxies_client(struct proxies *p, const struct address *peer,
                              const struct str *lines, unsigned n)
{
    struct address client = *peer;
    while (n-- > 0)
        for (struct str rest = lines[n]; rest.n > 0;) {
            struct address hop;
            if (!proxies_trust(p, &client) || !parse_hop(cut_last(&rest), &hop))
                return client;
            client = hop;
        }
    return client;
}

/* What a trusted proxy says of its client. */
static void read_forwarded(struct proxies *p, const struct http_request *r,
                           struct proxies_origin *o)
{
    /* All of them: who sent more than are read would pass for the proxy itself. */
    struct str lines[HTTP_HEADERS_MAX], proto[1];
    unsigned n = http_headers(r, "X-Forwarded-For", lines, HTTP_HEADERS_MAX);
    if (n > 0) {
        o->client = proxies_client(p, &o->client, lines, n);
        address_text(&o->client, o->text);
    }
    o->https = http_headers(r, "X-Forwarded-Proto", proto, 1) == 1 &&
               str_eq_ci(str_trim(proto[0]), STR("https"));
}

struct proxies_origin proxies_origin(struct proxies *p, const struct http_request *r)
{
    struct proxies_origin o = { 0 };
    const char *peer = http_client(r);
    address_parse(str_of(peer), &o.client);
    snprintf(o.text, sizeof o.text, "%s", peer);
    if (proxies_trust(p, &o.client))
        read_forwarded(p, r, &o);
    return o;
}
