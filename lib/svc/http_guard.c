#include "svc/http_guard.h"

#include "base/id.h"
#include "base/mem.h"

static const char *const BAD_FRAMING = "The request's framing is ambiguous.";

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* tchar of RFC 9110 5.6.2: what a header name is made of. */
static const bool TCHAR[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true,
    ['#'] = true,         ['$'] = true,         ['%'] = true,         ['&'] = true,
    ['\''] = true,        ['*'] = true,         ['+'] = true,         ['-'] = true,
    ['.'] = true,         ['^'] = true,         ['_'] = true,         ['`'] = true,
    ['|'] = true,         ['~'] = true,
};

static bool is_control(char c)
{
    unsigned char u = (unsigned char)c;
    return u < 0x20 || u == 0x7f;
}

struct str http_guard_path(struct str target)
{
    return str_cut(&target, '?');
}

struct str http_guard_query(struct str target)
{
    str_cut(&target, '?');
    return target.p ? target : STR("");
}

/* ---- the request line ---- */

static const char *check_method(struct str method)
{
    if (method.n == 0 || method.n > HTTP_METHOD_MAX)
        return "The request method is not one.";
    for (size_t i = 0; i < method.n; i++)
        if (!is_alpha(method.p[i]))
            return "The request method is not one.";
    return NULL;
}

/* The byte at *at, an escape decoded; -1 when the escape is broken. */
static int next_byte(struct str s, size_t *at)
{
    char c = s.p[(*at)++];
    if (c != '%')
        return (unsigned char)c;
    if (*at + 2 > s.n)
        return -1;
    int high = hex_digit(s.p[*at]), low = hex_digit(s.p[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* "." and "..", also when written with %2e. */
static bool is_dot_segment(struct str segment)
{
    unsigned dots = 0;
    for (size_t at = 0; at < segment.n; dots++)
        if (next_byte(segment, &at) != '.')
            return false;
    return dots == 1 || dots == 2;
}

static const char *check_segment(struct str segment)
{
    for (size_t at = 0; at < segment.n;) {
        bool escaped = segment.p[at] == '%';
        int byte = next_byte(segment, &at);
        if (byte < 0)
            return "The path holds a broken escape.";
        if (byte == 0 || byte == '\\' || (escaped && byte == '/'))
            return "The path holds an escape that is not allowed.";
    }
    return is_dot_segment(segment) ? "The path holds a dot segment." : NULL;
}

static const char *check_path(struct str path)
{
    if (path.n == 0 || path.p[0] != '/')
        return "The request target must start with a slash.";
    struct str rest = { path.p + 1, path.n - 1 };
    while (rest.p) {
        bool last = !memchr(rest.p, '/', rest.n);
        struct str segment = str_cut(&rest, '/');
        if (segment.n == 0 && !last)
            return "The path holds an empty segment.";
        const char *why = check_segment(segment);
        if (why)
            return why;
    }
    return NULL;
}

static const char *check_target(struct str target)
{
    for (size_t i = 0; i < target.n; i++)
        if (is_control(target.p[i]) || target.p[i] == ' ' || target.p[i] == '#')
            return "The request target holds a character that is not allowed.";
    return check_path(http_guard_path(target));
}

/* ---- the headers ---- */

static bool starts_ci(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq_ci((struct str){ s.p, prefix.n }, prefix);
}

static const char *check_pair(const struct http_pair *h)
{
    static const struct str FRAMING[] = { { "content-length", 14 },
                                          { "transfer-encoding", 17 } };
    if (h->name.n == 0)
        return "A header has no name.";
    for (size_t i = 0; i < h->name.n; i++)
        if (!TCHAR[(unsigned char)h->name.p[i]])
            return "A header name holds a character that is not allowed.";
    /* A folded or blank-padded line arrives glued to its name. */
    for (size_t i = 0; i < ARRAY_LEN(FRAMING); i++)
        if (starts_ci(h->name, FRAMING[i]) && h->name.n != FRAMING[i].n)
            return BAD_FRAMING;
    for (size_t i = 0; i < h->value.n; i++)
        if (is_control(h->value.p[i]) && h->value.p[i] != '\t')
            return "A header value holds a control character.";
    return NULL;
}

/* uri-host [":" port] (RFC 9110 7.2), by its characters. */
static bool is_host(struct str host)
{
    for (size_t i = 0; i < host.n; i++)
        if (!is_alpha(host.p[i]) && !is_digit(host.p[i]) && !strchr(".-_:[]", host.p[i]))
            return false;
    return host.n > 0 && host.n <= 255;
}

static bool parse_length(struct str s, uint64_t *ret)
{
    if (s.n == 0 || s.n > 18)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i]))
            return false;
        value = value * 10 + (uint64_t)(s.p[i] - '0');
    }
    *ret = value;
    return true;
}

struct seen {
    unsigned hosts, lengths, encodings;
    struct str host, length, encoding;
};

static struct seen look_for(const struct http_guard_input *in)
{
    struct seen seen = { 0 };
    for (unsigned i = 0; i < in->nheaders; i++) {
        const struct http_pair *h = &in->headers[i];
        if (str_eq_ci(h->name, STR("host"))) {
            seen.hosts++;
            seen.host = h->value;
        } else if (str_eq_ci(h->name, STR("content-length"))) {
            seen.lengths++;
            seen.length = h->value;
        } else if (str_eq_ci(h->name, STR("transfer-encoding"))) {
            seen.encodings++;
            seen.encoding = h->value;
        }
    }
    return seen;
}

/* Of these there is one: which of two counts, nobody could say. */
static bool is_repeated(const struct http_guard_input *in)
{
    static const struct str SINGLE[] = { { "authorization", 13 },
                                         { "content-type", 12 },
                                         { "idempotency-key", 15 } };
    unsigned seen[ARRAY_LEN(SINGLE)] = { 0 };
    for (unsigned i = 0; i < in->nheaders; i++)
        for (size_t s = 0; s < ARRAY_LEN(SINGLE); s++)
            if (str_eq_ci(in->headers[i].name, SINGLE[s]) && seen[s]++ > 0)
                return true;
    return false;
}

static bool takes_no_body(struct str method)
{
    return str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"));
}

static struct http_guard_verdict refuse(enum err e, const char *detail)
{
    return (struct http_guard_verdict){ .e = e, .detail = detail };
}

static struct http_guard_verdict check_body(const struct http_guard_input *in,
                                            const struct seen *seen)
{
    struct http_guard_verdict v = { .framed = true };
    if (seen->encodings == 1 && seen->lengths == 0 &&
        str_eq_ci(seen->encoding, STR("chunked")))
        return refuse(ERR_LENGTH_REQUIRED, "A request body needs a Content-Length.");
    if (seen->encodings > 0 || seen->lengths > 1)
        return refuse(ERR_BAD_REQUEST, BAD_FRAMING);
    if (seen->lengths == 1 && !parse_length(seen->length, &v.content_length))
        return refuse(ERR_BAD_REQUEST, "The Content-Length is not a number.");
    if (v.content_length > 0 && takes_no_body(in->method)) {
        v.e = ERR_BAD_REQUEST;
        v.detail = "A request with this method has no body.";
    } else if (v.content_length > in->body_max) {
        v.e = ERR_TOO_LARGE;
        v.detail = "The request body is too large.";
    }
    return v;
}

static const char *check_host(const struct http_guard_input *in, const struct seen *seen)
{
    bool old = str_eq(in->version, STR("HTTP/1.0"));
    if (!old && !str_eq(in->version, STR("HTTP/1.1")))
        return "The HTTP version is not supported.";
    if (seen->hosts == 0 && old)
        return NULL;
    if (seen->hosts != 1 || !is_host(seen->host))
        return "A request needs exactly one valid Host header.";
    return NULL;
}

static const char *check_line(const struct http_guard_input *in)
{
    const char *why = check_method(in->method);
    return why ? why : check_target(in->target);
}

struct http_guard_verdict http_guard(const struct http_guard_input *in)
{
    if (in->target.n > HTTP_TARGET_MAX)
        return refuse(ERR_URI_TOO_LONG, "The request target is too long.");
    const char *why = check_line(in);
    if (why)
        return refuse(ERR_BAD_REQUEST, why);
    if (in->nheaders > HTTP_HEADERS_MAX)
        return refuse(ERR_HEADERS_TOO_LARGE, "The request has too many headers.");
    for (unsigned i = 0; i < in->nheaders; i++)
        if ((why = check_pair(&in->headers[i])))
            return refuse(ERR_BAD_REQUEST, why);
    if (is_repeated(in))
        return refuse(
            ERR_BAD_REQUEST,
            "Authorization, Content-Type and Idempotency-Key may each be sent once.");
    struct seen seen = look_for(in);
    if ((why = check_host(in, &seen)))
        return refuse(ERR_BAD_REQUEST, why);
    return check_body(in, &seen);
}
