/*
 * The one registry of error numbers. They travel in reply frames and are listed with
 * status, code and texts in proto/errors.json; a unit test holds the two together.
 * A number is never reused.
 */
#ifndef LIB_BASE_ERR_H
#define LIB_BASE_ERR_H

#include "base/str.h"

enum err {
    ERR_OK = 0,
    /* what a client did */
    ERR_PARSE = 1001,
    ERR_VALIDATION = 1002,
    ERR_BAD_REQUEST = 1003,
    ERR_TOKEN_INVALID_LINK = 1004,
    ERR_NOT_AUTHENTICATED = 1010,
    ERR_TOKEN_NOT_VALID = 1011,
    ERR_NO_ACTIVE_ACCOUNT = 1012,
    ERR_USER_INACTIVE = 1013,
    ERR_USER_NOT_FOUND = 1014,
    ERR_BAD_AUTHORIZATION = 1015,
    ERR_PERMISSION_DENIED = 1020,
    ERR_LOGIN_LOCKED = 1021,
    ERR_NOT_FOUND = 1030,
    ERR_METHOD_NOT_ALLOWED = 1031,
    ERR_NOT_ACCEPTABLE = 1032,
    ERR_CONFLICT = 1033,
    ERR_IN_PROGRESS = 1034,
    ERR_PRECONDITION_FAILED = 1035,
    ERR_TOO_LARGE = 1036,
    ERR_UNSUPPORTED_MEDIA_TYPE = 1037,
    ERR_IDEMPOTENCY_MISMATCH = 1038,
    ERR_THROTTLED = 1039,
    ERR_URI_TOO_LONG = 1040,
    ERR_HEADERS_TOO_LARGE = 1041,
    ERR_LENGTH_REQUIRED = 1042,
    /* the dashboard's own */
    ERR_CSRF = 1050,
    ERR_READ_ONLY = 1051,
    ERR_HISTORY = 1052,
    ERR_STREAMS = 1053,
    /* what happened to us */
    ERR_INTERNAL = 1100,
    ERR_UNAVAILABLE = 1101,
    ERR_DEADLINE = 1102,
    ERR_OVERLOADED = 1103,
    ERR_OUTCOME_UNKNOWN = 1104,
    ERR_DRAINING = 1105,
    /* what a peer sent */
    ERR_BAD_FRAME = 1200,
    ERR_BAD_VERSION = 1201,
    ERR_UNKNOWN_METHOD = 1202,
    ERR_PEER_NOT_ALLOWED = 1203,
    ERR_EXPIRED = 1204,
};

struct err_info {
    enum err number;
    int status;          /* HTTP */
    const char *code;    /* machine-readable, stable */
    const char *message; /* the envelope's message */
    const char *detail;  /* the envelope's details.detail unless the service says more */
};

/* The row of e; unknown numbers (a newer peer's) get the row of ERR_INTERNAL. */
const struct err_info *err_info(enum err e);
/* All rows, for tests and documents. */
const struct err_info *err_table(size_t *ret_n);

#endif
