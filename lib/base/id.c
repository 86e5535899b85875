#include "base/id.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/mem.h"

void id_random(void *out, size_t n)
{
    unsigned char *p = out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR) /* before the generator is ready, or for many */
            continue;
        if (got < 0)
            BUG("the system has no random numbers");
        p += got;
        n -= (size_t)got;
    }
}

void id_uuid7(uint8_t out[static 16])
{
    /* RFC 9562 6.2 method 2: within one millisecond the random part counts upwards. */
    static _Thread_local int64_t last_ms;
    static _Thread_local uint8_t tail[10];
    int64_t ms = clock_wall_us() / 1000;
    if (ms > last_ms) {
        last_ms = ms;
        id_random(tail, sizeof tail);
        tail[0] &= 0x07; /* head room for the counter */
    } else {
        for (int i = 9; i >= 0 && ++tail[i] == 0; i--)
            ;
    }
    for (int i = 0; i < 6; i++)
        out[i] = (uint8_t)(last_ms >> (40 - 8 * i));
    memcpy(out + 6, tail, 10);
    out[6] = (uint8_t)(0x70 | (tail[0] & 0x0f));
    out[8] = (uint8_t)(0x80 | (tail[2] & 0x3f));
}

void id_uuid5(const uint8_t space[static 16], struct str name, uint8_t out[static 16])
{
    uint8_t digest[SHA_DIGEST_LENGTH];
    uint8_t *joined = xmalloc(16 + name.n);
    memcpy(joined, space, 16);
    if (name.n > 0)
        memcpy(joined + 16, name.p, name.n);
    SHA1(joined, 16 + name.n, digest);
    free(joined);
    memcpy(out, digest, 16);
    out[6] = (uint8_t)(0x50 | (out[6] & 0x0f));
    out[8] = (uint8_t)(0x80 | (out[8] & 0x3f));
}

char *id_uuid_text(const uint8_t id[static 16], char out[static ID_UUID_TEXT])
{
    char hex[33];
    hex_encode(id, 16, hex);
    snprintf(out, ID_UUID_TEXT, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
             hex + 16, hex + 20);
    return out;
}

bool id_uuid_parse(struct str s, uint8_t out[static 16])
{
    char hex[32];
    size_t n = 0;
    if (s.n != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash && s.p[i] != '-')
            return false;
        if (!dash)
            hex[n++] = s.p[i];
    }
    return hex_decode((struct str){ hex, 32 }, out, 16);
}

char *hex_encode(const void *data, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = data;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = '\0';
    return out;
}

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode(struct str s, void *out, size_t n)
{
    uint8_t *p = out;
    if (s.n != 2 * n)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (hex_digit(s.p[i]) < 0)
            return false;
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(hex_digit(s.p[2 * i]) << 4 | hex_digit(s.p[2 * i + 1]));
    return true;
}

static const char URL_ALPHABET[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char MIME_ALPHABET[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static size_t encode(const uint8_t *p, size_t n, const char *alphabet, char *out)
{
    size_t o = 0;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16;
        v |= i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0;
        v |= i + 2 < n ? p[i + 2] : 0;
        size_t chars = n - i >= 3 ? 4 : n - i + 1;
        for (size_t k = 0; k < chars; k++)
            out[o++] = alphabet[(v >> (18 - 6 * k)) & 63];
    }
    out[o] = '\0';
    return o;
}

size_t b64url_encode(const void *data, size_t n, char *out)
{
    return encode(data, n, URL_ALPHABET, out);
}

size_t b64_encode(const void *data, size_t n, char *out)
{
    size_t o = encode(data, n, MIME_ALPHABET, out);
    while (o % 4)
        out[o++] = '=';
    out[o] = '\0';
    return o;
}

static int url_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-')
        return 62;
    return c == '_' ? 63 : -1;
}

int b64url_decode(struct str s, void *out)
{
    uint8_t *p = out;
    uint32_t bits = 0;
    int have = 0, n = 0;
    if (s.n % 4 == 1 || s.n > INT32_MAX)
        return -1;
    for (size_t i = 0; i < s.n; i++) {
        int v = url_value(s.p[i]);
        if (v < 0)
            return -1;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            p[n++] = (uint8_t)(bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    return bits == 0 ? n : -1; /* left-over bits would make two texts for one value */
}
