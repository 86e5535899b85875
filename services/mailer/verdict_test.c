#include "mailer/verdict.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/mem.h"

static const struct verdict_case {
    const char *what;
    enum mail_outcome outcome;
    enum mail_phase phase;
    int code;
    enum mail_action action;
    bool uncertain, no_start;
} CASES[] = {
    { "accepted", OUTCOME_SENT, PHASE_END, 250, ACTION_SENT, false, false },
    { "lease lost", OUTCOME_ABANDONED, PHASE_BODY, 354, ACTION_DROP, false, false },
    { "disk full", OUTCOME_LOCAL_FAULT, PHASE_END, 0, ACTION_RELEASE, false, false },
    { "login denied", OUTCOME_LOGIN_DENIED, PHASE_AUTH, 535, ACTION_RELEASE, false,
      false },
    { "cannot be rendered", OUTCOME_FAILED, PHASE_RENDER, 0, ACTION_DEAD, false, false },
    { "nobody listens", OUTCOME_FAILED, PHASE_CONNECT, 0, ACTION_RETRY, false, true },
    { "busy greeting", OUTCOME_FAILED, PHASE_CONNECT, 421, ACTION_RETRY, false, true },
    { "refused greeting", OUTCOME_FAILED, PHASE_CONNECT, 554, ACTION_RELEASE, false,
      false },
    { "no STARTTLS", OUTCOME_FAILED, PHASE_HELLO, 250, ACTION_RETRY, false, true },
    { "hello refused", OUTCOME_FAILED, PHASE_HELLO, 550, ACTION_RELEASE, false, false },
    { "wrong password", OUTCOME_FAILED, PHASE_AUTH, 535, ACTION_RELEASE, false, false },
    { "login busy", OUTCOME_FAILED, PHASE_AUTH, 454, ACTION_RETRY, false, true },
    { "sender refused", OUTCOME_FAILED, PHASE_SENDER, 550, ACTION_RELEASE, false, false },
    { "sender later", OUTCOME_FAILED, PHASE_SENDER, 451, ACTION_RETRY, false, true },
    { "greylisted", OUTCOME_FAILED, PHASE_RECIPIENT, 450, ACTION_RETRY, false, false },
    { "no such user", OUTCOME_FAILED, PHASE_RECIPIENT, 550, ACTION_DEAD, false, false },
    { "relay needs login", OUTCOME_FAILED, PHASE_RECIPIENT, 530, ACTION_RELEASE, false,
      false },
    { "cut at RCPT", OUTCOME_FAILED, PHASE_RECIPIENT, 0, ACTION_RETRY, false, false },
    { "data later", OUTCOME_FAILED, PHASE_DATA, 451, ACTION_RETRY, false, false },
    { "data refused", OUTCOME_FAILED, PHASE_DATA, 554, ACTION_DEAD, false, false },
    { "cut in the body", OUTCOME_FAILED, PHASE_BODY, 354, ACTION_RETRY, false, false },
    { "verdict lost", OUTCOME_FAILED, PHASE_END, 354, ACTION_RETRY, true, false },
    { "later after the dot", OUTCOME_FAILED, PHASE_END, 452, ACTION_RETRY, false, false },
    { "refused after the dot", OUTCOME_FAILED, PHASE_END, 550, ACTION_DEAD, false,
      false },
};

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const struct verdict_case *c = &CASES[i];
        struct mail_result r = { .outcome = c->outcome,
                                 .phase = c->phase,
                                 .code = c->code };
        struct mail_verdict v = mail_verdict(&r);
        if (v.action != c->action || v.uncertain != c->uncertain ||
            v.no_start != c->no_start)
            fail_msg("%s: action %d, uncertain %d, no start %d", c->what, (int)v.action,
                     v.uncertain, v.no_start);
    }
}

static void test_backoff(void **state)
{
    (void)state;
    static const struct {
        int attempt;
        int64_t middle_ms;
    } STEPS[] = { { 0, 10000 },    { 1, 10000 },    { 2, 20000 },
                  { 5, 160000 },   { 8, 1280000 },  { 9, 1800000 },
                  { 10, 1800000 }, { 25, 1800000 }, { 1000, 1800000 } };
    for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
        int64_t low = STEPS[i].middle_ms, high = low;
        for (uint32_t random = 0; random < 1000; random++) {
            int64_t ms = mail_backoff_ms(STEPS[i].attempt, random);
            low = ms < low ? ms : low;
            high = ms > high ? ms : high;
        }
        assert_int_equal(low, STEPS[i].middle_ms * 8 / 10);
        assert_int_equal(high, STEPS[i].middle_ms * 12 / 10);
    }
}

static void replies_are_fit_to_be_shown(void **state)
{
    static const char SECRET[] = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_AbCdE";
    char in[256], out[MAIL_TEXT], tiny[8];
    (void)state;
    mail_reply_text(STR("550 5.1.1 no\r\n\x01\xc3\xa4 such"), out, sizeof out);
    assert_string_equal(out, "550 5.1.1 no????? such");
    snprintf(in, sizeof in, "554 spam: http://h/?token=%s!", SECRET);
    mail_reply_text(str_of(in), out, sizeof out);
    assert_null(strstr(out, "AbC"));
    assert_null(strstr(out, "cdE"));
    assert_non_null(strstr(out, "554 spam: http://h/?token=****"));
    assert_int_equal(out[strlen(out) - 1], '!');
    mail_reply_text(STR("250 accepted"), tiny, sizeof tiny);
    assert_string_equal(tiny, "250 acc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_fit_to_be_shown),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_backoff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
