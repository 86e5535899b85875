#include "base/err.h"

#include "base/mem.h"

#define NOT_AUTH  "Authentication credentials were not provided or are invalid."
#define TRY_LATER "The service cannot answer now. Please try again later."

static const struct err_info TABLE[] = {
    { ERR_INTERNAL, 500, "internal_error", "Internal Server Error",
      "An unexpected error occurred. Please try again later." },
    { ERR_PARSE, 400, "parse_error", "Bad Request", "JSON parse error" },
    { ERR_VALIDATION, 400, "invalid", "Bad Request", "The request is not valid." },
    { ERR_BAD_REQUEST, 400, "bad_request", "Bad Request", "The request is not valid." },
    { ERR_TOKEN_INVALID_LINK, 400, "invalid_link", "Bad Request",
      "Invalid or expired token" },
    { ERR_NOT_AUTHENTICATED, 401, "not_authenticated", "Unauthorized", NOT_AUTH },
    { ERR_TOKEN_NOT_VALID, 401, "token_not_valid", "Unauthorized", NOT_AUTH },
    { ERR_NO_ACTIVE_ACCOUNT, 401, "no_active_account", "Unauthorized", NOT_AUTH },
    { ERR_USER_INACTIVE, 401, "user_inactive", "Unauthorized", NOT_AUTH },
    { ERR_USER_NOT_FOUND, 401, "user_not_found", "Unauthorized", NOT_AUTH },
    { ERR_BAD_AUTHORIZATION, 401, "bad_authorization_header", "Unauthorized", NOT_AUTH },
    { ERR_PERMISSION_DENIED, 403, "permission_denied", "Forbidden",
      "You do not have permission to perform this action." },
    { ERR_LOGIN_LOCKED, 429, "login_locked", "Too Many Requests",
      "Rate limit exceeded. Please try again later." },
    { ERR_NOT_FOUND, 404, "not_found", "Not Found",
      "The requested resource was not found." },
    { ERR_METHOD_NOT_ALLOWED, 405, "method_not_allowed", "Method Not Allowed",
      "Method not allowed." },
    { ERR_NOT_ACCEPTABLE, 406, "not_acceptable", "Not Acceptable",
      "Could not satisfy the request Accept header." },
    { ERR_CONFLICT, 409, "conflict", "Conflict",
      "The request conflicts with the present state." },
    { ERR_IN_PROGRESS, 409, "in_progress", "Conflict",
      "A request with this Idempotency-Key is still being processed." },
    { ERR_PRECONDITION_FAILED, 412, "precondition_failed", "Precondition Failed",
      "The resource has changed since it was read." },
    { ERR_TOO_LARGE, 413, "payload_too_large", "Content Too Large",
      "The request body is too large." },
    { ERR_URI_TOO_LONG, 414, "uri_too_long", "URI Too Long",
      "The request target is too long." },
    { ERR_UNSUPPORTED_MEDIA_TYPE, 415, "unsupported_media_type", "Unsupported Media Type",
      "Unsupported media type in request." },
    { ERR_IDEMPOTENCY_MISMATCH, 422, "idempotency_mismatch", "Unprocessable Content",
      "This Idempotency-Key was used with another request." },
    { ERR_THROTTLED, 429, "throttled", "Too Many Requests",
      "Rate limit exceeded. Please try again later." },
    { ERR_HEADERS_TOO_LARGE, 431, "headers_too_large", "Request Header Fields Too Large",
      "The request headers are too large." },
    { ERR_LENGTH_REQUIRED, 411, "length_required", "Length Required",
      "A request body needs a Content-Length." },
    { ERR_CSRF, 403, "csrf_failed", "Forbidden",
      "The request does not come from the dashboard's own page." },
    { ERR_READ_ONLY, 403, "read_only", "Forbidden", "This dashboard is read-only." },
    { ERR_HISTORY, 503, "history_unavailable", "Service Unavailable",
      "The monitor's own database cannot answer now." },
    { ERR_STREAMS, 503, "too_many_streams", "Service Unavailable",
      "As many live streams as allowed are open." },
    { ERR_UNAVAILABLE, 503, "unavailable", "Service Unavailable", TRY_LATER },
    { ERR_DEADLINE, 504, "deadline_exceeded", "Gateway Timeout",
      "The service did not answer in time." },
    { ERR_OVERLOADED, 503, "overloaded", "Service Unavailable", TRY_LATER },
    { ERR_OUTCOME_UNKNOWN, 503, "outcome_unknown", "Service Unavailable",
      "It is not known whether the request took effect. Repeat it with the same "
      "Idempotency-Key." },
    { ERR_DRAINING, 503, "draining", "Service Unavailable", TRY_LATER },
    { ERR_BAD_FRAME, 500, "bad_frame", "Internal Server Error",
      "The message is not a well-formed frame." },
    { ERR_BAD_VERSION, 500, "bad_version", "Internal Server Error",
      "The frame has an unknown major version." },
    { ERR_UNKNOWN_METHOD, 500, "unknown_method", "Internal Server Error",
      "The service has no method of this number." },
    { ERR_PEER_NOT_ALLOWED, 500, "peer_not_allowed", "Internal Server Error",
      "This key may not call this method." },
    { ERR_EXPIRED, 504, "expired", "Gateway Timeout",
      "The request's time was up before work on it began." },
};

const struct err_info *err_info(enum err e)
{
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++)
        if (TABLE[i].number == e)
            return &TABLE[i];
    return &TABLE[0];
}

const struct err_info *err_table(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(TABLE);
    return TABLE;
}
