#include "svc/events_parse.h"

#include <stdio.h>
#include <time.h>

#include "base/id.h"

static bool two_digits(const char *p, int *ret)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return false;
    *ret = (p[0] - '0') * 10 + p[1] - '0';
    return true;
}

/* ".161784": up to nine digits, the first six count. */
static const char *parse_fraction(const char *p, int64_t *us)
{
    int64_t unit = 100000;
    *us = 0;
    if (*p != '.')
        return p;
    for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
        *us += (*p - '0') * unit;
    return p;
}

/* "Z" or "+01:00" at the very end; *ret in seconds. */
static bool parse_offset(const char *p, int64_t *ret)
{
    int h, m;
    *ret = 0;
    if (strcmp(p, "Z") == 0)
        return true;
    if ((*p != '+' && *p != '-') || strlen(p) != 6 || p[3] != ':')
        return false;
    if (!two_digits(p + 1, &h) || !two_digits(p + 4, &m))
        return false;
    *ret = (*p == '-' ? -1 : 1) * (h * 3600 + m * 60);
    return true;
}

bool event_parse_time(const char *text, int64_t *ret_us)
{
    static const char SHAPE[] = "dddd-dd-ddTdd:dd:dd";
    struct tm tm = { 0 };
    int64_t us, offset;
    for (size_t i = 0; SHAPE[i]; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (SHAPE[i] == 'd' ? !digit : text[i] != SHAPE[i])
            return false;
    }
    if (!strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
        return false;
    const char *rest = parse_fraction(text + sizeof SHAPE - 1, &us);
    if (!parse_offset(rest, &offset))
        return false;
    *ret_us = ((int64_t)timegm(&tm) - offset) * 1000000 + us;
    return true;
}

static const char *member(const json_t *in, const char *key)
{
    return json_string_value(json_object_get(in, key)); /* NULL unless a string */
}

/* An optional member: absent or null is fine, anything else must be a time. */
static bool optional_time(const json_t *in, const char *key, int64_t *ret)
{
    const json_t *v = json_object_get(in, key);
    *ret = 0;
    if (!v || json_is_null(v))
        return true;
    return json_is_string(v) && event_parse_time(json_string_value(v), ret);
}

/* 32 hex digits or a UUID; zeros when absent or neither: an id is a hint for people. */
static void parse_id(const json_t *in, const char *key, uint8_t out[static 16])
{
    struct str s = str_of(member(in, key));
    memset(out, 0, 16);
    if (!hex_decode(s, out, 16))
        id_uuid_parse(s, out);
}

static struct str dump(const json_t *v, struct arena *a)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    struct str s = arena_dup(a, str_of(text));
    free(text);
    return s;
}

static bool parse_members(const json_t *in, struct arena *a, struct event *e)
{
    const char *type = member(in, "type"), *created = member(in, "created_at");
    const json_t *version = json_object_get(in, "version");
    const json_t *aggregate = json_object_get(in, "aggregate_id");
    const json_t *payload = json_object_get(in, "payload");
    if (!type || !*type || strlen(type) > 64 || !created || !json_is_object(payload))
        return false;
    if (!json_is_integer(version) || !json_is_integer(aggregate))
        return false;
    if (!id_uuid_parse(str_of(member(in, "event_id")), e->event_id))
        return false;
    e->type = arena_str(a, str_of(type));
    e->version = (int)json_integer_value(version);
    e->aggregate_id = json_integer_value(aggregate);
    e->payload = dump(payload, a);
    e->sealed = arena_dup(a, str_of(member(in, "sealed")));
    return event_parse_time(created, &e->created_us) &&
           optional_time(in, "published_at", &e->published_us) &&
           optional_time(in, "expires_at", &e->expires_us);
}

/* Its id must be the same wherever and whenever it is read. */
static void name_malformed(struct event *e, const char *epoch)
{
    static const uint8_t space[16];
    char name[80];
    snprintf(name, sizeof name, "%.36s:%lld", epoch, (long long)e->seq);
    id_uuid5(space, str_of(name), e->event_id);
    e->type = EVENT_MALFORMED;
    e->payload = STR("{}");
    e->sealed = STR("");
    e->published_us = e->expires_us = 0;
}

bool event_parse(const json_t *in, const char *epoch, struct arena *a, struct event *ret)
{
    const json_t *seq = json_object_get(in, "seq");
    struct event e = { .seq = json_integer_value(seq) };
    if (!json_is_integer(seq) || e.seq < 1)
        return false;
    parse_id(in, "request_id", e.request_id);
    parse_id(in, "trace_id", e.trace_id);
    if (!parse_members(in, a, &e))
        name_malformed(&e, epoch);
    e.json = dump(in, a);
    *ret = e;
    return true;
}
