#include "monitor/search_value.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "svc/events_parse.h"

static const int64_t SECOND = 1000000;

static const char *const STATES[SEARCH_STATES] = { "ready",  "leased",  "sent",
                                                   "dead",   "expired", "suppressed",
                                                   "revoked" };
enum {
    READY = 1,
    LEASED = 2,
    SENT = 4,
    DEAD = 8,
    EXPIRED = 16,
    SUPPRESSED = 32,
    REVOKED = 64
};

/* Other words for states: the pages' and Celery's. */
static const struct {
    const char *word;
    unsigned states;
    bool retried;
} ALIASES[] = {
    { "waiting", READY, false },       { "sending", LEASED, false },
    { "retry", READY, true },          { "pending", READY, false },
    { "received", READY, false },      { "started", LEASED, false },
    { "success", SENT, false },        { "failure", DEAD | EXPIRED, false },
    { "rejected", SUPPRESSED, false },
};

enum shape { TEXT, KWARGS, STATE, UUID, HEX, NUMBER, TIME, SECONDS };

static const struct {
    const char *name;
    enum search_field field;
    enum shape shape;
} FIELDS[] = {
    { "state", FIELD_STATE, STATE },
    { "name", FIELD_NAME, TEXT },
    { "template", FIELD_NAME, TEXT },
    { "mail", FIELD_NAME, TEXT },
    { "to", FIELD_TO, TEXT },
    { "recipient", FIELD_TO, TEXT },
    { "args", FIELD_TO, TEXT },
    { "kwargs", FIELD_TO, KWARGS },
    { "worker", FIELD_WORKER, TEXT },
    { "error", FIELD_ERROR, TEXT },
    { "result", FIELD_ERROR, TEXT },
    { "id", FIELD_ID, UUID },
    { "uuid", FIELD_ID, UUID },
    { "event", FIELD_EVENT, UUID },
    { "request", FIELD_REQUEST, HEX },
    { "user", FIELD_USER, NUMBER },
    { "attempts", FIELD_ATTEMPTS, NUMBER },
    { "attempt", FIELD_ATTEMPTS, NUMBER },
    { "code", FIELD_CODE, NUMBER },
    { "created", FIELD_CREATED, TIME },
    { "queued", FIELD_CREATED, TIME },
    { "finished", FIELD_FINISHED, TIME },
    { "took", FIELD_TOOK, SECONDS },
};

/* ---- values ---- */

static struct str lower(struct str s, struct arena *a)
{
    char *out = arena_str(a, s);
    for (size_t i = 0; i < s.n; i++)
        if (out[i] >= 'A' && out[i] <= 'Z')
            out[i] = (char)(out[i] - 'A' + 'a');
    return (struct str){ out, s.n };
}

static const char *read_state(struct str value, struct search_term *ret)
{
    for (size_t i = 0; i < SEARCH_STATES; i++)
        if (str_eq_ci(value, str_of(STATES[i])))
            ret->states = 1u << i;
    for (size_t i = 0; i < ARRAY_LEN(ALIASES); i++)
        if (str_eq_ci(value, str_of(ALIASES[i].word))) {
            ret->states = ALIASES[i].states;
            ret->retried = ALIASES[i].retried;
        }
    return ret->states ? NULL
                       : "No such state: ready, retry, leased, sent, dead, expired, "
                         "suppressed or revoked.";
}

static const char *read_uuid(struct str value, struct arena *a, struct search_term *ret)
{
    uint8_t id[16];
    if (!id_uuid_parse(value, id))
        return "A whole id was expected: 8-4-4-4-12 hexadecimal digits.";
    ret->text = lower(value, a);
    return NULL;
}

static const char *read_hex(struct str value, struct search_term *ret, struct arena *a)
{
    uint8_t id[16];
    char *out = arena_alloc(a, 33);
    if (!hex_decode(value, id, sizeof id) && !id_uuid_parse(value, id))
        return "A whole request id was expected: 32 hexadecimal digits.";
    ret->text = str_of(hex_encode(id, sizeof id, out));
    return NULL;
}

/* What tasks of Flower's show of a mail is {'recipient': '...'}: key=value of it, or a
 * part of what it says. */
static const char *read_kwargs(struct str value, struct arena *a, struct search_term *ret)
{
    static const struct str KEY = { "recipient=", 10 };
    if (str_starts(value, KEY))
        value = (struct str){ value.p + KEY.n, value.n - KEY.n };
    ret->text = lower(value, a);
    return value.n > 0 ? NULL : "A value was expected behind the equals sign.";
}

/* One bound, in the units of the field. */
typedef bool bound_fn(struct str s, int64_t now_us, struct arena *a, int64_t *ret,
                      bool *ret_age);

static bool read_number(struct str s, int64_t now_us, struct arena *a, int64_t *ret,
                        bool *ret_age)
{
    (void)now_us, (void)a, (void)ret_age;
    return str_to_i64(s, ret) && *ret >= 0 && *ret <= INT64_C(1000000000000000);
}

/* Seconds with up to six decimals, a unit behind them is allowed: 1.5, 90s, 2m. */
static bool read_seconds(struct str s, int64_t now_us, struct arena *a, int64_t *ret,
                         bool *ret_age)
{
    static const struct {
        char unit;
        int64_t s;
    } UNITS[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    int64_t factor = 1, whole, scale = SECOND, fraction = 0;
    (void)now_us, (void)a;
    for (size_t i = 0; i < ARRAY_LEN(UNITS) && s.n > 1; i++)
        if (s.p[s.n - 1] == UNITS[i].unit) {
            factor = UNITS[i].s;
            s.n--;
            *ret_age = true;
            break;
        }
    struct str decimals = s;
    struct str number = str_cut(&decimals, '.');
    if (!str_to_i64(number, &whole) || whole < 0 || whole > 100000000)
        return false;
    for (size_t i = 0; decimals.p && i < decimals.n && i < 6; i++) {
        if (decimals.p[i] < '0' || decimals.p[i] > '9')
            return false;
        scale /= 10;
        fraction += (decimals.p[i] - '0') * scale;
    }
    *ret = (whole * SECOND + fraction) * factor;
    return true;
}

/* 2026-11-25, 2026-11-25T17:00:00Z, or an age: 2h is two hours ago. */
static bool read_time(struct str s, int64_t now_us, struct arena *a, int64_t *ret,
                      bool *ret_age)
{
    int64_t age;
    bool is_age = false;
    if (s.n == 10)
        return event_parse_time(arena_printf(a, "%.*sT00:00:00Z", STR_ARG(s)), ret);
    if (event_parse_time(arena_str(a, s), ret))
        return true;
    if (!read_seconds(s, now_us, a, &age, &is_age) || !is_age)
        return false;
    *ret = now_us - age;
    *ret_age = true;
    return true;
}

static void open_range(struct search_term *t)
{
    t->from = INT64_MIN;
    t->to = INT64_MAX;
}

/* >3 >=3 <3 <=3 2..5 3; of ages, "<2h" means younger: later than two hours ago. */
static bool read_range(struct str s, bound_fn *bound, int64_t width, int64_t now_us,
                       struct arena *a, struct search_term *ret)
{
    int64_t v, v2;
    bool age = false;
    open_range(ret);
    for (size_t i = 0; i + 1 < s.n; i++) {
        if (s.p[i] != '.' || s.p[i + 1] != '.')
            continue;
        if (!bound((struct str){ s.p, i }, now_us, a, &v, &age) ||
            !bound((struct str){ s.p + i + 2, s.n - i - 2 }, now_us, a, &v2, &age))
            return false;
        ret->from = v < v2 ? v : v2;
        ret->to = (v < v2 ? v2 : v) + width - 1;
        return true;
    }
    char op = s.n > 0 && (s.p[0] == '>' || s.p[0] == '<') ? s.p[0] : '=';
    size_t skip = op == '=' ? 0 : s.n > 1 && s.p[1] == '=' ? 2 : 1;
    bool or_equal = skip == 2;
    if (!bound((struct str){ s.p + skip, s.n - skip }, now_us, a, &v, &age))
        return false;
    bool is_time = bound == read_time;
    if (is_time && age && op != '=')
        op = op == '<' ? '>' : '<';
    if (op == '=') {
        ret->from = v;
        ret->to = v + width - 1;
    } else if (op == '>') {
        ret->from = or_equal || is_time ? v : v + 1;
    } else {
        ret->to = or_equal && !is_time ? v : v - 1;
    }
    return true;
}

static const char *read_value(enum shape shape, struct str value, int64_t now_us,
                              struct arena *a, struct search_term *ret)
{
    static const int64_t DAY = INT64_C(86400) * 1000000;
    switch (shape) {
    case TEXT:
        ret->text = lower(value, a);
        return NULL;
    case KWARGS:
        return read_kwargs(value, a, ret);
    case STATE:
        return read_state(value, ret);
    case UUID:
        return read_uuid(value, a, ret);
    case HEX:
        return read_hex(value, ret, a);
    case NUMBER:
        return read_range(value, read_number, 1, now_us, a, ret)
                   ? NULL
                   : "A number was expected: 3, >3, <=3 or 2..5.";
    case TIME:
        return read_range(value, read_time, value.n == 10 ? DAY : 1, now_us, a, ret)
                   ? NULL
                   : "A time was expected: 2026-11-25, a full time, or an age like <2h.";
    case SECONDS:
        return read_range(value, read_seconds, 1, now_us, a, ret)
                   ? NULL
                   : "A time in seconds was expected: >1.5, <=2m or 1..5.";
    }
    return "This field cannot be searched.";
}

const char *search_term_read(struct str text, bool quoted, int64_t now_us,
                             struct arena *a, struct search_term *ret, size_t *offset)
{
    struct str value = text;
    struct str name = str_cut(&value, ':');
    *ret = (struct search_term){ .field = FIELD_WORD, .text = lower(text, a) };
    *offset = 0;
    if (quoted || !value.p || name.n == 0)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        if (!str_eq_ci(name, str_of(FIELDS[i].name)))
            continue;
        *offset = name.n + 1;
        ret->field = FIELDS[i].field;
        if (value.n == 0)
            return "A value was expected behind the colon.";
        return read_value(FIELDS[i].shape, value, now_us, a, ret);
    }
    return "No such field: state, name, to, worker, error, id, request, event, user, "
           "attempts, code, created, finished or took.";
}

/* ---- the mailer's filter ---- */

unsigned search_term_states(const struct search_term *t, bool *exact)
{
    *exact = t->field == FIELD_STATE && !t->retried;
    return t->field == FIELD_STATE ? t->states : SEARCH_ALL_STATES;
}

void search_states_write(unsigned states, struct jsonw *w)
{
    if (states == 0)
        return;
    jw_key(w, "states");
    jw_array(w);
    for (size_t i = 0; i < SEARCH_STATES; i++)
        if (states & 1u << i)
            jw_str(w, str_of(STATES[i]));
    jw_array_end(w);
}

static bool write_times(const struct search_term *t, const char *from, const char *to,
                        struct jsonw *w)
{
    char at[CLOCK_TEXT_SIZE];
    static const int64_t LATEST = INT64_C(4102444800) * 1000000; /* 2100 */
    if (t->from > 0)
        jw_kcstr(w, from, clock_text(t->from < LATEST ? t->from : LATEST, at));
    if (t->to < LATEST)
        jw_kcstr(w, to, clock_text(t->to < 0 ? 0 : t->to + 1, at)); /* exclusive there */
    return true;
}

static bool write_attempts(int64_t from, int64_t to, struct jsonw *w)
{
    enum { MOST = 32767 };
    if (from > 0)
        jw_kint(w, "attempt_min", from < MOST ? from : MOST);
    if (to < MOST)
        jw_kint(w, "attempt_max", to < 0 ? 0 : to);
    return from <= MOST && to >= 0;
}

bool search_term_write(const struct search_term *t, unsigned *used, struct jsonw *w)
{
    bool address = t->field == FIELD_WORD && memchr(t->text.p, '@', t->text.n);
    enum search_field field = address ? FIELD_TO : t->field;
    if (field == FIELD_STATE && t->retried)
        field = FIELD_ATTEMPTS;
    if (*used & 1u << field)
        return false; /* said once */
    *used |= 1u << field;
    switch (field) {
    case FIELD_TO:
        if (t->text.n > 254)
            return false;
        jw_kstr(w, "recipient", t->text);
        return !address; /* the word may stand in an error as well */
    case FIELD_REQUEST:
        jw_kstr(w, "request_id", t->text);
        return true;
    case FIELD_EVENT:
        jw_kstr(w, "event_id", t->text);
        return true;
    case FIELD_USER:
        if (t->from != t->to || t->from < 1)
            return false;
        jw_kint(w, "user_id", t->from);
        return true;
    case FIELD_CODE:
        if (t->from != t->to || t->from > 999)
            return false;
        jw_kint(w, "code", t->from);
        return true;
    case FIELD_ATTEMPTS:
        return t->retried ? write_attempts(1, INT64_MAX, w)
                          : write_attempts(t->from, t->to, w);
    case FIELD_CREATED:
        return write_times(t, "created_from", "created_to", w);
    case FIELD_FINISHED:
        return write_times(t, "finished_from", "finished_to", w);
    case FIELD_WORD:
    case FIELD_STATE:
    case FIELD_NAME:
    case FIELD_WORKER:
    case FIELD_ERROR:
    case FIELD_ID:
    case FIELD_TOOK:
        break;
    }
    return false;
}

/* ---- the mailer's condition ---- */

static void open_term(struct jsonw *w, const char *op, const char *field)
{
    jw_object(w);
    jw_kcstr(w, "op", op);
    if (field)
        jw_kcstr(w, "field", field);
}

static void where_text(const struct search_term *t, const char *op, const char *field,
                       struct jsonw *w)
{
    open_term(w, op, field);
    jw_kstr(w, "text", t->text);
    jw_object_end(w);
}

static void where_range(const char *field, int64_t from, int64_t to, struct jsonw *w)
{
    open_term(w, "within", field);
    if (from != INT64_MIN)
        jw_kint(w, "min", from);
    if (to != INT64_MAX)
        jw_kint(w, "max", to);
    jw_object_end(w);
}

static void where_state(const struct search_term *t, struct jsonw *w)
{
    for (size_t i = 0; i < SEARCH_STATES; i++) {
        if (!(t->states & 1u << i))
            continue;
        if (t->states >> (i + 1)) {
            open_term(w, "or", NULL);
            jw_object_end(w);
        }
        open_term(w, "is", "state");
        jw_kcstr(w, "text", STATES[i]);
        jw_object_end(w);
    }
}

void search_term_where(const struct search_term *t, struct jsonw *w)
{
    static const struct {
        const char *op, *field;
    } WHERE[] = {
        [FIELD_WORD] = { "word", NULL },          [FIELD_NAME] = { "has", "template" },
        [FIELD_TO] = { "has", "recipient" },      [FIELD_WORKER] = { "has", "worker" },
        [FIELD_ERROR] = { "has", "error" },       [FIELD_ID] = { "is", "job_id" },
        [FIELD_REQUEST] = { "is", "request_id" }, [FIELD_EVENT] = { "is", "event_id" },
        [FIELD_USER] = { NULL, "user_id" },       [FIELD_ATTEMPTS] = { NULL, "attempt" },
        [FIELD_CODE] = { NULL, "code" },          [FIELD_CREATED] = { NULL, "created" },
        [FIELD_FINISHED] = { NULL, "finished" },  [FIELD_TOOK] = { NULL, "took" },
    };
    if (t->field != FIELD_STATE && WHERE[t->field].op) {
        where_text(t, WHERE[t->field].op, WHERE[t->field].field, w);
        return;
    }
    if (t->field != FIELD_STATE) {
        where_range(WHERE[t->field].field, t->from, t->to, w);
        return;
    }
    if (t->retried) {
        open_term(w, "and", NULL);
        jw_object_end(w);
        where_range("attempt", 1, INT64_MAX, w);
    }
    where_state(t, w);
}

struct str search_term_job_id(const struct search_term *t)
{
    uint8_t id[16];
    bool named = t->field == FIELD_ID || t->field == FIELD_WORD;
    return named && t->text.n == ID_UUID_TEXT - 1 && id_uuid_parse(t->text, id)
               ? t->text
               : (struct str){ 0 };
}
