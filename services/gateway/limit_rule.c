#include "gateway/limit_rule.h"

#include "base/mem.h"

/* ---- text ---- */

static int64_t unit_seconds(char c)
{
    static const struct {
        char unit;
        int64_t seconds;
    } UNITS[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++)
        if (UNITS[i].unit == c)
            return UNITS[i].seconds;
    return 0;
}

/* "m", "5m" */
static bool parse_period(struct str text, int64_t *ret_us)
{
    int64_t times = 1;
    int64_t unit = text.n > 0 ? unit_seconds(text.p[text.n - 1]) : 0;
    struct str number = { text.p, text.n > 0 ? text.n - 1 : 0 };
    if (unit == 0 || (number.n > 0 && !str_to_i64(number, &times)) || times < 1 ||
        times > LIMIT_PERIOD_MAX_S / unit)
        return false;
    *ret_us = times * unit * 1000000;
    return true;
}

static bool parse_rule(struct str text, struct limit_rule *ret)
{
    struct str period = text;
    struct str count = str_trim(str_cut(&period, '/'));
    return str_to_i64(count, &ret->count) && ret->count >= 1 &&
           ret->count <= LIMIT_COUNT_MAX &&
           parse_period(str_trim(period), &ret->period_us);
}

bool limit_parse(struct str text, struct limit *ret)
{
    struct limit l = { 0 };
    struct str rest = str_trim(text);
    bool off = str_eq_ci(rest, STR("off"));
    while (!off && rest.p) {
        if (l.n == LIMIT_RULES_MAX || !parse_rule(str_cut(&rest, ','), &l.rule[l.n]))
            return false;
        l.n++;
    }
    *ret = l;
    return true;
}

/* ---- arithmetic ---- */

int64_t limit_interval_us(const struct limit_rule *rule)
{
    int64_t interval = rule->period_us / rule->count;
    return interval > 0 ? interval : 1;
}

/* When the bucket would be full again, had it given a unit now. */
static int64_t full_after(const struct limit_rule *rule, int64_t full_us, int64_t now_us)
{
    int64_t from = full_us > now_us ? full_us : now_us;
    return from + limit_interval_us(rule);
}

struct limit_verdict limit_look(const struct limit *l, const int64_t *full_us,
                                int64_t now_us)
{
    struct limit_verdict v = { .allowed = true };
    for (unsigned i = 0; i < l->n; i++) {
        const struct limit_rule *rule = &l->rule[i];
        int64_t wait = full_after(rule, full_us[i], now_us) - rule->period_us - now_us;
        if (wait <= v.wait_us)
            continue;
        v = (struct limit_verdict){ .rule = i, .wait_us = wait };
    }
    return v;
}

struct limit_verdict limit_take(const struct limit *l, int64_t *full_us, int64_t now_us)
{
    struct limit_verdict v = limit_look(l, full_us, now_us);
    for (unsigned i = 0; v.allowed && i < l->n; i++)
        full_us[i] = full_after(&l->rule[i], full_us[i], now_us);
    return v;
}
