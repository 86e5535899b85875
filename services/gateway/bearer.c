#include "gateway/bearer.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct str next_word(struct str *rest)
{
    while (rest->n > 0 && is_blank(rest->p[0])) {
        rest->p++;
        rest->n--;
    }
    struct str word = { rest->p, 0 };
    while (rest->n > 0 && !is_blank(rest->p[0])) {
        rest->p++;
        rest->n--;
        word.n++;
    }
    return word;
}

enum gateway_bearer gateway_bearer_parse(struct str header, struct str *ret_token)
{
    struct str rest = header;
    if (!str_eq_ci(next_word(&rest), STR("bearer")))
        return BEARER_NONE;
    struct str token = next_word(&rest);
    if (token.n == 0 || next_word(&rest).n > 0)
        return BEARER_MALFORMED;
    *ret_token = token;
    return BEARER_TOKEN;
}
