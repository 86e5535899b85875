#include "svc/db_private.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/id.h"

static bool is_there(const struct db_result *r, int row, int col)
{
    return r->pg && row >= 0 && row < PQntuples(r->pg) && col >= 0 &&
           col < PQnfields(r->pg) && !PQgetisnull(r->pg, row, col);
}

struct str db_text(const struct db_result *r, int row, int col)
{
    if (!is_there(r, row, col))
        return (struct str){ "", 0 };
    return (struct str){ PQgetvalue(r->pg, row, col),
                         (size_t)PQgetlength(r->pg, row, col) };
}

bool db_is_null(const struct db_result *r, int row, int col)
{
    return !is_there(r, row, col);
}

int64_t db_int(const struct db_result *r, int row, int col)
{
    int64_t v = 0;
    if (!str_to_i64(db_text(r, row, col), &v))
        return 0;
    return v;
}

bool db_bool(const struct db_result *r, int row, int col)
{
    return str_eq(db_text(r, row, col), STR("t"));
}

/* "2026-11-22 10:12:57.5+00", as sessions set up by db_pipe.c print it: the fraction is
 * filled up to 6 digits. */
char *db_time(const struct db_result *r, int row, int col,
              char out[static CLOCK_TEXT_SIZE])
{
    enum { DATE_AND_TIME = 19, DIGITS = 6 };
    struct str t = db_text(r, row, col);
    *out = '\0';
    if (t.n < DATE_AND_TIME)
        return out;
    memcpy(out, t.p, DATE_AND_TIME);
    out[10] = 'T';
    char *end = out + DATE_AND_TIME;
    if (t.n > DATE_AND_TIME && t.p[DATE_AND_TIME] == '.') {
        *end++ = '.';
        size_t at = DATE_AND_TIME + 1;
        for (int i = 0; i < DIGITS; i++) {
            bool digit = at < t.n && t.p[at] >= '0' && t.p[at] <= '9';
            *end++ = digit ? t.p[at++] : '0';
        }
    }
    memcpy(end, "Z", 2);
    return out;
}

const char *db_constraint(const struct db_result *r)
{
    const char *name = r->pg ? PQresultErrorField(r->pg, PG_DIAG_CONSTRAINT_NAME) : NULL;
    return name ? name : "";
}

enum err db_err(const struct db_stmt *stmt, const struct db_result *r)
{
    bool write = stmt->lane == DB_WRITE;
    switch (r->status) {
    case DB_OK:
        return ERR_OK;
    case DB_CONFLICT:
    case DB_FOREIGN_KEY:
        return ERR_CONFLICT;
    case DB_TIMEOUT:
        return write ? ERR_OUTCOME_UNKNOWN : ERR_DEADLINE;
    case DB_UNKNOWN:
        return write ? ERR_OUTCOME_UNKNOWN : ERR_UNAVAILABLE;
    case DB_UNAVAILABLE:
        return ERR_UNAVAILABLE;
    case DB_BUSY:
        return ERR_OVERLOADED;
    case DB_REFUSED:
        break;
    }
    return ERR_INTERNAL;
}

struct str db_int_param(int64_t v, char buf[static DB_INT_TEXT])
{
    return str_int(v, buf);
}

struct str db_bytes_param(struct arena *a, const void *data, size_t n)
{
    char *text = arena_alloc(a, 2 + 2 * n + 1);
    text[0] = '\\';
    text[1] = 'x';
    hex_encode(data, n, text + 2);
    return (struct str){ text, 2 + 2 * n };
}
