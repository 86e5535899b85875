#include "gateway/ids.h"

#include <stdio.h>
#include <string.h>

#include "base/id.h"

/* The namespace in which clients' own request ids become 16 bytes. */
static const uint8_t SPACE[16] = { 0x7b, 0x1e, 0x0d, 0x52, 0x95, 0x6a, 0x4c, 0x1f,
                                   0xa4, 0x27, 0x3d, 0x81, 0x5e, 0x10, 0xc9, 0x66 };

static bool is_safe(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == '\0' || !strchr("-._:+/=@", c)))
            return false;
    }
    return s.n > 0 && s.n < GATEWAY_ID_TEXT;
}

static bool is_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

static void take_request_id(struct gateway_ids *ids, struct str given)
{
    if (!hex_decode(given, ids->request_id, 16) && !id_uuid_parse(given, ids->request_id))
        id_uuid5(SPACE, given, ids->request_id);
    memcpy(ids->text, given.p, given.n);
    ids->text[given.n] = '\0';
}

/* The standard takes lower-case digits only. */
static bool read_hex(struct str s, void *out, size_t n)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] >= 'A' && s.p[i] <= 'F')
            return false;
    return hex_decode(s, out, n);
}

/* "00-<32 hex>-<16 hex>-<2 hex>"; a later version may say more after another dash. */
static bool is_framed(struct str t)
{
    uint8_t version;
    if (t.n < 55 || t.p[2] != '-' || t.p[35] != '-' || t.p[52] != '-' ||
        !read_hex((struct str){ t.p, 2 }, &version, 1))
        return false;
    if (version == 0)
        return t.n == 55;
    return version != 0xff && (t.n == 55 || t.p[55] == '-');
}

static bool take_trace(struct gateway_ids *ids, struct str t)
{
    uint8_t trace[16], parent[8], flags;
    if (!is_framed(t) || !read_hex((struct str){ t.p + 3, 32 }, trace, 16) ||
        !read_hex((struct str){ t.p + 36, 16 }, parent, 8) ||
        !read_hex((struct str){ t.p + 53, 2 }, &flags, 1))
        return false;
    if (is_zero(trace, 16) || is_zero(parent, 8))
        return false;
    memcpy(ids->trace_id, trace, 16);
    ids->sampled = flags & 1;
    return true;
}

/* Of the flags only "sampled" is known to version 00; the others are not passed on. */
static void write_traceparent(struct gateway_ids *ids)
{
    char trace[33], span[17];
    snprintf(ids->traceparent, sizeof ids->traceparent, "00-%s-%s-%s",
             hex_encode(ids->trace_id, 16, trace), hex_encode(ids->span_id, 8, span),
             ids->sampled ? "01" : "00");
}

void gateway_ids_fill(struct gateway_ids *ids, struct str request_id,
                      struct str traceparent)
{
    uint8_t fresh[16];
    id_uuid7(fresh);
    ids->sampled = false;
    if (is_safe(request_id)) {
        take_request_id(ids, request_id);
    } else {
        memcpy(ids->request_id, fresh, 16);
        hex_encode(fresh, 16, ids->text);
    }
    if (!take_trace(ids, traceparent))
        memcpy(ids->trace_id, fresh, 16);
    memcpy(ids->span_id, fresh + 8, 8); /* the random half */
    write_traceparent(ids);
}
