/* What every daemon reads off a socket: frames, HTTP heads, bodies, tokens, addresses. */
#include <jansson.h>
#include <string.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "svc/address.h"
#include "svc/body.h"
#include "svc/contract.h"
#include "svc/email.h"
#include "svc/frame.h"
#include "svc/http_guard.h"
#include "svc/schema_internal.h"
#include "svc/token_internal.h"

enum { DETAILS_MAX = 256 * 1024, NOW = 1700000000 };

#define SEEDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const struct contract *contract(void)
{
    static struct contract *c;
    char *why = NULL;
    if (!c)
        c = contract_load(&why);
    fuzz_expect(c != NULL, "the contracts load");
    return c;
}

static bool is_json(struct str s)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_t *tree = json_loadb(s.p ? s.p : "", s.n, flags, NULL);
    json_decref(tree);
    return tree != NULL;
}

/* ---- frames ---- */

/* As on the wire: "QNT1", header and records; the seed is text, so it has no zeros. */
static void run_frame(struct str in)
{
    uint8_t header[FRAME_HEADER_SIZE];
    struct frame f = { .flags = FRAME_SAMPLED, .method = 201, .budget_ms = 1000 };
    struct buf wire AUTO_BUF;
    struct str rest = in, value;
    buf_init(&wire, 4 * FUZZ_INPUT_MAX);
    f.meta = fuzz_line(&rest);
    f.body = rest.p ? rest : STR("");
    frame_put_header(&f, header);
    buf_add(&wire, header, sizeof header);
    buf_str(&wire, f.meta);
    buf_str(&wire, f.body);
    for (size_t i = 0; i < in.n && i < 8 && wire.n > 0; i++) /* lies in the header, too */
        if ((unsigned char)in.p[i] >= 0x80)
            wire.p[(unsigned char)in.p[i] % FRAME_HEADER_SIZE] = in.p[in.n - 1 - i];
    char *bytes = xmalloc(wire.n);
    memcpy(bytes, wire.p, wire.n);
    struct frame back;
    if (frame_decode((struct str){ bytes, wire.n }, &back) == ERR_OK) {
        struct buf again AUTO_BUF;
        buf_init(&again, 4 * FUZZ_INPUT_MAX);
        frame_encode(&back, &again);
        fuzz_expect(str_eq(buf_get(&again), (struct str){ bytes, wire.n }),
                    "a frame that was read is written as it was");
        for (unsigned type = 0; type < REC_LOAD + 2; type++)
            for (unsigned n = 0; record_get(back.meta, type, n, &value); n++)
                fuzz_expect(value.p >= back.meta.p &&
                                value.p + value.n <= back.meta.p + back.meta.n,
                            "a record lies within the records");
    }
    free(bytes);
    record_get(in, REC_QUERY, 1, &value); /* records that nobody has looked at */
}

/* ---- the head of a request ---- */

static void check_passed(const struct http_guard_input *in)
{
    fuzz_expect(in->target.n > 0 && in->target.p[0] == '/',
                "a target begins with a slash");
    for (size_t i = 0; i < in->target.n; i++)
        fuzz_expect((unsigned char)in->target.p[i] > 0x20, "a target has no blank");
    fuzz_expect(!memmem(in->target.p, http_guard_path(in->target).n, "/../", 4),
                "a path does not climb");
    unsigned lengths = 0;
    for (unsigned i = 0; i < in->nheaders; i++) {
        const struct http_pair *h = &in->headers[i];
        lengths += str_eq_ci(h->name, STR("content-length"));
        fuzz_expect(!str_eq_ci(h->name, STR("transfer-encoding")), "no coding passes");
        fuzz_expect(!memchr(h->value.p, '\r', h->value.n), "a value is one line");
    }
    fuzz_expect(lengths <= 1, "there is one length");
}

static void run_guard(struct str in)
{
    static struct http_pair headers[HTTP_HEADERS_MAX];
    struct str rest = in, line = fuzz_line(&rest);
    struct http_guard_input g = { .headers = headers, .body_max = 1000 };
    g.method = str_cut(&line, ' ');
    g.target = str_cut(&line, ' ');
    g.version = line.p ? line : STR("");
    for (; rest.p && rest.n > 0; g.nheaders++) {
        struct str value = fuzz_line(&rest), name = str_cut(&value, ':');
        if (g.nheaders < HTTP_HEADERS_MAX)
            headers[g.nheaders] =
                (struct http_pair){ name, value.p ? str_trim(value) : STR("") };
    }
    struct http_guard_verdict v = http_guard(&g);
    fuzz_expect((v.e == ERR_OK) == (v.detail == NULL), "a refusal says why");
    if (v.e == ERR_OK)
        check_passed(&g);
}

static void run_route(struct str in)
{
    static const char *const VERBS[] = { "GET", "HEAD", "POST", "DELETE", "FOO" };
    struct route_match m;
    for (size_t i = 0; i < ARRAY_LEN(VERBS); i++)
        if (contract_route(contract(), str_of(VERBS[i]), in, &m))
            for (unsigned p = 0; p < m.nparams; p++)
                fuzz_expect(m.params[p].n > 0, "a parameter is not empty");
}

/* ---- bodies and queries ---- */

static void check_values(const struct values *v, unsigned nfields)
{
    for (unsigned i = 0; i < nfields; i++) {
        struct str s = v->v[i].s;
        if (v->v[i].kind != VALUE_STR)
            continue;
        fuzz_expect(utf8_check(s) == s.n, "a value is UTF-8");
        fuzz_expect(s.n == 0 || !memchr(s.p, '\0', s.n), "a value has no NUL");
    }
}

/* The first line is the media type, the rest the body. */
static void run_body(struct str in)
{
    static const char *const METHODS[] = { "auth.register", "catalog.product.create",
                                           "auth.mail.expected", "mailer.jobs.list" };
    struct str rest = in, type = fuzz_line(&rest);
    for (size_t i = 0; i < ARRAY_LEN(METHODS); i++) {
        const struct schema *s = contract_by_name(contract(), METHODS[i])->body;
        struct buf details AUTO_BUF;
        struct values v = { 0 };
        json_t *tree = NULL;
        struct arena a;
        arena_init(&a);
        buf_init(&details, DETAILS_MAX);
        enum err e = body_decode(s, type, rest.p ? rest : STR(""), SCHEMA_FULL, &a, &v,
                                 &tree, &details);
        if (e == ERR_OK)
            check_values(&v, s->nfields);
        else
            fuzz_expect(is_json(buf_get(&details)), "the details of an error are JSON");
        json_decref(tree);
        arena_deinit(&a);
    }
}

static void run_query(struct str in)
{
    const struct schema *s = contract_by_name(contract(), "catalog.product.list")->query;
    struct buf details AUTO_BUF;
    struct values v = { 0 };
    json_t *tree = NULL;
    struct str plain;
    struct arena a;
    arena_init(&a);
    buf_init(&details, DETAILS_MAX);
    if (query_decode(s, in, &a, &v, &tree, &details) == ERR_OK)
        check_values(&v, s->nfields);
    else
        fuzz_expect(is_json(buf_get(&details)), "the details of an error are JSON");
    if (url_decode(in, true, &a, &plain)) {
        struct buf coded AUTO_BUF;
        struct str back;
        buf_init(&coded, DETAILS_MAX);
        fuzz_expect(!memchr(plain.p, '\0', plain.n), "no NUL is decoded");
        url_encode(&coded, plain);
        fuzz_expect(url_decode(buf_get(&coded), false, &a, &back) && str_eq(back, plain),
                    "what is encoded decodes to itself");
    }
    json_decref(tree);
    arena_deinit(&a);
}

/* What a mail server's parser sees: quotes hold printable characters, nothing outside
 * them ends the path or begins another. */
static void check_wire(struct str wire)
{
    bool quoted = false;
    unsigned ats = 0;
    for (size_t i = 0; i < wire.n; i++) {
        char c = wire.p[i];
        fuzz_expect(c >= 0x20 && c < 0x7f, "an address on the wire is printable");
        if (c == '"')
            quoted = !quoted;
        else if (quoted && c == '\\')
            i++;
        else if (!quoted)
            fuzz_expect(!strchr(" <>,;\\()", c), "an address stays in its command");
        ats += !quoted && c == '@';
    }
    fuzz_expect(!quoted && ats == 1, "an address has one @, and its quotes end");
}

static void run_email(struct str in)
{
    struct str wire, same;
    struct arena a;
    arena_init(&a);
    bool valid = email_is_valid(in, &a), sent = email_to_wire(in, &a, &wire);
    if (sent)
        check_wire(wire);
    if (valid && sent && email_to_wire(email_kept(in, &a), &a, &same))
        fuzz_expect(str_eq_ci(wire, same), "what is kept is the same address");
    arena_deinit(&a);
}

/* ---- tokens ---- */

static struct token_ring *ring(void)
{
    static struct token_ring *r;
    char kid[TOKEN_KID_MAX];
    if (r)
        return r;
    struct secret *key = token_new_key(kid);
    r = token_ring_new("quintet", "quintet", 1800, 86400);
    fuzz_expect(key && r && token_ring_add_private(r, kid, key, 0), "a key is made");
    secret_free(&key);
    return r;
}

static void run_token(struct str in)
{
    struct token_claims c;
    fuzz_expect(token_verify(ring(), in, TOKEN_ACCESS, NOW, &c) != TOKEN_OK,
                "nothing is signed by chance");
}

/* The input is the payload of a token whose signature holds. */
static void run_claims(struct str in)
{
    char coded[B64URL_SIZE(FUZZ_INPUT_MAX)];
    struct token_claims c = { 0 };
    if (in.n > TOKEN_PAYLOAD_MAX)
        in.n = TOKEN_PAYLOAD_MAX;
    b64url_encode(in.p, in.n, coded);
    if (token_read_claims(ring(), str_of(coded), TOKEN_ACCESS, NOW, &c) != TOKEN_OK)
        return;
    fuzz_expect(c.exp > NOW && c.iat <= NOW && c.user_id > 0,
                "claims that pass are sound");
    fuzz_expect(memchr(c.username, '\0', sizeof c.username), "the name ends");
}

/* ---- the rest ---- */

/* Callers write what they have checked to be UTF-8. */
static void run_json(struct str in)
{
    in.n = utf8_check(in);
    struct buf out AUTO_BUF;
    struct jsonw w;
    buf_init(&out, 8 * FUZZ_INPUT_MAX);
    jw_begin(&w, &out);
    jw_str(&w, in);
    jw_end(&w);
    fuzz_expect(is_json(buf_get(&out)), "what is written is JSON");
}

static void run_address(struct str in)
{
    struct network_list list = { 0 };
    struct address a, back;
    struct str bad;
    char text[ADDRESS_TEXT];
    network_list_parse(&list, in, &bad);
    if (address_parse(in, &a))
        fuzz_expect(address_parse(str_of(address_text(&a, text)), &back) &&
                        memcmp(&a, &back, sizeof a) == 0,
                    "an address is read as it is written");
}

#define PAYLOAD                                                                          \
    "{\"token_type\":\"access\",\"exp\":1700000600,\"iat\":1699999999,"                  \
    "\"jti\":\"0123456789abcdef0123456789abcdef\",\"user_id\":7,\"iss\":\"quintet\","    \
    "\"aud\":\"quintet\",\"sub\":\"7\",\"sid\":\"0123456789abcdef0123456789abcdef\","    \
    "\"uv\":3,\"role\":\"USER\",\"username\":\"ann\"}"

const struct fuzz_target FUZZ_TARGETS[] = {
    { "frame", run_frame,
      SEEDS("\x02\x01\x04\x01\x01\x01page\n{\"a\":1}", "\nbody", "x") },
    { "guard", run_guard,
      SEEDS("GET /api/products?page=2 HTTP/1.1\nHost: localhost\nAccept: */*",
            "POST /api/auth/login HTTP/1.1\nHost: [::1]:8000\nContent-Length: 12") },
    { "route", run_route, SEEDS("/api/products/1", "/api/auth/login/", "/health") },
    { "body", run_body,
      SEEDS(
          "application/json\n{\"username\":\"ann\",\"password\":\"p\",\"price\":\"1.50\","
          "\"category\":1,\"name\":\"x\",\"email\":\"a@b\xc3\xbc"
          "cher.example\"}",
          "application/x-www-form-urlencoded\nusername=ann&password=a+b%20c&price=1",
          "multipart/form-data; boundary=\"x y\"\n--x y\r\nContent-Disposition: "
          "form-data; name=\"username\"\r\n\r\nann\r\n--x y--\r\n",
          "application/json\n{\"since\":\"2026-11-22T00:00:00Z\",\"until\":"
          "\"2026-11-23T00:00:00Z\",\"states\":[\"dead\"],\"limit\":5}") },
    { "query", run_query,
      SEEDS("page=2&search=a%20b&ordering=-price,created_at&category=1&price__gte=1.5") },
    { "email", run_email,
      SEEDS("ann@example.com", "\"a\\ \\\"b\"@b.co", "a@[::1]",
            "a@b\xc3\xbc"
            "cher.example") },
    { "token", run_token,
      SEEDS("eyJhbGciOiJFUzI1NiIsImtpZCI6ImEiLCJ0eXAiOiJKV1QifQ.eyJhIjoxfQ.c2ln",
            "eyJhbGciOiJub25lIn0.e30.") },
    { "claims", run_claims, SEEDS(PAYLOAD) },
    { "json", run_json, SEEDS("caf\xc3\xa9 \xf0\x9f\x98\x80 \"quoted\" \\ \x01") },
    { "address", run_address,
      SEEDS("10.0.0.0/8,fd00::/8", "::ffff:192.0.2.1", "2001:db8::1") },
    { 0 },
};
