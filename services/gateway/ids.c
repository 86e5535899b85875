#include "gateway/ids.h"

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

/* "00-<32 hex>-<16 hex>-<2 hex>", neither id all zeros. */
static bool take_trace(struct gateway_ids *ids, struct str t)
{
    uint8_t trace[16], parent[8], flags;
    if (t.n != 55 || !str_starts(t, STR("00-")) || t.p[35] != '-' || t.p[52] != '-')
        return false;
    if (!hex_decode((struct str){ t.p + 3, 32 }, trace, 16) ||
        !hex_decode((struct str){ t.p + 36, 16 }, parent, 8) ||
        !hex_decode((struct str){ t.p + 53, 2 }, &flags, 1))
        return false;
    if (is_zero(trace, 16) || is_zero(parent, 8))
        return false;
    memcpy(ids->trace_id, trace, 16);
    ids->sampled = flags & 1;
    return true;
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
}
