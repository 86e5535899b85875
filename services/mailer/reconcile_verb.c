/*
 * `mailer reconcile`: mailer.reconcile page by page, for people and cron. Exit status 0
 * when everybody has had their mail, 1 when somebody has not.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "mailer/app.h"
#include "svc/exit.h"

enum { REASONS_MAX = 32, BODY_MAX = 1024 };

struct tally {
    json_int_t checked, missing;
    json_t *reasons; /* name: how many, over all pages */
};

/* "90m", "24h", "7d" before now, or a time as it is. */
static const char *moment(const char *text, char out[static CLOCK_TEXT_SIZE])
{
    static const struct {
        char unit;
        int64_t seconds;
    } UNITS[] = { { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    struct str number = str_of(text);
    int64_t n;
    char unit = number.n > 0 ? number.p[--number.n] : '\0';
    for (size_t i = 0; i < ARRAY_LEN(UNITS); i++)
        if (unit == UNITS[i].unit && str_to_i64(number, &n) && n > 0 && n < 100000)
            return clock_text(clock_wall_us() - n * UNITS[i].seconds * 1000000, out);
    return text;
}

static const char *text_of(const json_t *item, const char *key)
{
    const char *s = json_string_value(json_object_get(item, key));
    return s ? s : "";
}

/* Names and addresses are others' words: no control character reaches the terminal. */
static void print_clean(const char *text)
{
    for (; *text; text++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static void print_mail(const json_t *item)
{
    if (!json_is_true(json_object_get(item, "missing")))
        return;
    printf("%s  %-13s %-12s ", text_of(item, "created_at"), text_of(item, "reason"),
           text_of(item, "template"));
    print_clean(text_of(item, "email"));
    printf("  %s ", text_of(item, "job_id"));
    print_clean(text_of(item, "last_error"));
    putchar('\n');
}

static void add_page(struct tally *t, const json_t *page)
{
    const char *name;
    json_t *n;
    const json_t *item;
    size_t i;
    t->checked += json_integer_value(json_object_get(page, "checked"));
    t->missing += json_integer_value(json_object_get(page, "missing"));
    json_object_foreach(json_object_get(page, "reasons"), name, n)
    {
        json_int_t so_far = json_integer_value(json_object_get(t->reasons, name));
        json_object_set_new(t->reasons, name,
                            json_integer(so_far + json_integer_value(n)));
    }
    json_array_foreach(json_object_get(page, "mails"), i, item) print_mail(item);
}

static int usage(void)
{
    fprintf(stderr, "Usage: mailer reconcile [--since WHEN] [--until WHEN]\n"
                    "WHEN is 90m, 24h or 7d ago, or a time: 2026-11-25T08:00:00Z\n");
    return EXIT_USAGE;
}

/* NULL: said on stderr, and *ret_code is what to end with. */
static json_t *ask_page(struct svc *svc, const struct contract_method *m,
                        const json_t *question, int *ret_code)
{
    struct buf meta AUTO_BUF;
    char *answer = NULL;
    size_t n = 0;
    int status = 0;
    AUTO_FREE char *body = json_dumps(question, JSON_COMPACT);
    struct frame req = { .method = m->number, .body = str_of(body) };
    buf_init(&meta, BODY_MAX);
    record_add(&meta, REC_CONTENT_TYPE, STR("application/json"));
    req.meta = buf_get(&meta);
    id_uuid7(req.request_id);
    enum err e = svc_call_own(svc, &req, m->timeout_ms, &answer, &n, &status);
    json_t *page = e == ERR_OK ? json_loadb(answer, n, 0, NULL) : NULL;
    if (e == ERR_VALIDATION)
        *ret_code = usage();
    else if (!page)
        fprintf(stderr, "The mailer does not say who misses a mail: %s %.*s\n",
                err_info(e)->detail, (int)n, answer ? answer : "");
    free(answer);
    return page;
}

/* 0, or the exit code. */
static int ask_all(struct svc *svc, json_t *question, struct tally *t)
{
    int code = EXIT_MISSING;
    const struct contract_method *m = contract_by_name(svc->contract, "mailer.reconcile");
    bool more = true;
    while (more) {
        json_t *page = ask_page(svc, m, question, &code);
        if (!page)
            return code;
        add_page(t, page);
        const json_t *next = json_object_get(page, "next");
        more = json_is_string(next);
        if (more)
            json_object_set_new(question, "cursor", json_string(json_string_value(next)));
        json_decref(page);
    }
    return 0;
}

static int reconcile(struct svc *svc, json_t *question)
{
    struct tally t = { .reasons = json_object() };
    const char *name;
    json_t *n;
    int code = ask_all(svc, question, &t);
    if (code == 0) {
        printf("%lld mails looked at, %lld missing", (long long)t.checked,
               (long long)t.missing);
        json_object_foreach(t.reasons, name, n)
            printf(", %s %lld", name, (long long)json_integer_value(n));
        printf(".\n");
    }
    json_decref(t.reasons);
    if (code)
        return code;
    return t.missing > 0 ? 1 : 0;
}

int mailer_reconcile_verb(struct svc *svc, int argc, char **argv)
{
    static const char *const FLAGS[] = { "--since", "--until" };
    json_t *question = json_object();
    char *why = NULL;
    bool usable = argc % 2 == 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        char text[CLOCK_TEXT_SIZE];
        size_t k = strcmp(argv[i], FLAGS[1]) == 0;
        usable &= strcmp(argv[i], FLAGS[k]) == 0;
        json_object_set_new(question, FLAGS[k] + 2,
                            json_string(moment(argv[i + 1], text)));
    }
    int code = EXIT_USAGE;
    if (!usable)
        usage();
    else if (!svc_open_keys(svc))
        code = EXIT_CONFIG;
    else if ((svc->contract = contract_load(&why)))
        code = reconcile(svc, question);
    json_decref(question);
    if (svc->contract)
        contract_free(&svc->contract);
    if (svc->keys)
        keys_close(&svc->keys);
    free(why);
    return code;
}
