/*
 * JSON written once, straight into a buffer, in the key order the caller chooses.
 * The writer places commas and checks nesting; strings are escaped as RFC 8259 asks
 * and otherwise pass as UTF-8 (the caller has checked it). Misuse (a key outside an
 * object, an unclosed level) is our bug and aborts in jw_end.
 */
#ifndef LIB_BASE_JSONW_H
#define LIB_BASE_JSONW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum { JSONW_DEPTH = 16 };

struct jsonw {
    struct buf *out;
    unsigned depth;
    bool comma;               /* the next value needs one before it */
    bool object[JSONW_DEPTH]; /* kind of each open level */
};

/* Starts a document at the end of out. Finish with jw_end. */
void jw_begin(struct jsonw *w, struct buf *out);
void jw_end(struct jsonw *w);

void jw_object(struct jsonw *w);
void jw_object_end(struct jsonw *w);
void jw_array(struct jsonw *w);
void jw_array_end(struct jsonw *w);
void jw_key(struct jsonw *w, const char *key);

void jw_str(struct jsonw *w, struct str s);
void jw_int(struct jsonw *w, int64_t v);
void jw_bool(struct jsonw *w, bool v);
void jw_null(struct jsonw *w);
/* A number given as text (a NUMERIC from the database), or any finished JSON value. */
void jw_raw(struct jsonw *w, struct str json);
/* v with at most 6 decimals, in the shortest form; NaN and infinities become null. */
void jw_double(struct jsonw *w, double v);

/* Key and value in one call. */
void jw_kstr(struct jsonw *w, const char *key, struct str v);
void jw_kcstr(struct jsonw *w, const char *key, const char *v); /* NULL is null */
void jw_kint(struct jsonw *w, const char *key, int64_t v);
void jw_kbool(struct jsonw *w, const char *key, bool v);
void jw_knull(struct jsonw *w, const char *key);
void jw_kraw(struct jsonw *w, const char *key, struct str json);

/* Only the escaped bytes of s, without quotes: for writers of other formats. */
void json_escape(struct buf *out, struct str s);

#endif
