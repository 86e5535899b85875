/*
 * Structured log: one JSON object a line (text when stderr is a terminal), with time,
 * level, area, event name, service, instance and the request's id. The one that decides
 * logs once; libraries below do not log. Every line is written with one write(2).
 *
 *   log_info("rpc", "listening", F_STR("endpoint", ep), F_INT("threads", 1));
 *
 * The `area` is what LOG_LEVEL=info,db=debug selects by. Secrets have a type that no
 * field takes. Thread-safe; does not block beyond the write.
 */
#ifndef LIB_SVC_LOG_H
#define LIB_SVC_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum log_level { LEVEL_DEBUG, LEVEL_INFO, LEVEL_WARN, LEVEL_ERROR, LEVEL_FATAL };

enum log_field_kind {
    LOG_FIELD_END,
    LOG_FIELD_STR,
    LOG_FIELD_INT,
    LOG_FIELD_BOOL,
    LOG_FIELD_ID,
    LOG_FIELD_SKIP
};

struct log_field {
    enum log_field_kind kind;
    const char *key;
    struct str s;
    int64_t i;
};

#define F_STR(k, v)   ((struct log_field){ LOG_FIELD_STR, (k), str_of(v), 0 })
#define F_SLICE(k, v) ((struct log_field){ LOG_FIELD_STR, (k), (v), 0 })
#define F_INT(k, v)   ((struct log_field){ LOG_FIELD_INT, (k), { 0 }, (int64_t)(v) })
#define F_BOOL(k, v)  ((struct log_field){ LOG_FIELD_BOOL, (k), { 0 }, (v) })
/* 16 bytes, printed as 32 hex digits: F_ID("request_id", call->request_id) */
#define F_ID(k, v) ((struct log_field){ LOG_FIELD_ID, (k), { (const char *)(v), 16 }, 0 })

/* The first variadic argument is the event name, the rest are fields. Each place leaves
 * its area, a literal, in a section of the program: log_areas reads them. */
#define LOG_AT(level, area, ...)                                                         \
    ({                                                                                   \
        static const char *const log_area __attribute__((section("log_places"), used)) = \
            (area);                                                                      \
        log_write((level), log_area, LOG_EVENT_AND_FIELDS(__VA_ARGS__, LOG_NO_FIELD));   \
    })
#define LOG_NO_FIELD ((struct log_field){ LOG_FIELD_END, 0, { 0 }, 0 })
#define LOG_EVENT_AND_FIELDS(event, ...)                                                 \
    (event), (const struct log_field[])                                                  \
    {                                                                                    \
        __VA_ARGS__                                                                      \
    }

#define log_debug(area, ...) LOG_AT(LEVEL_DEBUG, area, __VA_ARGS__)
#define log_info(area, ...)  LOG_AT(LEVEL_INFO, area, __VA_ARGS__)
#define log_warn(area, ...)  LOG_AT(LEVEL_WARN, area, __VA_ARGS__)
#define log_error(area, ...) LOG_AT(LEVEL_ERROR, area, __VA_ARGS__)
#define log_fatal(area, ...) LOG_AT(LEVEL_FATAL, area, __VA_ARGS__)

/* Fields end at LOG_FIELD_END. Use the macros. */
void log_write(enum log_level level, const char *area, const char *event,
               const struct log_field *fields);

enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_JSON, LOG_FORMAT_TEXT };

/* Names this process in every later line. Before it: stderr, text, info. instance may be
 * NULL. Returns false when `file` (may be NULL) cannot be opened for appending: lines
 * then go to stderr only. With a file, lines go to both, once when stderr is that very
 * file. Strings are copied. */
bool log_open(const char *service, const char *instance, enum log_format format,
              const char *file);
/* "info" or "info,db=debug,http=warn". False, nothing changed, when it does not parse. */
bool log_levels(const char *spec);
/* The first area of such a spec that nothing in this program logs under; p NULL: none. A
 * slice of spec. */
struct str log_unknown_area(const char *spec);
/* The areas of this program, sorted: "auth, db, http". */
void log_areas(struct buf *out);
/* The text of the last log_levels that worked; "info" before. The loop's thread. */
const char *log_levels_text(void);
/* From now on what the calling thread logs below a warning waits for log_flush (or for
 * 32 KiB of it), so that a busy loop makes one system call a turn and not one a line. For
 * one thread of the process. A process that is killed loses what waits. */
void log_gather(void);
/* Writes what waits. Nothing to do in a thread that does not gather. */
void log_flush(void);
/* Opens the file again after a rotation (HUP); a stderr that is the file moves along.
 * When it cannot be opened, the log goes on where it is. */
void log_reopen(void);
/* USR1: everything at debug, and back. */
void log_toggle_debug(void);

#endif
