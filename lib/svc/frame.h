/*
 * The wire frame (proto/PROTOCOL.md is the specification, this is its one codec).
 * A ZeroMQ message is [routing id] [empty delimiter] [one frame]; the frame is a fixed
 * little-endian header, meta records (TLV) and the body.
 */
#ifndef LIB_SVC_FRAME_H
#define LIB_SVC_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
    FRAME_HEADER_SIZE = 88,
    FRAME_MAJOR = 1,
    FRAME_META_MAX = 8 * 1024,
    FRAME_REQUEST_MAX = 256 * 1024,
    FRAME_BULK_MAX = 1024 * 1024,
    FRAME_REPLY_MAX = 8 * 1024 * 1024,
    FRAME_CONTINUATION_MAX = 256,
    FRAME_PATH_PARAMS_MAX = 8,
};

enum frame_flag {
    FRAME_REPLY = 1 << 0,   /* otherwise a request */
    FRAME_MORE = 1 << 1,    /* reply: a continuation record tells how to go on */
    FRAME_RETRY = 1 << 2,   /* request: the caller has sent it before */
    FRAME_SAMPLED = 1 << 3, /* the trace is being recorded */
};

enum frame_role { ROLE_ANONYMOUS = 0, ROLE_USER = 1, ROLE_ADMIN = 2 };

/* Meta record types. Numbers are never reused; unknown ones are skipped by readers. */
enum frame_record {
    REC_PATH_PARAM = 1, /* one per parameter of the path template, in its order */
    REC_QUERY = 2,      /* raw, without '?' */
    REC_CONTENT_TYPE = 3,
    REC_ACCEPT = 4,         /* the negotiated media type */
    REC_BASE_URL = 5,       /* public scheme and host for links, no trailing slash */
    REC_CLIENT_ADDRESS = 6, /* numeric */
    REC_USER_AGENT = 7,
    REC_ACTOR_NAME = 8,
    REC_SESSION_ID = 9,    /* 16 bytes */
    REC_USER_VERSION = 10, /* i64 */
    REC_AUTH_TIME = 11,    /* i64, seconds since 1970 */
    REC_IDEMPOTENCY_KEY = 12,
    REC_IF_MATCH = 13,
    REC_IF_NONE_MATCH = 14,
    REC_COOKIE = 15,       /* name=value, one record each */
    REC_CONTINUATION = 16, /* also in replies */
    REC_ETAG = 32,
    REC_LOCATION = 33,
    REC_RETRY_AFTER = 34, /* u32, seconds */
    REC_SET_COOKIE = 35,
    REC_CACHE_CONTROL = 36,
    REC_LOAD = 37, /* 3 x u32: in flight, queued, draining (0 or 1) */
};

/* Tags of a control.ping whose sender wants to be told when a drain begins or ends, and
 * of the one that says it was told (proto/PROTOCOL.md 4). No other tag has bit 63. */
#define FRAME_TAG_TELL (UINT64_C(1) << 63)
#define FRAME_TAG_TOLD (FRAME_TAG_TELL | 1)

/* Everything of a frame but its records; meta and body are borrowed slices. */
struct frame {
    uint16_t flags;
    uint16_t method;    /* request and its reply */
    uint16_t status;    /* reply: HTTP status of a success (< 1000) or an enum err */
    uint32_t budget_ms; /* request: time left when it was sent */
    uint64_t tag;       /* the caller's, returned as it came */
    int64_t actor_id;   /* 0 = nobody */
    uint8_t actor_role; /* enum frame_role */
    uint8_t request_id[16];
    uint8_t trace_id[16];
    uint8_t span_id[8];
    struct str meta;
    struct str body;
};

/* Appends header, meta and body to out. */
void frame_encode(const struct frame *f, struct buf *out);
/* Only the header, FRAME_HEADER_SIZE bytes, for writers that place meta and body
 * themselves; the lengths are f->meta.n and f->body.n (their bytes are not looked at). */
void frame_put_header(const struct frame *f, void *out);
/* Reads a whole frame; *ret points into bytes. ERR_BAD_FRAME on wrong magic, lengths,
 * reserved bits or a malformed record; ERR_BAD_VERSION on another major. After an error
 * method, tag and ids are filled in when the magic was right, so that a reply can be
 * sent; everything else is zero. */
enum err frame_decode(struct str bytes, struct frame *ret) MUST_CHECK;

/* What a replica says of itself in each reply (REC_LOAD). */
struct frame_load {
    uint32_t in_flight, queued;
    uint32_t draining; /* 0 or 1 */
};

/* Appends one record to a meta buffer; one that does not fit whole sets `overflow`. */
void record_add(struct buf *meta, enum frame_record type, struct str value);
void record_add_i64(struct buf *meta, enum frame_record type, int64_t value);
void record_add_u32(struct buf *meta, enum frame_record type, uint32_t value);
void record_add_load(struct buf *meta, const struct frame_load *load);
/* The nth (from 0) record of a type; false when there is none. */
bool record_get(struct str meta, enum frame_record type, unsigned nth, struct str *ret);
bool record_get_i64(struct str meta, enum frame_record type, int64_t *ret);
bool record_get_u32(struct str meta, enum frame_record type, uint32_t *ret);
bool record_get_load(struct str meta, struct frame_load *ret);

#endif
