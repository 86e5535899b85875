#include "gateway/host.h"

#include "base/mem.h"

enum { HOSTS_MAX = 64 };

struct gateway_hosts {
    char *public_url, *allowed; /* the slices point into these */
    struct str host[HOSTS_MAX];
    unsigned n;
};

/* "name:80" and "[::1]:80" without the port. */
static struct str without_port(struct str host)
{
    if (host.n > 0 && host.p[0] == '[') {
        const char *end = memchr(host.p, ']', host.n);
        return end ? (struct str){ host.p, (size_t)(end - host.p) + 1 } : host;
    }
    return str_cut(&host, ':');
}

/* Behind the name: nothing, or a colon and a port's digits. Without this "[::1]x.example"
 * would pass as [::1] and stand in links as it came. */
static bool is_port(struct str rest)
{
    enum { PORT_DIGITS = 5 };
    if (rest.n > 0 && rest.p[0] != ':')
        return false;
    for (size_t i = 1; i < rest.n; i++)
        if (rest.p[i] < '0' || rest.p[i] > '9')
            return false;
    return rest.n <= 1 + PORT_DIGITS;
}

/* Of a name's own characters, or an IPv6 address in its brackets: ".shop.example" must
 * not stand for "[x.shop.example", which would go into links as it came. */
static bool is_host(struct str name)
{
    bool literal = name.n > 1 && name.p[0] == '[' && name.p[name.n - 1] == ']';
    for (size_t i = literal; i < name.n - literal; i++) {
        char c = name.p[i];
        bool digit = c >= '0' && c <= '9';
        bool hex = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        bool letter = hex || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (literal ? !digit && !hex && c != ':' && c != '.'
                    : !digit && !letter && c != '-' && c != '.' && c != '_')
            return false;
    }
    return name.n > 0;
}

static struct str host_of_url(struct str url)
{
    if (str_starts(url, STR("http://")))
        url = (struct str){ url.p + 7, url.n - 7 };
    else if (str_starts(url, STR("https://")))
        url = (struct str){ url.p + 8, url.n - 8 };
    else
        return STR("");
    return without_port(str_cut(&url, '/'));
}

static void add(struct gateway_hosts *h, struct str host)
{
    if (host.n > 0 && h->n < HOSTS_MAX)
        h->host[h->n++] = host;
}

struct gateway_hosts *gateway_hosts_new(const char *public_url, const char *allowed)
{
    struct str url = str_trim(str_of(public_url));
    while (url.n > 0 && url.p[url.n - 1] == '/')
        url.n--;
    if (host_of_url(url).n == 0)
        return NULL;
    struct gateway_hosts *h = xcalloc(1, sizeof *h);
    h->public_url = xstrndup(url.p, url.n);
    h->allowed = xstrdup(allowed ? allowed : "");
    add(h, host_of_url(str_of(h->public_url)));
    add(h, STR("localhost"));
    add(h, STR("127.0.0.1"));
    add(h, STR("[::1]"));
    struct str rest = str_of(h->allowed);
    while (rest.n > 0)
        add(h, str_trim(str_cut(&rest, ',')));
    return h;
}

void gateway_hosts_free(struct gateway_hosts **hp)
{
    struct gateway_hosts *h = *hp;
    if (!h)
        return;
    *hp = NULL;
    free(h->public_url);
    free(h->allowed);
    free(h);
}

static bool matches(struct str pattern, struct str host)
{
    if (str_eq(pattern, STR("*")))
        return true;
    if (pattern.p[0] != '.')
        return str_eq_ci(pattern, host);
    struct str name = { pattern.p + 1, pattern.n - 1 };
    if (host.n <= pattern.n)
        return str_eq_ci(name, host);
    return str_eq_ci(pattern, (struct str){ host.p + host.n - pattern.n, pattern.n });
}

bool gateway_host_allowed(const struct gateway_hosts *h, struct str host)
{
    struct str name = without_port(host);
    if (!is_host(name) || !is_port((struct str){ host.p + name.n, host.n - name.n }))
        return false;
    for (unsigned i = 0; i < h->n; i++)
        if (matches(h->host[i], name))
            return true;
    return false;
}

const char *gateway_hosts_public(const struct gateway_hosts *h)
{
    return h->public_url;
}
