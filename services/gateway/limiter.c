#include "gateway/limiter.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "gateway/limit_table.h"
#include "svc/log.h"
#include "svc/metrics.h"

enum { BUCKETS = 16384 };

static const struct {
    const char *name; /* as the contracts and the settings say it */
    bool shared;
} CLASSES[NLIMIT_CLASSES] = {
    [LIMIT_NONE] = { "none", false },    [LIMIT_REGISTER] = { "register", true },
    [LIMIT_LOGIN] = { "login", true },   [LIMIT_REFRESH] = { "refresh", true },
    [LIMIT_VERIFY] = { "verify", true }, [LIMIT_RESET] = { "reset", true },
    [LIMIT_MAIL] = { "mail", true },     [LIMIT_READ] = { "read", false },
    [LIMIT_WRITE] = { "write", false },
};

/* The GCRA of limit_rule.c on one key, by the server's clock, which all gateways share.
 * Arguments: interval and period of each rule, in us. Answer: wait in us, which rule. */
const char LIMITER_SCRIPT[] =
    "local t = redis.call('TIME')\n"
    "local now = tonumber(t[1]) * 1000000 + tonumber(t[2])\n"
    "local full, wait, rule = {}, 0, 0\n"
    "for word in string.gmatch(redis.call('GET', KEYS[1]) or '', '%S+') do\n"
    "  full[#full + 1] = tonumber(word) or 0\n"
    "end\n"
    "local last = now\n"
    "for i = 1, #ARGV / 2 do\n"
    "  local from = math.max(full[i] or 0, now)\n"
    "  full[i] = from + tonumber(ARGV[2 * i - 1])\n"
    "  local late = full[i] - tonumber(ARGV[2 * i]) - now\n"
    "  if late > wait then wait, rule = late, i - 1 end\n"
    "  last = math.max(last, full[i])\n"
    "end\n"
    "if wait == 0 then\n"
    "  for i = 1, #full do full[i] = string.format('%.0f', full[i]) end\n"
    "  redis.call('SET', KEYS[1], table.concat(full, ' '),\n"
    "             'PX', math.ceil((last - now) / 1000) + 1)\n"
    "end\n"
    "return {wait, rule}\n";

/* One thing that counts: an address or a user. */
struct meter {
    char kind; /* 'a' or 'u' */
    uint64_t key;
};

enum { METERS_MAX = 2 };

enum result { RESULT_ALLOWED, RESULT_REFUSED, RESULT_EXEMPT, NRESULTS };
enum counted { COUNTED_LOCAL, COUNTED_REDIS, COUNTED_DEGRADED, NCOUNTED };

struct limiter {
    struct redis *redis;
    struct limit limit[NLIMIT_CLASSES];
    struct network_list exempt;
    struct limit_table *table;
    struct metric *decisions[NLIMIT_CLASSES][NRESULTS][NCOUNTED];
};

const char *limiter_class_name(enum limit_class class)
{
    return CLASSES[class].name;
}

static bool find_class(const char *name, enum limit_class *ret)
{
    for (int i = 0; i < NLIMIT_CLASSES; i++)
        if (strcmp(CLASSES[i].name, name) == 0) {
            *ret = (enum limit_class)i;
            return true;
        }
    return false;
}

enum limit_class limiter_class(const struct contract_method *shown, bool is_options)
{
    enum limit_class class = LIMIT_READ;
    if (!is_options) /* it describes, and costs as little as a read */
        find_class(shown->rate, &class);
    return class;
}

/* ---- what counts ---- */

static uint64_t key_of(const struct limiter *l, char kind, enum limit_class class,
                       const void *data, size_t n)
{
    unsigned char text[2 + sizeof(struct address)] = { (unsigned char)kind,
                                                       (unsigned char)class };
    memcpy(text + 2, data, n);
    return limit_table_key(l->table, text, 2 + n);
}

static unsigned meters_of(const struct limiter *l, const struct limiter_subject *s,
                          struct meter meter[METERS_MAX])
{
    unsigned n = 0;
    struct address client = address_client(&s->client);
    if (!s->has_user || CLASSES[s->class].shared)
        meter[n++] =
            (struct meter){ 'a', key_of(l, 'a', s->class, client.b, sizeof client.b) };
    if (s->has_user)
        meter[n++] = (struct meter){ 'u', key_of(l, 'u', s->class, &s->user_id,
                                                 sizeof s->user_id) };
    return n;
}

static void count(struct limiter *l, enum limit_class class, enum result result,
                  enum counted where)
{
    metric_add(l->decisions[class][result][where], 1);
}

static bool is_degraded(const struct limiter *l, enum limit_class class)
{
    return CLASSES[class].shared && l->redis && !redis_up(l->redis);
}

static void refuse(struct limiter_refusal *ret, const struct limiter *l,
                   enum limit_class class, unsigned rule, int64_t wait_us)
{
    *ret = (struct limiter_refusal){ class, l->limit[class].rule[rule], wait_us };
}

/* ---- here ---- */

typedef struct limit_verdict table_fn(struct limit_table *t, uint64_t key,
                                      const struct limit *l, int64_t now_us);

/* False: refused, by the first that has no room. */
static bool all_allow(struct limiter *l, const struct limiter_subject *s, table_fn *fn,
                      struct limiter_refusal *ret)
{
    struct meter meter[METERS_MAX];
    unsigned n = meters_of(l, s, meter);
    int64_t now_us = clock_mono_us();
    for (unsigned i = 0; i < n; i++) {
        struct limit_verdict v = fn(l->table, meter[i].key, &l->limit[s->class], now_us);
        if (v.allowed)
            continue;
        refuse(ret, l, s->class, v.rule, v.wait_us);
        return false;
    }
    return true;
}

enum limiter_answer limiter_check(struct limiter *l, const struct limiter_subject *s,
                                  struct limiter_refusal *ret)
{
    if (l->limit[s->class].n == 0)
        return LIMITER_ALLOWED;
    if (network_list_holds(&l->exempt, &s->client)) {
        count(l, s->class, RESULT_EXEMPT, COUNTED_LOCAL);
        return LIMITER_ALLOWED;
    }
    bool ask = CLASSES[s->class].shared && l->redis && redis_up(l->redis);
    bool allowed = all_allow(l, s, ask ? limit_table_look : limit_table_take, ret);
    if (allowed && ask)
        return LIMITER_ASK;
    count(l, s->class, allowed ? RESULT_ALLOWED : RESULT_REFUSED,
          is_degraded(l, s->class) ? COUNTED_DEGRADED : COUNTED_LOCAL);
    return allowed ? LIMITER_ALLOWED : LIMITER_REFUSED;
}

/* ---- in Redis ---- */

struct question {
    struct limiter *limiter;
    struct limiter_subject subject;
    limiter_fn *fn;
    void *arg;
    unsigned open; /* calls without an answer, and one for limiter_ask itself */
    bool failed, refused;
    struct limiter_refusal refusal;
};

/* Redis did not say: what is remembered here decides, and counts. */
static void decide_here(struct question *q)
{
    struct limiter *l = q->limiter;
    if (!q->refused)
        q->refused = !all_allow(l, &q->subject, limit_table_take, &q->refusal);
    count(l, q->subject.class, q->refused ? RESULT_REFUSED : RESULT_ALLOWED,
          COUNTED_DEGRADED);
}

static void decide(struct question *q)
{
    struct limiter *l = q->limiter;
    struct limiter_refusal ignored;
    if (q->failed) {
        decide_here(q);
        return;
    }
    if (!q->refused)
        all_allow(l, &q->subject, limit_table_take, &ignored);
    count(l, q->subject.class, q->refused ? RESULT_REFUSED : RESULT_ALLOWED,
          COUNTED_REDIS);
}

static void close_one(struct question *q)
{
    if (--q->open > 0)
        return;
    decide(q);
    q->fn(q->arg, q->refused ? &q->refusal : NULL);
    free(q);
}

static void on_numbers(void *arg, const int64_t *numbers, unsigned n)
{
    struct question *q = arg;
    const struct limit *limit = &q->limiter->limit[q->subject.class];
    bool fine = numbers && n == 2 && numbers[1] >= 0 && numbers[1] < limit->n;
    if (!fine) {
        q->failed = true;
    } else if (numbers[0] > 0 && numbers[0] > q->refusal.wait_us) {
        q->refused = true;
        refuse(&q->refusal, q->limiter, q->subject.class, (unsigned)numbers[1],
               numbers[0]);
    }
    close_one(q);
}

static struct str write_key(const struct limiter_subject *s, char kind,
                            char out[static REDIS_KEY_MAX])
{
    char who[ADDRESS_TEXT];
    struct address client = address_client(&s->client);
    if (kind == 'u')
        snprintf(who, sizeof who, "%lld", (long long)s->user_id);
    else
        address_text(&client, who);
    snprintf(out, REDIS_KEY_MAX, "quintet:rate:%s:%c:%s", CLASSES[s->class].name, kind,
             who);
    return str_of(out);
}

void limiter_ask(struct limiter *l, const struct limiter_subject *s, limiter_fn *fn,
                 void *arg)
{
    const struct limit *limit = &l->limit[s->class];
    int64_t arguments[2 * LIMIT_RULES_MAX];
    struct meter meter[METERS_MAX];
    unsigned n = meters_of(l, s, meter);
    for (unsigned i = 0; i < limit->n; i++) {
        arguments[2 * i] = limit_interval_us(&limit->rule[i]);
        arguments[2 * i + 1] = limit->rule[i].period_us;
    }
    struct question *q = xcalloc(1, sizeof *q);
    *q = (struct question){
        .limiter = l, .subject = *s, .fn = fn, .arg = arg, .open = n + 1
    };
    for (unsigned i = 0; i < n; i++) {
        char key[REDIS_KEY_MAX];
        redis_run(l->redis, write_key(s, meter[i].kind, key), arguments, 2 * limit->n,
                  on_numbers, q);
    }
    close_one(q);
}

/* ---- life ---- */

/* config.c has said what is wrong before. */
static bool read_limits(struct limiter *l, const struct gateway_config *settings)
{
    struct str bad;
    for (int i = LIMIT_NONE + 1; i < NLIMIT_CLASSES; i++)
        if (!limit_parse(str_of(settings->limit[i]), &l->limit[i]))
            return false;
    return network_list_parse(&l->exempt, str_of(settings->limit_exempt), &bad);
}

static bool knows_classes(const struct contract *contract)
{
    size_t n;
    enum limit_class class;
    const struct contract_method *m = contract_methods(contract, &n);
    for (size_t i = 0; i < n; i++) {
        if (!m[i].rate || find_class(m[i].rate, &class))
            continue;
        log_error("config", "a contract names a rate class that is not known",
                  F_STR("method", m[i].name), F_STR("class", m[i].rate));
        return false;
    }
    return true;
}

static void make_metrics(struct limiter *l)
{
    static const char *const RESULTS[NRESULTS] = { "allowed", "refused", "exempt" };
    static const char *const WHERE[NCOUNTED] = { "local", "redis", "degraded" };
    for (int c = LIMIT_NONE + 1; c < NLIMIT_CLASSES; c++)
        for (int r = 0; r < NRESULTS; r++)
            for (int w = 0; w < NCOUNTED; w++) {
                char labels[120];
                snprintf(labels, sizeof labels,
                         "class=\"%s\",result=\"%s\",counted=\"%s\"", CLASSES[c].name,
                         RESULTS[r], WHERE[w]);
                if (w == COUNTED_LOCAL || (CLASSES[c].shared && r != RESULT_EXEMPT))
                    l->decisions[c][r][w] =
                        metric_counter("rate_limit_decisions_total",
                                       "Requests held against a limit", labels);
            }
}

struct limiter *limiter_new(const struct limiter_config *cfg)
{
    struct limiter *l = xcalloc(1, sizeof *l);
    l->redis = cfg->redis;
    if (!knows_classes(cfg->contract) || !read_limits(l, cfg->settings)) {
        free(l);
        return NULL;
    }
    l->table = limit_table_new(BUCKETS);
    make_metrics(l);
    return l;
}

void limiter_free(struct limiter **lp)
{
    struct limiter *l = *lp;
    if (!l)
        return;
    *lp = NULL;
    limit_table_free(&l->table);
    free(l);
}
