#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/id.h"
#include "base/mem.h"
#include "svc/frame.h"

/* ---- building ---- */

static struct frame sample_request(void)
{
    return (struct frame){
        .flags = FRAME_RETRY | FRAME_SAMPLED,
        .method = 0x0201,
        .budget_ms = 0x14131211,
        .tag = 0x2827262524232221,
        .actor_id = 0x3837363534333231,
        .actor_role = ROLE_ADMIN,
        .request_id = "request-id-bytes",
        .trace_id = { 0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
        .span_id = { 1, 2, 3, 4, 5, 6, 7, 0x80 },
    };
}

static struct frame sample_reply(void)
{
    return (struct frame){ .flags = FRAME_REPLY, .method = 5, .status = 200, .tag = 9 };
}

static struct str encode(const struct frame *f, struct buf *b)
{
    buf_init(b, FRAME_HEADER_SIZE + FRAME_META_MAX + FRAME_REPLY_MAX);
    frame_encode(f, b);
    assert_false(b->overflow);
    return buf_get(b);
}

static void assert_same(const struct frame *a, const struct frame *b)
{
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->method, b->method);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->budget_ms, b->budget_ms);
    assert_true(a->tag == b->tag);
    assert_true(a->actor_id == b->actor_id);
    assert_int_equal(a->actor_role, b->actor_role);
    assert_memory_equal(a->request_id, b->request_id, 16);
    assert_memory_equal(a->trace_id, b->trace_id, 16);
    assert_memory_equal(a->span_id, b->span_id, 8);
    assert_true(str_eq(a->meta, b->meta));
    assert_true(str_eq(a->body, b->body));
}

/* ---- fields ---- */

/* The specification's bytes, written out: an encoder and a decoder that are wrong in the
 * same way would still pass a round trip. */
static void test_golden_bytes(void **state)
{
    (void)state;
    static const uint8_t WANT[] = {
        'Q',  'N',  'T',  '1',  1,    0,    0x0c, 0x00, /* magic major . flags */
        0x01, 0x02, 0,    0,    0x11, 0x12, 0x13, 0x14, /* method status budget */
        0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, /* tag */
        0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, /* actor id */
        2,    0,    0,    0,    8,    0,    0,    0,    3,   0,   0,
        0,    0,    0,    0,    0, /* role, lengths */
        'r',  'e',  'q',  'u',  'e',  's',  't',  '-',  'i', 'd', '-',
        'b',  'y',  't',  'e',  's',  0xff, 1,    2,    3,   4,   5,
        6,    7,    8,    9,    10,   11,   12,   13,   14,  15, /* trace */
        1,    2,    3,    4,    5,    6,    7,    0x80,          /* span */
        2,    0,    2,    0,    0,    0,    'a',  'b',           /* a query record */
        'x',  'y',  'z',
    };
    struct frame f = sample_request(), got;
    struct buf meta, b;
    buf_init(&meta, FRAME_META_MAX);
    record_add(&meta, REC_QUERY, STR("ab"));
    f.meta = buf_get(&meta);
    f.body = STR("xyz");
    struct str bytes = encode(&f, &b);
    assert_int_equal(bytes.n, sizeof WANT);
    assert_memory_equal(bytes.p, WANT, sizeof WANT);
    assert_int_equal(frame_decode(bytes, &got), ERR_OK);
    assert_same(&f, &got);
    buf_deinit(&meta);
    buf_deinit(&b);
}

static void test_reply_round_trip(void **state)
{
    (void)state;
    static const uint16_t STATUSES[] = {
        200, 201, 204, 299, 304, 999, 1001, 1204, 65535
    };
    for (size_t i = 0; i < ARRAY_LEN(STATUSES); i++) {
        struct frame f = sample_reply(), got;
        struct buf b;
        f.status = STATUSES[i];
        f.body = STR("{}");
        assert_int_equal(frame_decode(encode(&f, &b), &got), ERR_OK);
        assert_same(&f, &got);
        buf_deinit(&b);
    }
}

/* One byte put elsewhere in a sound frame, and what the decoder says. */
struct spoiled {
    const char *name;
    bool reply;
    size_t at;
    uint8_t byte;
    enum err want;
};

static const struct spoiled SPOILED[] = {
    { "magic, first byte", false, 0, 'q', ERR_BAD_FRAME },
    { "magic, last byte", false, 3, '2', ERR_BAD_FRAME },
    { "major 0", false, 4, 0, ERR_BAD_VERSION },
    { "major 2", false, 4, 2, ERR_BAD_VERSION },
    { "reserved byte 5", false, 5, 1, ERR_BAD_FRAME },
    { "unknown flag, low byte", false, 6, 0x10, ERR_BAD_FRAME },
    { "unknown flag, high byte", false, 7, 0x80, ERR_BAD_FRAME },
    { "request with MORE", false, 6, FRAME_MORE, ERR_BAD_FRAME },
    { "request with a status", false, 10, 200, ERR_BAD_FRAME },
    { "negative actor", false, 31, 0x80, ERR_BAD_FRAME },
    { "role beyond admin", false, 32, 3, ERR_BAD_FRAME },
    { "actor without a role", false, 32, 0, ERR_BAD_FRAME },
    { "reserved byte 33", false, 33, 1, ERR_BAD_FRAME },
    { "reserved byte 34", false, 34, 1, ERR_BAD_FRAME },
    { "reserved byte 35", false, 35, 1, ERR_BAD_FRAME },
    { "meta longer than the frame", false, 36, 1, ERR_BAD_FRAME },
    { "meta beyond its maximum", false, 37, 0x21, ERR_BAD_FRAME },
    { "meta of 4 GiB", false, 39, 0xff, ERR_BAD_FRAME },
    { "body longer than the frame", false, 40, 99, ERR_BAD_FRAME },
    { "body shorter than the frame", false, 40, 0, ERR_BAD_FRAME },
    { "body of 4 GiB", false, 43, 0xff, ERR_BAD_FRAME },
    { "reserved byte 44", false, 44, 1, ERR_BAD_FRAME },
    { "reserved byte 47", false, 47, 1, ERR_BAD_FRAME },
    { "reply with RETRY", true, 6, FRAME_REPLY | FRAME_RETRY, ERR_BAD_FRAME },
    { "reply with MORE and no continuation", true, 6, FRAME_REPLY | FRAME_MORE,
      ERR_BAD_FRAME },
    { "reply without a status", true, 10, 0, ERR_BAD_FRAME },
    { "reply with status 199", true, 10, 199, ERR_BAD_FRAME },
    { "reply with a budget", true, 12, 1, ERR_BAD_FRAME },
    { "reply with an actor", true, 24, 1, ERR_BAD_FRAME },
    { "reply with a role", true, 32, 1, ERR_BAD_FRAME },
    { "tag: any value", false, 16, 0xff, ERR_OK },
    { "request id: any value", false, 48, 0xff, ERR_OK },
    { "trace id: any value", false, 64, 0, ERR_OK },
    { "span id: any value", false, 80, 0, ERR_OK },
    { "method: any but 0", false, 8, 0xff, ERR_OK },
    { "budget: any value", false, 12, 0xff, ERR_OK },
};

static void test_spoiled_fields(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(SPOILED); i++) {
        const struct spoiled *s = &SPOILED[i];
        struct frame f = s->reply ? sample_reply() : sample_request(), got;
        struct buf b;
        f.body = STR("0123456789");
        struct str bytes = encode(&f, &b);
        b.p[s->at] = (char)s->byte;
        enum err e = frame_decode(bytes, &got);
        if (e != s->want)
            fail_msg("%s: %d instead of %d", s->name, e, s->want);
        /* What a reply needs is there whenever the magic was right. */
        if (e != ERR_OK && s->at > 3) {
            assert_true(got.tag == f.tag);
            assert_int_equal(got.method, f.method);
            assert_memory_equal(got.request_id, f.request_id, 16);
            assert_int_equal(got.body.n + got.meta.n, 0);
            assert_true(got.actor_id == 0);
        }
        buf_deinit(&b);
    }
}

static void test_method_zero(void **state)
{
    (void)state;
    struct frame f = sample_request(), got;
    struct buf b;
    f.method = 0;
    assert_int_equal(frame_decode(encode(&f, &b), &got), ERR_BAD_FRAME);
    buf_deinit(&b);
    f = sample_reply(); /* the answer to a frame nobody could read */
    f.method = 0;
    assert_int_equal(frame_decode(encode(&f, &b), &got), ERR_OK);
    buf_deinit(&b);
}

static void test_role_without_actor(void **state)
{
    (void)state;
    struct frame f = sample_request(), got;
    struct buf b;
    f.actor_id = 0;
    assert_int_equal(frame_decode(encode(&f, &b), &got), ERR_BAD_FRAME);
    buf_deinit(&b);
    f.actor_role = ROLE_ANONYMOUS;
    assert_int_equal(frame_decode(encode(&f, &b), &got), ERR_OK);
    buf_deinit(&b);
}

static void test_body_limits(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool reply;
        size_t n;
        enum err want;
    } CASES[] = {
        { "empty request", false, 0, ERR_OK },
        { "largest request", false, FRAME_BULK_MAX, ERR_OK },
        { "request one too long", false, FRAME_BULK_MAX + 1, ERR_BAD_FRAME },
        { "largest reply", true, FRAME_REPLY_MAX, ERR_OK },
        { "reply one too long", true, FRAME_REPLY_MAX + 1, ERR_BAD_FRAME },
    };
    AUTO_FREE char *body = xcalloc(1, FRAME_REPLY_MAX + 1);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct frame f = CASES[i].reply ? sample_reply() : sample_request(), got;
        struct buf b;
        f.body = (struct str){ body, CASES[i].n };
        buf_init(&b, FRAME_HEADER_SIZE + FRAME_REPLY_MAX + 1);
        frame_encode(&f, &b);
        if (frame_decode(buf_get(&b), &got) != CASES[i].want)
            fail_msg("%s", CASES[i].name);
        buf_deinit(&b);
    }
}

/* ---- records ---- */

#define BYTES(s) ((struct str){ (s), sizeof(s) - 1 })

enum side { REQUEST = 1, REPLY = 2, BOTH = 3 };

/* For each type: where it may stand, a sound value, one that is refused, and how often it
 * may occur (0: as often as it fits). */
struct record_rule {
    const char *name;
    enum frame_record type;
    enum side side;
    struct str good, bad;
    unsigned most;
};

#define LONG_ADDRESS "11111111112222222222333333333344444444445555555555666666666677777"

static const struct record_rule RECORDS[] = {
    { "path parameter", REC_PATH_PARAM, REQUEST, { "42", 2 }, { "4\0", 2 }, 8 },
    { "query", REC_QUERY, REQUEST, { "a=b", 3 }, { "a\n", 2 }, 1 },
    { "content type", REC_CONTENT_TYPE, BOTH, { "text/html", 9 }, { "a\r\nb", 4 }, 1 },
    { "accept", REC_ACCEPT, REQUEST, { "text/html", 9 }, { "\x7f", 1 }, 1 },
    { "base url", REC_BASE_URL, REQUEST, { "http://x", 8 }, { "h\n", 2 }, 1 },
    { "client address",
      REC_CLIENT_ADDRESS,
      REQUEST,
      { "::1", 3 },
      { LONG_ADDRESS, 65 },
      1 },
    { "user agent", REC_USER_AGENT, REQUEST, { "a\tb", 3 }, { "\x01", 1 }, 1 },
    { "actor name", REC_ACTOR_NAME, REQUEST, { "J\xc3\xbcrg", 5 }, { "\0x", 2 }, 1 },
    { "session id", REC_SESSION_ID, REQUEST, { "0123456789abcdef", 16 }, { "0", 1 }, 1 },
    { "user version", REC_USER_VERSION, REQUEST, { "01234567", 8 }, { "0123456", 7 }, 1 },
    { "auth time", REC_AUTH_TIME, REQUEST, { "01234567", 8 }, { "012345678", 9 }, 1 },
    { "idempotency key", REC_IDEMPOTENCY_KEY, REQUEST, { "k", 1 }, { "\0", 1 }, 1 },
    { "if-match", REC_IF_MATCH, REQUEST, { "\"1\"", 3 }, { "\n", 1 }, 1 },
    { "if-none-match", REC_IF_NONE_MATCH, REQUEST, { "*", 1 }, { "\r", 1 }, 1 },
    { "cookie", REC_COOKIE, REQUEST, { "a=b", 3 }, { "a=\x1f", 3 }, 0 },
    { "continuation", REC_CONTINUATION, BOTH, { "\0\1\2", 3 }, { "", 0 }, 1 },
    { "etag", REC_ETAG, REPLY, { "\"1\"", 3 }, { "\"\r\"", 3 }, 1 },
    { "location", REC_LOCATION, REPLY, { "/x", 2 }, { "/\nx", 3 }, 1 },
    { "retry-after", REC_RETRY_AFTER, REPLY, { "\1\0\0\0", 4 }, { "10", 2 }, 1 },
    { "set-cookie", REC_SET_COOKIE, REPLY, { "a=b", 3 }, { "a=b\r\nX: y", 9 }, 0 },
    { "cache-control", REC_CACHE_CONTROL, REPLY, { "no-store", 8 }, { "\0", 1 }, 1 },
    { "load", REC_LOAD, REPLY, { "aaaabbbbcccc", 12 }, { "aaaabbbbccc", 11 }, 1 },
};

static enum err decode_with(enum side side, enum frame_record type, struct str value,
                            unsigned times)
{
    struct frame f = side == REPLY ? sample_reply() : sample_request(), got;
    struct buf meta, b;
    buf_init(&meta, FRAME_META_MAX);
    for (unsigned i = 0; i < times; i++)
        record_add(&meta, type, value);
    assert_false(meta.overflow);
    f.meta = buf_get(&meta);
    enum err e = frame_decode(encode(&f, &b), &got);
    if (e == ERR_OK && times > 0) {
        struct str v;
        assert_true(record_get(got.meta, type, times - 1, &v));
        assert_true(str_eq(v, value));
        assert_false(record_get(got.meta, type, times, &v));
    }
    buf_deinit(&b);
    buf_deinit(&meta);
    return e;
}

static void check_record(const struct record_rule *r)
{
    for (enum side side = REQUEST; side <= REPLY; side++) {
        bool here = r->side & side;
        unsigned most = r->most ? r->most : 40;
        if (decode_with(side, r->type, r->good, 1) != (here ? ERR_OK : ERR_BAD_FRAME))
            fail_msg("%s: sound value, side %d", r->name, side);
        if (decode_with(side, r->type, r->bad, 1) != ERR_BAD_FRAME)
            fail_msg("%s: bad value, side %d", r->name, side);
        if (here && decode_with(side, r->type, r->good, most) != ERR_OK)
            fail_msg("%s: %u times, side %d", r->name, most, side);
        if (here && r->most &&
            decode_with(side, r->type, r->good, r->most + 1) != ERR_BAD_FRAME)
            fail_msg("%s: once too often, side %d", r->name, side);
    }
}

static void test_every_record(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(RECORDS); i++)
        check_record(&RECORDS[i]);
}

static void test_record_lengths(void **state)
{
    (void)state;
    AUTO_FREE char *token = xcalloc(1, FRAME_CONTINUATION_MAX + 1);
    assert_int_equal(decode_with(REPLY, REC_CONTINUATION,
                                 (struct str){ token, FRAME_CONTINUATION_MAX }, 1),
                     ERR_OK);
    assert_int_equal(decode_with(REPLY, REC_CONTINUATION,
                                 (struct str){ token, FRAME_CONTINUATION_MAX + 1 }, 1),
                     ERR_BAD_FRAME);
    /* Unknown types are skipped, whatever they hold; type 0 never stands for anything. */
    assert_int_equal(decode_with(REQUEST, 17, BYTES("\0\n"), 3), ERR_OK);
    assert_int_equal(decode_with(REPLY, 9999, BYTES(""), 3), ERR_OK);
    assert_int_equal(decode_with(REQUEST, 0, BYTES("x"), 1), ERR_BAD_FRAME);
}

/* Meta bytes as they stand, not built by record_add. */
struct raw_meta {
    const char *name;
    struct str bytes;
    enum err want;
};

static const struct raw_meta RAW[] = {
    { "nothing", { "", 0 }, ERR_OK },
    { "an empty query", { "\2\0\0\0\0\0", 6 }, ERR_OK },
    { "half a record header", { "\2\0\0\0\0", 5 }, ERR_BAD_FRAME },
    { "a value cut short", { "\2\0\3\0\0\0ab", 8 }, ERR_BAD_FRAME },
    { "a length of 4 GiB", { "\2\0\377\377\377\377ab", 8 }, ERR_BAD_FRAME },
    { "a byte after the last record", { "\2\0\1\0\0\0ab", 8 }, ERR_BAD_FRAME },
    { "an unknown record cut short", { "\0\1\3\0\0\0ab", 8 }, ERR_BAD_FRAME },
};

static void test_raw_meta(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(RAW); i++) {
        struct frame f = sample_request(), got;
        struct buf b;
        f.meta = RAW[i].bytes;
        enum err e = frame_decode(encode(&f, &b), &got);
        if (e != RAW[i].want)
            fail_msg("%s: %d", RAW[i].name, e);
        buf_deinit(&b);
    }
}

static void test_numbers(void **state)
{
    (void)state;
    struct buf meta;
    int64_t i;
    uint32_t u;
    struct frame_load load;
    buf_init(&meta, FRAME_META_MAX);
    record_add_i64(&meta, REC_USER_VERSION, INT64_MIN);
    record_add_u32(&meta, REC_RETRY_AFTER, UINT32_MAX);
    record_add_load(&meta, &(struct frame_load){ 1, 2, 1 });
    record_add(&meta, REC_AUTH_TIME, STR("short"));
    struct str m = buf_get(&meta);
    assert_true(record_get_i64(m, REC_USER_VERSION, &i));
    assert_true(i == INT64_MIN);
    assert_true(record_get_u32(m, REC_RETRY_AFTER, &u));
    assert_true(u == UINT32_MAX);
    assert_true(record_get_load(m, &load));
    assert_int_equal(load.in_flight, 1);
    assert_int_equal(load.queued, 2);
    assert_int_equal(load.draining, 1);
    assert_false(record_get_i64(m, REC_AUTH_TIME, &i));    /* wrong size */
    assert_false(record_get_u32(m, REC_USER_VERSION, &u)); /* wrong size */
    assert_false(record_get_i64(m, REC_SESSION_ID, &i));   /* absent */
    buf_deinit(&meta);
}

static void test_record_that_does_not_fit(void **state)
{
    (void)state;
    struct buf meta;
    struct str v;
    AUTO_FREE char *long_value = xcalloc(1, FRAME_META_MAX);
    buf_init(&meta, FRAME_META_MAX);
    record_add(&meta, REC_QUERY, STR("a"));
    size_t before = meta.n;
    record_add(&meta, REC_USER_AGENT, (struct str){ long_value, FRAME_META_MAX - 12 });
    assert_true(meta.overflow);
    assert_int_equal(meta.n, before); /* never half a record */
    record_add(&meta, REC_ACCEPT, STR("b"));
    assert_false(record_get(buf_get(&meta), REC_ACCEPT, 0, &v));
    buf_deinit(&meta);
}

/* ---- damage ---- */

static void full_frame(struct buf *b)
{
    struct frame f = sample_request();
    struct buf meta;
    buf_init(&meta, FRAME_META_MAX);
    for (size_t i = 0; i < ARRAY_LEN(RECORDS); i++)
        if (RECORDS[i].side & REQUEST)
            record_add(&meta, RECORDS[i].type, RECORDS[i].good);
    f.meta = buf_get(&meta);
    f.body = STR("{\"name\":\"x\"}");
    encode(&f, b);
    buf_deinit(&meta);
}

/* Exactly n bytes of heap, so that a sanitizer sees the first byte read beyond. */
static enum err decode_copy(const char *p, size_t n, struct frame *ret)
{
    char *copy = xmalloc(n ? n : 1);
    memcpy(copy, p, n);
    enum err e = frame_decode((struct str){ copy, n }, ret);
    if (e == ERR_OK) {
        struct str v;
        assert_true(ret->meta.p >= copy && ret->meta.p + ret->meta.n <= copy + n);
        assert_true(ret->body.p >= copy && ret->body.p + ret->body.n <= copy + n);
        for (unsigned t = 0; t <= REC_LOAD; t++)
            if (record_get(ret->meta, (enum frame_record)t, 0, &v))
                assert_true(v.p >= copy && v.p + v.n <= copy + n);
    }
    free(copy);
    return e;
}

static void test_truncation_at_every_length(void **state)
{
    (void)state;
    struct buf b;
    struct frame got;
    full_frame(&b);
    assert_int_equal(decode_copy(b.p, b.n, &got), ERR_OK);
    for (size_t n = 0; n < b.n; n++)
        if (decode_copy(b.p, n, &got) != ERR_BAD_FRAME)
            fail_msg("%zu of %zu bytes pass", n, b.n);
    buf_char(&b, 'x');
    assert_int_equal(decode_copy(b.p, b.n, &got), ERR_BAD_FRAME);
    buf_deinit(&b);
}

/* Reproducible: print the seed, take it from the environment. */
static unsigned seed_random(void)
{
    const char *given = getenv("TEST_SEED");
    unsigned seed = 0;
    if (given)
        seed = (unsigned)strtoul(given, NULL, 10);
    else
        id_random(&seed, sizeof seed);
    srand(seed);
    return seed;
}

static void test_random_damage(void **state)
{
    (void)state;
    enum { ROUNDS = 20000 };
    unsigned seed = seed_random(), passed = 0;
    struct buf b;
    struct frame got;
    full_frame(&b);
    AUTO_FREE char *bytes = xmalloc(b.n);
    for (int i = 0; i < ROUNDS; i++) {
        memcpy(bytes, b.p, b.n);
        for (int j = rand() % 4; j >= 0; j--)
            bytes[(size_t)rand() % b.n] = (char)rand();
        passed += decode_copy(bytes, b.n - (size_t)(rand() % 8 == 0), &got) == ERR_OK;
    }
    if (passed == 0 || passed == ROUNDS)
        fail_msg("seed %u: %u of %d pass", seed, passed, ROUNDS);
    buf_deinit(&b);
}

static void test_random_bytes(void **state)
{
    (void)state;
    enum { ROUNDS = 20000, MOST = 400 };
    seed_random();
    for (int i = 0; i < ROUNDS; i++) {
        char bytes[MOST];
        struct frame got;
        size_t n = (size_t)rand() % MOST;
        for (size_t j = 0; j < n; j++)
            bytes[j] = (char)rand();
        if (i % 2 && n >= 5)
            memcpy(bytes, "QNT1\1", 5); /* get past the door */
        decode_copy(bytes, n, &got);
    }
}

/* record_get is also asked about meta that nobody checked. */
static void test_record_get_on_random_meta(void **state)
{
    (void)state;
    enum { ROUNDS = 20000, MOST = 64 };
    seed_random();
    for (int i = 0; i < ROUNDS; i++) {
        size_t n = (size_t)rand() % MOST;
        char *meta = xmalloc(n ? n : 1);
        struct str v;
        for (size_t j = 0; j < n; j++)
            meta[j] = (char)(rand() % 4 ? rand() % 8 : rand());
        for (unsigned t = 0; t < 8; t++)
            if (record_get((struct str){ meta, n }, (enum frame_record)t, t % 2, &v))
                assert_true(v.p + v.n <= meta + n);
        free(meta);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_bytes),
        cmocka_unit_test(test_reply_round_trip),
        cmocka_unit_test(test_spoiled_fields),
        cmocka_unit_test(test_method_zero),
        cmocka_unit_test(test_role_without_actor),
        cmocka_unit_test(test_body_limits),
        cmocka_unit_test(test_every_record),
        cmocka_unit_test(test_record_lengths),
        cmocka_unit_test(test_raw_meta),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_record_that_does_not_fit),
        cmocka_unit_test(test_truncation_at_every_length),
        cmocka_unit_test(test_random_damage),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_record_get_on_random_meta),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
