#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/html.h"

static void markup_becomes_text(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "", "" },
        { "plain", "plain" },
        { "<b>&\"'</b>", "&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;" },
        { "a&amp;", "a&amp;amp;" },
        { "\xc3\xa9<\xf0\x9f\x8e\xbb", "\xc3\xa9&lt;\xf0\x9f\x8e\xbb" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b;
        buf_init(&b, 256);
        html_escape(&b, str_of(cases[i].in));
        assert_true(str_eq(buf_get(&b), str_of(cases[i].out)));
        buf_deinit(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(markup_becomes_text) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
