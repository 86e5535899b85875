#include "svc/frame.h"

#include <endian.h>
#include <string.h>

/* Offsets of the header's fields (proto/PROTOCOL.md 2). */
enum {
    AT_MAGIC = 0,
    AT_MAJOR = 4,
    AT_RESERVED_1 = 5,
    AT_FLAGS = 6,
    AT_METHOD = 8,
    AT_STATUS = 10,
    AT_BUDGET = 12,
    AT_TAG = 16,
    AT_ACTOR_ID = 24,
    AT_ACTOR_ROLE = 32,
    AT_RESERVED_2 = 33,
    AT_META_LEN = 36,
    AT_BODY_LEN = 40,
    AT_RESERVED_3 = 44,
    AT_REQUEST_ID = 48,
    AT_TRACE_ID = 64,
    AT_SPAN_ID = 80,
    RECORD_HEADER = 6,
};

static const char MAGIC[4] = { 'Q', 'N', 'T', '1' };

#define REQUEST_FLAGS (FRAME_RETRY | FRAME_SAMPLED)
#define REPLY_FLAGS   (FRAME_REPLY | FRAME_MORE | FRAME_SAMPLED)

/* ---- little-endian fields ---- */

static void put_u16(uint8_t *p, uint16_t v)
{
    v = htole16(v);
    memcpy(p, &v, sizeof v);
}

static void put_u32(uint8_t *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof v);
}

static void put_u64(uint8_t *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof v);
}

static uint16_t get_u16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return le16toh(v);
}

static uint32_t get_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static uint64_t get_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

/* ---- what a record may hold ---- */

enum record_kind {
    KIND_UNKNOWN, /* a newer peer's: skipped */
    KIND_BYTES,   /* anything */
    KIND_NAME,    /* no NUL */
    KIND_LINE,    /* no control character but tab: it may end in an HTTP header */
};

enum record_side { IN_REQUEST = 1, IN_REPLY = 2, IN_BOTH = 3 };

struct record_rule {
    enum record_kind kind;
    enum record_side side;
    uint16_t min, max;
    uint8_t count; /* 0: as many as fit */
};

enum { RULES = REC_LOAD + 1 };
static const struct record_rule RULE[RULES] = {
    [REC_PATH_PARAM] = { KIND_NAME, IN_REQUEST, 0, FRAME_META_MAX,
                         FRAME_PATH_PARAMS_MAX },
    [REC_QUERY] = { KIND_LINE, IN_REQUEST, 0, FRAME_META_MAX, 1 },
    [REC_CONTENT_TYPE] = { KIND_LINE, IN_BOTH, 0, FRAME_META_MAX, 1 },
    [REC_ACCEPT] = { KIND_LINE, IN_REQUEST, 0, FRAME_META_MAX, 1 },
    [REC_BASE_URL] = { KIND_LINE, IN_REQUEST, 0, FRAME_META_MAX, 1 },
    [REC_CLIENT_ADDRESS] = { KIND_LINE, IN_REQUEST, 0, 64, 1 },
    [REC_USER_AGENT] = { KIND_LINE, IN_REQUEST, 0, FRAME_META_MAX, 1 },
    [REC_ACTOR_NAME] = { KIND_NAME, IN_REQUEST, 0, FRAME_META_MAX, 1 },
    [REC_SESSION_ID] = { KIND_BYTES, IN_REQUEST, 16, 16, 1 },
    [REC_USER_VERSION] = { KIND_BYTES, IN_REQUEST, 8, 8, 1 },
    [REC_AUTH_TIME] = { KIND_BYTES, IN_REQUEST, 8, 8, 1 },
    [REC_IDEMPOTENCY_KEY] = { KIND_LINE, IN_REQUEST, 0, FRAME_META_MAX, 1 },
    [REC_IF_MATCH] = { KIND_LINE, IN_REQUEST, 0, FRAME_META_MAX, 1 },
    [REC_IF_NONE_MATCH] = { KIND_LINE, IN_REQUEST, 0, FRAME_META_MAX, 1 },
    [REC_COOKIE] = { KIND_LINE, IN_REQUEST, 0, FRAME_META_MAX, 0 },
    [REC_CONTINUATION] = { KIND_BYTES, IN_BOTH, 1, FRAME_CONTINUATION_MAX, 1 },
    [REC_ETAG] = { KIND_LINE, IN_REPLY, 0, FRAME_META_MAX, 1 },
    [REC_LOCATION] = { KIND_LINE, IN_REPLY, 0, FRAME_META_MAX, 1 },
    [REC_RETRY_AFTER] = { KIND_BYTES, IN_REPLY, 4, 4, 1 },
    [REC_SET_COOKIE] = { KIND_LINE, IN_REPLY, 0, FRAME_META_MAX, 0 },
    [REC_CACHE_CONTROL] = { KIND_LINE, IN_REPLY, 0, FRAME_META_MAX, 1 },
    [REC_LOAD] = { KIND_BYTES, IN_REPLY, 12, 12, 1 },
};

static bool has_control(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((p[i] < 0x20 && p[i] != '\t') || p[i] == 0x7f)
            return true;
    return false;
}

static bool record_fine(const struct record_rule *rule, unsigned seen, const uint8_t *p,
                        size_t n)
{
    if (n < rule->min || n > rule->max || (rule->count > 0 && seen > rule->count))
        return false;
    if (rule->kind == KIND_LINE)
        return !has_control(p, n);
    return rule->kind != KIND_NAME || n == 0 || !memchr(p, 0, n);
}

static bool meta_fine(struct str meta, enum record_side side)
{
    const uint8_t *p = (const uint8_t *)meta.p;
    size_t left = meta.n;
    uint8_t seen[RULES] = { 0 };
    while (left > 0) {
        if (left < RECORD_HEADER)
            return false;
        unsigned type = get_u16(p);
        size_t n = get_u32(p + 2);
        if (type == 0 || n > left - RECORD_HEADER)
            return false;
        const uint8_t *value = p + RECORD_HEADER;
        if (type < RULES && RULE[type].kind != KIND_UNKNOWN) {
            if (!(RULE[type].side & side))
                return false;
            if (seen[type] < UINT8_MAX)
                seen[type]++;
            if (!record_fine(&RULE[type], seen[type], value, n))
                return false;
        }
        p = value + n;
        left -= RECORD_HEADER + n;
    }
    return true;
}

/* ---- the frame ---- */

void frame_put_header(const struct frame *f, void *out)
{
    uint8_t *h = out;
    memset(h, 0, FRAME_HEADER_SIZE);
    memcpy(h + AT_MAGIC, MAGIC, sizeof MAGIC);
    h[AT_MAJOR] = FRAME_MAJOR;
    put_u16(h + AT_FLAGS, f->flags);
    put_u16(h + AT_METHOD, f->method);
    put_u16(h + AT_STATUS, f->status);
    put_u32(h + AT_BUDGET, f->budget_ms);
    put_u64(h + AT_TAG, f->tag);
    put_u64(h + AT_ACTOR_ID, (uint64_t)f->actor_id);
    h[AT_ACTOR_ROLE] = f->actor_role;
    put_u32(h + AT_META_LEN, (uint32_t)f->meta.n);
    put_u32(h + AT_BODY_LEN, (uint32_t)f->body.n);
    memcpy(h + AT_REQUEST_ID, f->request_id, sizeof f->request_id);
    memcpy(h + AT_TRACE_ID, f->trace_id, sizeof f->trace_id);
    memcpy(h + AT_SPAN_ID, f->span_id, sizeof f->span_id);
}

void frame_encode(const struct frame *f, struct buf *out)
{
    uint8_t header[FRAME_HEADER_SIZE];
    frame_put_header(f, header);
    buf_add(out, header, sizeof header);
    buf_str(out, f->meta);
    buf_str(out, f->body);
}

/* What a reply to an undecodable request needs. */
static void read_identity(const uint8_t *h, struct frame *f)
{
    f->method = get_u16(h + AT_METHOD);
    f->tag = get_u64(h + AT_TAG);
    memcpy(f->request_id, h + AT_REQUEST_ID, sizeof f->request_id);
    memcpy(f->trace_id, h + AT_TRACE_ID, sizeof f->trace_id);
    memcpy(f->span_id, h + AT_SPAN_ID, sizeof f->span_id);
}

static void read_fields(const uint8_t *h, struct frame *f)
{
    read_identity(h, f);
    f->flags = get_u16(h + AT_FLAGS);
    f->status = get_u16(h + AT_STATUS);
    f->budget_ms = get_u32(h + AT_BUDGET);
    f->actor_id = (int64_t)get_u64(h + AT_ACTOR_ID);
    f->actor_role = h[AT_ACTOR_ROLE];
}

static bool reserved_zero(const uint8_t *h)
{
    return h[AT_RESERVED_1] == 0 && h[AT_RESERVED_2] == 0 && h[AT_RESERVED_2 + 1] == 0 &&
           h[AT_RESERVED_2 + 2] == 0 && get_u32(h + AT_RESERVED_3) == 0;
}

static bool request_fine(const struct frame *f)
{
    if ((f->flags & ~REQUEST_FLAGS) || f->method == 0 || f->status != 0)
        return false;
    if (f->actor_id < 0 || f->actor_role > ROLE_ADMIN)
        return false;
    return (f->actor_id == 0) == (f->actor_role == ROLE_ANONYMOUS);
}

static bool reply_fine(const struct frame *f)
{
    struct str token;
    if ((f->flags & ~REPLY_FLAGS) || f->status < 200 || f->budget_ms != 0)
        return false;
    if (f->actor_id != 0 || f->actor_role != 0)
        return false;
    return !(f->flags & FRAME_MORE) || record_get(f->meta, REC_CONTINUATION, 0, &token);
}

/* Places meta and body; false when the lengths do not add up. */
static bool read_parts(struct str bytes, bool reply, struct frame *f)
{
    const uint8_t *h = (const uint8_t *)bytes.p;
    size_t meta = get_u32(h + AT_META_LEN), body = get_u32(h + AT_BODY_LEN);
    if (meta > FRAME_META_MAX || body > (reply ? FRAME_REPLY_MAX : FRAME_BULK_MAX))
        return false;
    if (FRAME_HEADER_SIZE + meta + body != bytes.n)
        return false;
    f->meta = (struct str){ bytes.p + FRAME_HEADER_SIZE, meta };
    f->body = (struct str){ bytes.p + FRAME_HEADER_SIZE + meta, body };
    return meta_fine(f->meta, reply ? IN_REPLY : IN_REQUEST);
}

enum err frame_decode(struct str bytes, struct frame *ret)
{
    const uint8_t *h = (const uint8_t *)bytes.p;
    *ret = (struct frame){ 0 };
    if (bytes.n < FRAME_HEADER_SIZE || memcmp(h + AT_MAGIC, MAGIC, sizeof MAGIC) != 0)
        return ERR_BAD_FRAME;
    read_identity(h, ret);
    if (h[AT_MAJOR] != FRAME_MAJOR)
        return ERR_BAD_VERSION;
    struct frame f = { 0 };
    read_fields(h, &f);
    bool reply = f.flags & FRAME_REPLY;
    if (!reserved_zero(h) || !read_parts(bytes, reply, &f))
        return ERR_BAD_FRAME;
    if (reply ? !reply_fine(&f) : !request_fine(&f))
        return ERR_BAD_FRAME;
    *ret = f;
    return ERR_OK;
}

/* ---- records ---- */

void record_add(struct buf *meta, enum frame_record type, struct str value)
{
    uint8_t header[RECORD_HEADER];
    if (value.n > FRAME_META_MAX || meta->overflow ||
        RECORD_HEADER + value.n > meta->max - meta->n) {
        meta->overflow = true; /* never half a record */
        return;
    }
    put_u16(header, (uint16_t)type);
    put_u32(header + 2, (uint32_t)value.n);
    buf_add(meta, header, sizeof header);
    buf_str(meta, value);
}

void record_add_i64(struct buf *meta, enum frame_record type, int64_t value)
{
    uint8_t bytes[8];
    put_u64(bytes, (uint64_t)value);
    record_add(meta, type, (struct str){ (const char *)bytes, sizeof bytes });
}

void record_add_u32(struct buf *meta, enum frame_record type, uint32_t value)
{
    uint8_t bytes[4];
    put_u32(bytes, value);
    record_add(meta, type, (struct str){ (const char *)bytes, sizeof bytes });
}

void record_add_load(struct buf *meta, const struct frame_load *load)
{
    uint8_t bytes[12];
    put_u32(bytes, load->in_flight);
    put_u32(bytes + 4, load->queued);
    put_u32(bytes + 8, load->draining);
    record_add(meta, REC_LOAD, (struct str){ (const char *)bytes, sizeof bytes });
}

bool record_get(struct str meta, enum frame_record type, unsigned nth, struct str *ret)
{
    const uint8_t *p = (const uint8_t *)meta.p;
    size_t left = meta.n;
    while (left >= RECORD_HEADER) {
        size_t n = get_u32(p + 2);
        if (n > left - RECORD_HEADER)
            return false;
        if (get_u16(p) == (unsigned)type && nth-- == 0) {
            *ret = (struct str){ (const char *)p + RECORD_HEADER, n };
            return true;
        }
        p += RECORD_HEADER + n;
        left -= RECORD_HEADER + n;
    }
    return false;
}

bool record_get_i64(struct str meta, enum frame_record type, int64_t *ret)
{
    struct str v;
    if (!record_get(meta, type, 0, &v) || v.n != 8)
        return false;
    *ret = (int64_t)get_u64((const uint8_t *)v.p);
    return true;
}

bool record_get_u32(struct str meta, enum frame_record type, uint32_t *ret)
{
    struct str v;
    if (!record_get(meta, type, 0, &v) || v.n != 4)
        return false;
    *ret = get_u32((const uint8_t *)v.p);
    return true;
}

bool record_get_load(struct str meta, struct frame_load *ret)
{
    struct str v;
    if (!record_get(meta, REC_LOAD, 0, &v) || v.n != 12)
        return false;
    const uint8_t *p = (const uint8_t *)v.p;
    *ret = (struct frame_load){ get_u32(p), get_u32(p + 4), get_u32(p + 8) };
    return true;
}
