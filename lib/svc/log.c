#include "svc/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/jsonw.h"

enum {
    LINE_MAX_BYTES = 8192,
    GATHER_MAX = 32 * 1024,
    AREAS_MAX = 16,
    AREA_NAME = 24,
};

/* What is logged from which level on; replaced as a whole, never changed in place. */
struct levels {
    const char *text; /* what it was made from */
    enum log_level general;
    unsigned n;
    struct {
        char area[AREA_NAME];
        enum log_level level;
    } areas[AREAS_MAX];
};

static struct {
    char service[32];
    char instance[64];
    char file[512];
    bool text;
    atomic_int fd;            /* of the file, -1 without one */
    atomic_bool stderr_is_it; /* stderr goes to the same file: once is enough */
    _Atomic(struct levels *) levels;
    atomic_bool debug_all;
    pthread_mutex_t lock; /* open and level changes */
} log_state = { .text = true, .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

/* Whole lines that wait; of the one thread that gathers. */
static char gathered[GATHER_MAX];
static size_t ngathered;
static _Thread_local bool gathering;

static const struct {
    const char *name;
    enum log_level level;
} LEVEL_NAMES[] = {
    { "debug", LEVEL_DEBUG },    { "info", LEVEL_INFO },   { "warn", LEVEL_WARN },
    { "error", LEVEL_ERROR },    { "fatal", LEVEL_FATAL }, { "warning", LEVEL_WARN },
    { "critical", LEVEL_FATAL },
};

static const char *level_name(enum log_level level)
{
    for (size_t i = 0; i < ARRAY_LEN(LEVEL_NAMES); i++)
        if (LEVEL_NAMES[i].level == level)
            return LEVEL_NAMES[i].name;
    return "info";
}

static bool parse_level(struct str s, enum log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(LEVEL_NAMES); i++) {
        if (!str_eq_ci(s, str_of(LEVEL_NAMES[i].name)))
            continue;
        *ret = LEVEL_NAMES[i].level;
        return true;
    }
    return false;
}

static bool add_area(struct levels *lv, struct str area, enum log_level level)
{
    if (area.n == 0 || area.n >= AREA_NAME || lv->n == AREAS_MAX)
        return false;
    memcpy(lv->areas[lv->n].area, area.p, area.n);
    lv->areas[lv->n++].level = level;
    return true;
}

bool log_levels(const char *spec)
{
    struct levels *lv = xcalloc(1, sizeof *lv);
    lv->general = LEVEL_INFO;
    struct str rest = str_of(spec);
    while (rest.p) {
        struct str value = str_trim(str_cut(&rest, ','));
        struct str area = str_cut(&value, '=');
        enum log_level level;
        bool general = !value.p;
        if (!parse_level(general ? area : value, &level) ||
            (!general && !add_area(lv, area, level))) {
            free(lv);
            return false;
        }
        if (general)
            lv->general = level;
    }
    /* The old table is left to readers that may still look at it: a few hundred bytes for
     * each operator's command, instead of a lock on every line. */
    lv->text = xstrdup(spec);
    atomic_store(&log_state.levels, lv);
    return true;
}

const char *log_levels_text(void)
{
    const struct levels *lv = atomic_load(&log_state.levels);
    return lv && lv->text ? lv->text : "info";
}

/* ---- areas ---- */

enum { AREAS_KNOWN_MAX = 64 };

/* The section's bounds, made by the linker; absent where nothing logs. */
extern const char *const areas_begin[] __asm__("__start_log_places")
    __attribute__((weak, visibility("hidden")));
extern const char *const areas_end[] __asm__("__stop_log_places")
    __attribute__((weak, visibility("hidden")));

static bool is_known(struct str area)
{
    for (const char *const *a = areas_begin; a != areas_end; a++)
        if (str_eq(area, str_of(*a)))
            return true;
    return false;
}

struct str log_unknown_area(const char *spec)
{
    struct str rest = str_of(spec);
    while (rest.p) {
        struct str value = str_trim(str_cut(&rest, ','));
        struct str area = str_cut(&value, '=');
        if (value.p && area.n > 0 && !is_known(area))
            return area;
    }
    return (struct str){ 0 };
}

/* Into a sorted list without copies; returns how many there are then. */
static size_t insert(const char **list, size_t n, const char *area)
{
    size_t at = 0;
    while (at < n && strcmp(list[at], area) < 0)
        at++;
    if (n == AREAS_KNOWN_MAX || (at < n && strcmp(list[at], area) == 0))
        return n;
    memmove(&list[at + 1], &list[at], (n - at) * sizeof *list);
    list[at] = area;
    return n + 1;
}

void log_areas(struct buf *out)
{
    const char *list[AREAS_KNOWN_MAX];
    size_t n = 0;
    for (const char *const *a = areas_begin; a != areas_end; a++)
        n = insert(list, n, *a);
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%s", i ? ", " : "", list[i]);
}

static bool wanted(enum log_level level, const char *area)
{
    const struct levels *lv = atomic_load(&log_state.levels);
    if (atomic_load_explicit(&log_state.debug_all, memory_order_relaxed))
        return true;
    if (!lv)
        return level >= LEVEL_INFO;
    for (unsigned i = 0; i < lv->n; i++)
        if (strcmp(lv->areas[i].area, area) == 0)
            return level >= lv->areas[i].level;
    return level >= lv->general;
}

void log_toggle_debug(void)
{
    atomic_store(&log_state.debug_all, !atomic_load(&log_state.debug_all));
}

static bool is_stderr(int fd)
{
    struct stat file, err;
    return fstat(fd, &file) == 0 && fstat(STDERR_FILENO, &err) == 0 &&
           file.st_dev == err.st_dev && file.st_ino == err.st_ino;
}

/* -1: it cannot be opened now; what was open stays. The number of the descriptor stays
 * too: another thread that has read it and is about to write must not find it closed, or
 * somebody else's by then. */
static int open_file(void)
{
    int fd = open(log_state.file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    int old = atomic_load(&log_state.fd);
    if (fd >= 0 && old >= 0) {
        int moved = dup3(fd, old, O_CLOEXEC);
        close(fd);
        return moved;
    }
    if (fd >= 0)
        atomic_store(&log_state.fd, fd);
    return fd;
}

void log_reopen(void)
{
    pthread_mutex_lock(&log_state.lock);
    int fd = log_state.file[0] ? open_file() : -1;
    /* Last words that no logger writes go where the log goes, after a rotation, too. */
    if (fd >= 0 && atomic_load(&log_state.stderr_is_it))
        dup2(fd, STDERR_FILENO);
    pthread_mutex_unlock(&log_state.lock);
}

bool log_open(const char *service, const char *instance, enum log_format format,
              const char *file)
{
    pthread_mutex_lock(&log_state.lock);
    snprintf(log_state.service, sizeof log_state.service, "%s", service);
    snprintf(log_state.instance, sizeof log_state.instance, "%s",
             instance ? instance : "");
    log_state.text =
        format == LOG_FORMAT_TEXT || (format == LOG_FORMAT_AUTO && isatty(STDERR_FILENO));
    snprintf(log_state.file, sizeof log_state.file, "%s", file ? file : "");
    int fd = log_state.file[0] ? open_file() : -1;
    atomic_store(&log_state.stderr_is_it, fd >= 0 && is_stderr(fd));
    bool ok = !log_state.file[0] || fd >= 0;
    pthread_mutex_unlock(&log_state.lock);
    return ok;
}

static void json_field(struct jsonw *w, const struct log_field *f)
{
    char hex[33];
    if (f->kind == LOG_FIELD_STR)
        jw_kstr(w, f->key, f->s);
    else if (f->kind == LOG_FIELD_INT)
        jw_kint(w, f->key, f->i);
    else if (f->kind == LOG_FIELD_BOOL)
        jw_kbool(w, f->key, f->i != 0);
    else if (f->kind == LOG_FIELD_ID)
        jw_kcstr(w, f->key, hex_encode(f->s.p, f->s.n, hex));
}

static void json_line(struct buf *b, enum log_level level, const char *area,
                      const char *event, const struct log_field *fields)
{
    char at[CLOCK_TEXT_SIZE];
    struct jsonw w;
    jw_begin(&w, b);
    jw_object(&w);
    jw_kcstr(&w, "time", clock_text(clock_wall_us(), at));
    jw_kcstr(&w, "level", level_name(level));
    jw_kcstr(&w, "service", log_state.service);
    if (log_state.instance[0])
        jw_kcstr(&w, "instance", log_state.instance);
    jw_kcstr(&w, "area", area);
    jw_kcstr(&w, "msg", event);
    for (; fields->kind != LOG_FIELD_END; fields++)
        json_field(&w, fields);
    jw_object_end(&w);
    jw_end(&w);
}

static void text_field(struct buf *b, const struct log_field *f)
{
    char hex[33];
    if (f->kind == LOG_FIELD_SKIP)
        return;
    buf_printf(b, " %s=", f->key);
    if (f->kind == LOG_FIELD_STR)
        json_escape(b, f->s); /* control characters must not reach a terminal */
    else if (f->kind == LOG_FIELD_INT)
        buf_printf(b, "%lld", (long long)f->i);
    else if (f->kind == LOG_FIELD_BOOL)
        buf_cstr(b, f->i ? "true" : "false");
    else
        buf_cstr(b, hex_encode(f->s.p, f->s.n, hex));
}

static void text_line(struct buf *b, enum log_level level, const char *area,
                      const char *event, const struct log_field *fields)
{
    char at[CLOCK_TEXT_SIZE];
    clock_text(clock_wall_us(), at);
    buf_printf(b, "%.8s %-5s %s %s: %s", at + 11, level_name(level), log_state.service,
               area, event);
    for (; fields->kind != LOG_FIELD_END; fields++)
        text_field(b, fields);
}

/* A full disk or a closed terminal must not stop a daemon: what cannot be written is lost
 * on purpose. */
static void write_to(int fd, const char *text, size_t n)
{
    if (fd >= 0 && write(fd, text, n) < 0)
        return;
}

static void write_out(const char *text, size_t n)
{
    if (!atomic_load_explicit(&log_state.stderr_is_it, memory_order_relaxed))
        write_to(STDERR_FILENO, text, n);
    write_to(atomic_load(&log_state.fd), text, n);
}

void log_gather(void)
{
    gathering = true;
}

void log_flush(void)
{
    if (gathering && ngathered > 0)
        write_out(gathered, ngathered);
    if (gathering)
        ngathered = 0;
}

static void put_line(enum log_level level, struct str line)
{
    if (gathering && ngathered + line.n > sizeof gathered)
        log_flush();
    if (!gathering) {
        write_out(line.p, line.n);
        return;
    }
    memcpy(gathered + ngathered, line.p, line.n);
    ngathered += line.n;
    if (level >= LEVEL_WARN)
        log_flush();
}

void log_write(enum log_level level, const char *area, const char *event,
               const struct log_field *fields)
{
    if (!wanted(level, area))
        return;
    char text[LINE_MAX_BYTES];
    struct buf b;
    buf_init_on(&b, text, sizeof text - 1); /* room for the end of the line */
    if (log_state.text)
        text_line(&b, level, area, event, fields);
    else
        json_line(&b, level, area, event, fields);
    if (b.overflow) { /* a line too long loses its fields, never its fact */
        buf_clear(&b);
        const struct log_field cut[] = { F_BOOL("truncated", true), LOG_NO_FIELD };
        (log_state.text ? text_line : json_line)(&b, level, area, event, cut);
    }
    text[b.n] = '\n';
    put_line(level, (struct str){ text, b.n + 1 });
}
