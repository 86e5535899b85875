#include "gateway/negotiate.h"

#include "svc/http_document.h"

static const char JSON[] = "application/json";

/* What a client lists, and what it lists with q=0. */
struct listed {
    bool json, problem, html, produced, any, application, text;
};

static void note(struct listed *l, struct str type, struct str produces)
{
    l->json |= str_eq_ci(type, STR("application/json"));
    l->problem |= str_eq_ci(type, STR("application/problem+json"));
    l->html |= str_eq_ci(type, STR("text/html"));
    l->produced |= produces.n > 0 && str_eq_ci(type, produces);
    l->any |= str_eq(type, STR("*/*"));
    l->application |= str_eq_ci(type, STR("application/*"));
    l->text |= str_eq_ci(type, STR("text/*"));
}

static bool takes_produced(const struct listed *yes, const struct listed *no,
                           struct str produces)
{
    if (produces.n == 0 || no->produced)
        return false;
    if (yes->produced || yes->any)
        return true;
    return yes->text && str_starts(produces, STR("text/"));
}

struct gateway_format gateway_negotiate(struct str accept, const char *produces,
                                        bool only)
{
    struct listed yes = { 0 }, no = { 0 };
    only = only && produces;
    struct str special = str_of(produces);
    accept = str_trim(accept);
    if (accept.n == 0)
        accept = STR("*/*");
    while (accept.n > 0) {
        struct str parameters = str_trim(str_cut(&accept, ','));
        struct str type = str_trim(str_cut(&parameters, ';'));
        note(http_is_zero_quality(parameters) ? &no : &yes, type, special);
    }
    struct gateway_format f = { .media_type = JSON, .problem = yes.problem };
    bool json = !only &&
                (yes.json || yes.problem || yes.html || yes.any || yes.application) &&
                !no.json;
    /* A page is sent to whoever does not ask for JSON by name. */
    bool page =
        takes_produced(&yes, &no, special) && (only || (!yes.json && !yes.problem));
    if (page)
        f.media_type = produces;
    f.acceptable = json || page;
    return f;
}

bool gateway_query_format_known(struct str query)
{
    while (query.n > 0) {
        struct str pair = str_cut(&query, '&');
        if (str_eq(str_cut(&pair, '='), STR("format")) && pair.n > 0 &&
            !str_eq(pair, STR("json")))
            return false;
    }
    return true;
}
