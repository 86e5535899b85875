#include "mailer/verdict.h"

#include "base/mem.h"

static const char *const PHASES[] = {
    [PHASE_RENDER] = "render", [PHASE_CONNECT] = "connect",
    [PHASE_HELLO] = "hello",   [PHASE_AUTH] = "auth",
    [PHASE_SENDER] = "sender", [PHASE_RECIPIENT] = "recipient",
    [PHASE_DATA] = "data",     [PHASE_BODY] = "body",
    [PHASE_END] = "end",
};

const char *mail_phase_name(enum mail_phase phase)
{
    size_t i = (size_t)phase;
    return i < ARRAY_LEN(PHASES) ? PHASES[i] : "unknown";
}

enum { SECRET_MIN = 40 }; /* a link's secret has 43 characters of base64url */

static bool is_secret_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           c == '-' || c == '_';
}

void mail_reply_text(struct str line, char *out, size_t n)
{
    size_t used = 0, run = 0;
    for (size_t i = 0; i < line.n && used + 1 < n; i++) {
        char c = line.p[i];
        run = is_secret_char(c) ? run + 1 : 0;
        if (run > SECRET_MIN)
            continue;
        out[used++] = c < 0x20 || c >= 0x7f ? '?' : c;
        if (run == SECRET_MIN)
            memset(out + used - SECRET_MIN, '*', SECRET_MIN);
    }
    out[used] = '\0';
}

/* Codes that speak of our login or of encryption we did not offer, in whatever phase. */
static bool is_login_code(int code)
{
    return code == 530 || code == 534 || code == 535 || code == 538;
}

static struct mail_verdict failed(const struct mail_result *r)
{
    bool permanent = r->code >= 500 && r->code < 600;
    /* 354 is no verdict: the dot went out and nothing came back. */
    bool silent = r->code < 400;
    if (r->phase == PHASE_RENDER)
        return (struct mail_verdict){ .action = ACTION_DEAD };
    if (r->phase == PHASE_END && silent)
        return (struct mail_verdict){ .action = ACTION_RETRY, .uncertain = true };
    if (is_login_code(r->code) || (permanent && r->phase < PHASE_RECIPIENT))
        return (struct mail_verdict){ .action = ACTION_RELEASE };
    if (permanent)
        return (struct mail_verdict){ .action = ACTION_DEAD };
    return (struct mail_verdict){ .action = ACTION_RETRY,
                                  .no_start = r->phase < PHASE_RECIPIENT };
}

struct mail_verdict mail_verdict(const struct mail_result *r)
{
    static const enum mail_action PLAIN[] = {
        [OUTCOME_SENT] = ACTION_SENT,
        [OUTCOME_ABANDONED] = ACTION_DROP,
        [OUTCOME_LOCAL_FAULT] = ACTION_RELEASE,
        [OUTCOME_LOGIN_DENIED] = ACTION_RELEASE,
    };
    if (r->outcome == OUTCOME_FAILED)
        return failed(r);
    return (struct mail_verdict){ .action = PLAIN[r->outcome] };
}

int64_t mail_backoff_ms(int attempt, uint32_t random)
{
    const int64_t most = (int64_t)30 * 60 * 1000;
    int shift = attempt < 1 ? 0 : attempt - 1;
    int64_t base = shift > 8 ? most : (int64_t)10000 << shift;
    if (base > most)
        base = most;
    /* 80 % to 120 %, in steps of a tenth of a percent. */
    return base * (800 + (int64_t)(random % 401)) / 1000;
}
