/*
 * A secret has its own type: no printf format, log field or JSON call takes it, so it
 * cannot be printed by accident. Its bytes live in memory that is locked, left out of
 * core dumps and wiped on release.
 */
#ifndef LIB_BASE_SECRET_H
#define LIB_BASE_SECRET_H

#include "base/str.h"

struct secret;

/* A copy of the bytes; the caller wipes its own. Release with secret_free. */
struct secret *secret_new(struct str bytes);
/* The whole file without one trailing line end. NULL and *ret_why (static text) when it
 * cannot be read, is empty, larger than 64 KiB, or readable by everybody. */
struct secret *secret_read(const char *path, const char **ret_why);
/* Wipes, frees and nulls *s; NULL is fine. */
void secret_free(struct secret **s);
/* The bytes, borrowed, NUL-terminated; empty for NULL. The one way to them: grep for it.
 */
struct str secret_expose(const struct secret *s);

#endif
