#include "catalog/etag.h"

#include <sodium.h>
#include <string.h>

#include "svc/rpc_server.h"

enum { HASH = 16, NOT_MODIFIED = 304 };

struct str catalog_etag(struct str body, bool weak, char out[static CATALOG_ETAG_SIZE])
{
    unsigned char hash[HASH];
    crypto_generichash(hash, sizeof(hash), (const unsigned char *)body.p, body.n, NULL,
                       0);
    char *p = out;
    if (weak) {
        *p++ = 'W';
        *p++ = '/';
    }
    *p++ = '"';
    sodium_bin2hex(p, 2 * HASH + 1, hash, HASH);
    p += 2 * HASH;
    *p++ = '"';
    *p = '\0';
    return (struct str){ out, (size_t)(p - out) };
}

static bool is_weak(struct str tag)
{
    return tag.n >= 2 && tag.p[0] == 'W' && tag.p[1] == '/';
}

static struct str opaque(struct str tag)
{
    return is_weak(tag) ? (struct str){ tag.p + 2, tag.n - 2 } : tag;
}

/* Our tags have no comma, so a foreign one that has is torn apart without harm. */
static bool holds(struct str list, struct str etag, bool strong)
{
    if (str_eq(str_trim(list), STR("*")))
        return true;
    while (list.n > 0) {
        struct str tag = str_trim(str_cut(&list, ','));
        if (strong ? !is_weak(tag) && !is_weak(etag) && str_eq(tag, etag)
                   : str_eq(opaque(tag), opaque(etag)))
            return true;
    }
    return false;
}

bool catalog_etag_seen(struct str if_none_match, struct str etag)
{
    return if_none_match.n > 0 && holds(if_none_match, etag, false);
}

bool catalog_etag_matches(struct str if_match, struct str etag)
{
    return if_match.n > 0 && holds(if_match, etag, true);
}

void catalog_reply_read(struct call *c, struct str body, bool weak)
{
    char text[CATALOG_ETAG_SIZE];
    struct str etag = catalog_etag(body, weak, text);
    record_add(&c->meta, REC_ETAG, etag);
    if (catalog_etag_seen(call_record(c, REC_IF_NONE_MATCH), etag))
        call_reply(c, NOT_MODIFIED, STR(""));
    else
        call_reply(c, 0, body);
}
