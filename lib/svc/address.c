#include "svc/address.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t V4_PREFIX[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
enum { V4_BITS = 96, ALL_BITS = 128, CLIENT_BYTES = 8 };

bool address_parse(struct str text, struct address *ret)
{
    char copy[ADDRESS_TEXT];
    struct address a;
    if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    memcpy(a.b, V4_PREFIX, sizeof V4_PREFIX);
    if (inet_pton(AF_INET, copy, a.b + sizeof V4_PREFIX) != 1 &&
        inet_pton(AF_INET6, copy, a.b) != 1)
        return false;
    *ret = a;
    return true;
}

bool address_is_v4(const struct address *a)
{
    return memcmp(a->b, V4_PREFIX, sizeof V4_PREFIX) == 0;
}

char *address_text(const struct address *a, char out[static ADDRESS_TEXT])
{
    bool v4 = address_is_v4(a);
    const void *bytes = v4 ? a->b + sizeof V4_PREFIX : a->b;
    if (!inet_ntop(v4 ? AF_INET : AF_INET6, bytes, out, ADDRESS_TEXT))
        out[0] = '\0';
    return out;
}

struct address address_client(const struct address *a)
{
    struct address client = *a;
    if (!address_is_v4(a))
        memset(client.b + CLIENT_BYTES, 0, sizeof client.b - CLIENT_BYTES);
    return client;
}

/* ---- networks ---- */

static void clear_host(struct address *a, unsigned bits)
{
    for (unsigned i = 0; i < sizeof a->b; i++) {
        unsigned kept = bits > i * 8 ? bits - i * 8 : 0;
        if (kept < 8)
            a->b[i] &= (uint8_t)(0xff00u >> kept);
    }
}

bool network_parse(struct str text, struct network *ret)
{
    struct network n;
    struct str rest = str_trim(text);
    struct str base = str_cut(&rest, '/');
    if (!address_parse(base, &n.base))
        return false;
    /* A mapped address is written with colons, and so are its prefix's 128 bits. */
    bool v4 = !memchr(base.p, ':', base.n);
    int64_t bits = v4 ? ALL_BITS - V4_BITS : ALL_BITS, most = bits;
    if (rest.p && (!str_to_i64(rest, &bits) || bits < 0 || bits > most))
        return false;
    n.bits = (unsigned)bits + (v4 ? V4_BITS : 0);
    clear_host(&n.base, n.bits);
    *ret = n;
    return true;
}

bool network_holds(const struct network *n, const struct address *a)
{
    struct address base = *a;
    clear_host(&base, n->bits);
    return memcmp(base.b, n->base.b, sizeof base.b) == 0;
}

bool network_list_parse(struct network_list *list, struct str text, struct str *ret_bad)
{
    list->n = 0;
    while (text.n > 0) {
        struct str part = str_trim(str_cut(&text, ','));
        if (part.n == 0)
            continue;
        *ret_bad = part;
        if (list->n == NETWORKS_MAX || !network_parse(part, &list->network[list->n]))
            return false;
        list->n++;
    }
    return true;
}

bool network_list_holds(const struct network_list *list, const struct address *a)
{
    for (unsigned i = 0; i < list->n; i++)
        if (network_holds(&list->network[i], a))
            return true;
    return false;
}

const char *address_wildcard_port(const char *endpoint)
{
    static const struct str ANY[] = { { "tcp://0.0.0.0:", 14 },
                                      { "tcp://*:", 8 },
                                      { "tcp://[::]:", 11 } };
    for (size_t i = 0; i < sizeof ANY / sizeof ANY[0]; i++)
        if (str_starts(str_of(endpoint), ANY[i]))
            return endpoint + ANY[i].n;
    return NULL;
}
