#include "mailer/job_where.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static const struct {
    const char *in, *out; /* out NULL: refused */
} CASES[] = {
    { "[{\"op\":\"has\",\"field\":\"worker\",\"text\":\"a\\\"b\\\\\"}]",
      "$.worker like_regex \"a\\\"b\\\\\" flag \"iq\"" },
    { "[{\"op\":\"not\"},{\"op\":\"is\",\"field\":\"state\",\"text\":\"sent\"}]",
      "!($.state == \"sent\")" },
    { "[{\"op\":\"or\"},{\"op\":\"within\",\"field\":\"code\",\"min\":500,\"max\":599},"
      "{\"op\":\"and\"},{\"op\":\"is\",\"field\":\"state\",\"text\":\"dead\"},"
      "{\"op\":\"is\",\"field\":\"state\",\"text\":\"sent\"}]",
      "(($.code >= 500 && $.code <= 599) || ($.state == \"dead\" && $.state == "
      "\"sent\"))" },
    { "[{\"op\":\"word\",\"text\":\"x\"}]",
      "($.recipient like_regex \"x\" flag \"iq\" || $.template like_regex \"x\" flag "
      "\"iq\""
      " || $.error like_regex \"x\" flag \"iq\" || $.worker like_regex \"x\" flag \"iq\""
      " || $.job_id == \"x\" || $.request_id == \"x\")" },
    { "[]", NULL },
    { "[{\"op\":\"not\"}]", NULL },
    { "[{\"op\":\"and\"},{\"op\":\"word\",\"text\":\"x\"}]", NULL },
    { "[{\"op\":\"word\",\"text\":\"x\"},{\"op\":\"word\",\"text\":\"y\"}]", NULL },
    { "[{\"op\":\"word\"}]", NULL },
    { "[{\"op\":\"has\",\"field\":\"worker\"}]", NULL },
    { "[{\"op\":\"is\",\"text\":\"x\"}]", NULL },
    { "[{\"op\":\"within\"}]", NULL },
    { "[{\"op\":\"drop table\"}]", NULL },
};

static void conditions_become_predicates(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct buf out AUTO_BUF;
        json_t *in = json_loads(CASES[i].in, 0, NULL);
        buf_init(&out, 4096);
        assert_int_equal(job_where_text(in, &out), CASES[i].out != NULL);
        if (CASES[i].out)
            assert_true(str_eq(buf_get(&out), str_of(CASES[i].out)));
        json_decref(in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_become_predicates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
