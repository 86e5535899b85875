#include "mailer/job_filter.h"

#include <stdio.h>

#include "base/id.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "mailer/job_where.h"

enum { FILTER_MAX = 128 * 1024, WHERE_MAX = 64 * 1024 };

/* --- filter ------------------------------------------------------------------------ */

typedef const char *write_fn(struct jsonw *w, const char *key, const json_t *v);

static struct str text_of(const json_t *v)
{
    return (struct str){ json_string_value(v), json_string_length(v) };
}

static const char *write_text(struct jsonw *w, const char *key, const json_t *v)
{
    jw_kstr(w, key, text_of(v));
    return NULL;
}

static const char *write_number(struct jsonw *w, const char *key, const json_t *v)
{
    jw_kint(w, key, json_integer_value(v));
    return NULL;
}

static const char *write_uuid(struct jsonw *w, const char *key, const json_t *v)
{
    uint8_t id[16];
    char text[ID_UUID_TEXT];
    struct str given = str_trim(text_of(v));
    if (!id_uuid_parse(given, id) && !hex_decode(given, id, sizeof id))
        return "Must be a valid UUID.";
    jw_kcstr(w, key, id_uuid_text(id, text));
    return NULL;
}

static const char *write_hex_id(struct jsonw *w, const char *key, const json_t *v)
{
    uint8_t id[16];
    char text[33];
    struct str given = str_trim(text_of(v));
    if (!id_uuid_parse(given, id) && !hex_decode(given, id, sizeof id))
        return "Must be a valid UUID.";
    jw_kcstr(w, key, hex_encode(id, sizeof id, text));
    return NULL;
}

/* The contract's names of states need no quotes in the text of an array. */
static const char *write_states(struct jsonw *w, const char *key, const json_t *v)
{
    struct buf list AUTO_BUF;
    const json_t *one;
    size_t i;
    buf_init(&list, 1024);
    json_array_foreach(v, i, one)
    {
        buf_cstr(&list, i ? "," : "{");
        buf_cstr(&list, json_string_value(one));
    }
    buf_cstr(&list, i ? "}" : "{}");
    jw_kstr(w, key, buf_get(&list));
    return NULL;
}

static const char *write_where(struct jsonw *w, const char *key, const json_t *v)
{
    struct buf text AUTO_BUF;
    buf_init(&text, WHERE_MAX);
    if (!job_where_text(v, &text) || text.overflow)
        return "This is not one whole condition.";
    jw_kstr(w, key, buf_get(&text));
    return NULL;
}

static const struct {
    const char *name;
    write_fn *write;
} FIELDS[] = {
    { "states", write_states },      { "template", write_text },
    { "recipient", write_text },     { "user_id", write_number },
    { "event_id", write_uuid },      { "request_id", write_hex_id },
    { "created_from", write_text },  { "created_to", write_text },
    { "finished_from", write_text }, { "finished_to", write_text },
    { "attempt_min", write_number }, { "attempt_max", write_number },
    { "code", write_number },        { "worker", write_text },
    { "where", write_where },
};

bool job_filter_text(const json_t *filter, struct arena *a, struct str *ret,
                     const char **ret_why)
{
    struct buf out AUTO_BUF;
    struct jsonw w;
    *ret_why = NULL;
    buf_init(&out, FILTER_MAX);
    jw_begin(&w, &out);
    jw_object(&w);
    for (size_t i = 0; i < ARRAY_LEN(FIELDS) && !*ret_why; i++) {
        const json_t *v = json_object_get(filter, FIELDS[i].name);
        if (v && !json_is_null(v))
            *ret_why = FIELDS[i].write(&w, FIELDS[i].name, v);
    }
    jw_object_end(&w);
    jw_end(&w);
    *ret = arena_dup(a, buf_get(&out));
    return !*ret_why && !out.overflow;
}

/* --- order and place --------------------------------------------------------------- */

static const char *const SORTS[] = {
    [JOB_SORT_CREATED] = "created",
    [JOB_SORT_RUN] = "run",
    [JOB_SORT_FINISHED] = "finished",
    [JOB_SORT_ATTEMPT] = "attempt",
};

bool job_sort_parse(struct str name, enum job_sort *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(SORTS); i++) {
        if (!str_eq(str_of(SORTS[i]), name))
            continue;
        *ret = (enum job_sort)i;
        return true;
    }
    return false;
}

const char *job_sort_name(enum job_sort sort)
{
    return SORTS[sort];
}

bool job_place_parse(struct str text, struct job_place *ret)
{
    struct str rest = text;
    struct str way = str_cut(&rest, '.'), key = str_cut(&rest, '.');
    uint8_t id[16];
    if (way.n != 1 || (way.p[0] != 'n' && way.p[0] != 'p'))
        return false;
    if (!str_to_i64(key, &ret->key) || ret->key < -1 || ret->key >= INT64_C(1) << 57)
        return false;
    if (!rest.p || !id_uuid_parse(rest, id))
        return false;
    ret->back = way.p[0] == 'p';
    id_uuid_text(id, ret->job_id);
    return true;
}

char *job_place_text(const struct job_place *p, char out[static JOB_PLACE_TEXT])
{
    snprintf(out, JOB_PLACE_TEXT, "%c.%lld.%.36s", p->back ? 'p' : 'n', (long long)p->key,
             p->job_id);
    return out;
}
