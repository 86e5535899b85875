#include "svc/http_document.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#define ZLIB_CONST /* its pointers to input are const */
#include <zlib.h>

#include "base/id.h"
#include "base/mem.h"

/* ---- making ---- */

static void name(struct str body, char etag[static HTTP_ETAG_TEXT])
{
    uint8_t hash[16];
    char hex[2 * sizeof hash + 1];
    crypto_generichash(hash, sizeof hash, (const uint8_t *)body.p, body.n, NULL, 0);
    snprintf(etag, HTTP_ETAG_TEXT, "\"%s\"", hex_encode(hash, sizeof hash, hex));
}

/* The length of `body` as one gzip member in `out`; 0 when it does not fit. The member
 * tells no name and no time, so that equal documents are equal everywhere. */
static size_t pack(struct str body, char *out, size_t room)
{
    enum { GZIP_WINDOW = 15 + 16, MEMORY = 8 };
    z_stream z = { .next_in = (const Bytef *)body.p,
                   .avail_in = (uInt)body.n,
                   .next_out = (Bytef *)out,
                   .avail_out = (uInt)room };
    if (deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return 0;
    bool done = deflate(&z, Z_FINISH) == Z_STREAM_END;
    size_t n = z.total_out;
    deflateEnd(&z);
    return done ? n : 0;
}

void http_document_init(struct http_document *d, const char *type, struct str body)
{
    *d = (struct http_document){ .type = type, .body = body };
    name(body, d->etag);
    if (body.n == 0)
        return;
    AUTO_FREE char *out = xmalloc(body.n); /* what needs more room is not worth it */
    d->packed_n = pack(body, out, body.n);
    if (d->packed_n == 0)
        return;
    d->packed = xmalloc(d->packed_n);
    memcpy(d->packed, out, d->packed_n);
    name((struct str){ d->packed, d->packed_n }, d->packed_etag);
}

void http_document_deinit(struct http_document *d)
{
    free(d->packed);
    *d = (struct http_document){ 0 };
}

/* ---- choosing ---- */

bool http_is_zero_quality(struct str parameters)
{
    while (parameters.n > 0) {
        struct str one = str_trim(str_cut(&parameters, ';'));
        struct str key = str_trim(str_cut(&one, '='));
        if (!str_eq_ci(key, STR("q")))
            continue;
        one = str_trim(one);
        for (size_t i = 0; i < one.n; i++)
            if (one.p[i] != '0' && one.p[i] != '.')
                return false;
        return one.n > 0;
    }
    return false;
}

bool http_accepts_gzip(struct str accept_encoding)
{
    bool any = false;
    while (accept_encoding.n > 0) {
        struct str parameters = str_cut(&accept_encoding, ',');
        struct str coding = str_trim(str_cut(&parameters, ';'));
        bool yes = !http_is_zero_quality(parameters);
        if (str_eq_ci(coding, STR("gzip")) || str_eq_ci(coding, STR("x-gzip")))
            return yes; /* its own name says more than the star */
        if (str_eq(coding, STR("*")))
            any = yes;
    }
    return any;
}

bool http_etag_matches(struct str if_none_match, const char *etag)
{
    if (str_eq(str_trim(if_none_match), STR("*")))
        return true;
    while (if_none_match.n > 0) {
        struct str one = str_trim(str_cut(&if_none_match, ','));
        if (str_starts(one, STR("W/")))
            one = (struct str){ one.p + 2, one.n - 2 };
        if (str_eq(one, str_of(etag)))
            return true;
    }
    return false;
}

struct http_representation http_document_choose(const struct http_document *d,
                                                struct str accept_encoding,
                                                struct str if_none_match)
{
    bool packed = d->packed && http_accepts_gzip(accept_encoding);
    struct http_representation r = {
        .body = packed ? (struct str){ d->packed, d->packed_n } : d->body,
        .etag = packed ? d->packed_etag : d->etag,
        .encoding = packed ? "gzip" : NULL,
    };
    r.known = http_etag_matches(if_none_match, r.etag);
    return r;
}

struct http_representation http_document_for(const struct http_document *d,
                                             const struct http_request *r)
{
    AUTO_BUF struct buf codings, tags;
    buf_init(&codings, HTTP_LIST_MAX);
    buf_init(&tags, HTTP_LIST_MAX);
    return http_document_choose(d, http_header_list(r, "Accept-Encoding", &codings),
                                http_header_list(r, "If-None-Match", &tags));
}
