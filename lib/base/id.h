/* Random bytes, identifiers and their text forms. */
#ifndef LIB_BASE_ID_H
#define LIB_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { ID_UUID_TEXT = 37 };

/* n bytes from the operating system's generator; ends the process if it fails. */
void id_random(void *out, size_t n);
/* A time-ordered UUID (RFC 9562, version 7), unique and increasing in this thread. */
void id_uuid7(uint8_t out[static 16]);
/* A name-based UUID (RFC 9562, version 5: SHA-1 over namespace and name). */
void id_uuid5(const uint8_t space[static 16], struct str name, uint8_t out[static 16]);
/* 8-4-4-4-12 lower-case hex. Returns out. */
char *id_uuid_text(const uint8_t id[static 16], char out[static ID_UUID_TEXT]);
/* Any case accepted; false (out untouched) unless the whole of s is a UUID. */
bool id_uuid_parse(struct str s, uint8_t out[static 16]);

/* 0 to 15 for a hex digit of either case, -1 for anything else. */
int hex_digit(char c);
/* 2n lower-case hex digits and a NUL. Returns out. */
char *hex_encode(const void *data, size_t n, char *out);
/* Exactly n bytes from 2n hex digits of either case; false otherwise. */
bool hex_decode(struct str s, void *out, size_t n);

/* Room for the unpadded base64url text of n bytes and a NUL. */
#define B64URL_SIZE(n) (((n)*4 + 2) / 3 + 1)
/* RFC 4648 section 5 without padding; returns the length written before the NUL. */
size_t b64url_encode(const void *data, size_t n, char *out);
/* Strict: alphabet only, no padding, canonical last character. Returns the number of
 * bytes, or -1. out must have room for s.n * 3 / 4 bytes. */
int b64url_decode(struct str s, void *out);
/* RFC 4648 section 4 with padding; out has room for 4 * ((n + 2) / 3) + 1. */
size_t b64_encode(const void *data, size_t n, char *out);

#endif
