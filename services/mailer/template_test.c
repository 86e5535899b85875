#include "mailer/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"

static const char *const NAMES[] = { "name", "on", "off", NULL };
static const struct template_value VALUES[] = {
    { { "<b> & \"x\"'", 10 }, true },
    { { "yes", 3 }, true },
    { { "", 0 }, false },
};

static const struct render_case {
    const char *what, *in, *out;
} RENDERED[] = {
    { "plain text", "hello\n", "hello\n" },
    { "empty", "", "" },
    { "escaped", "[{{name}}]", "[&lt;b&gt; &amp; &quot;x&quot;&#39;]" },
    { "blanks in the tag", "[{{ on }}]", "[yes]" },
    { "raw by three braces", "[{{{name}}}]", "[<b> & \"x\"']" },
    { "raw by ampersand", "[{{&name}}]", "[<b> & \"x\"']" },
    { "shown", "a{{#on}}b{{/on}}c", "abc" },
    { "hidden", "a{{#off}}b{{/off}}c", "ac" },
    { "inverted shown", "a{{^off}}b{{/off}}c", "abc" },
    { "inverted hidden", "a{{^on}}b{{/on}}c", "ac" },
    { "nested", "{{#on}}1{{#off}}2{{/off}}3{{/on}}", "13" },
    { "nested in hidden", "{{#off}}1{{#on}}2{{/on}}3{{/off}}4", "4" },
    { "comment", "a{{! {x} }}b", "ab" },
    { "lines of their own go", "a\n{{#on}}\nb\n{{/on}}\nc\n", "a\nb\nc\n" },
    { "indented lines of their own go", "a\n  {{#on}}  \nb\n\t{{/on}}\r\nc", "a\nb\nc" },
    { "hidden lines go", "a\n{{#off}}\nb\n{{/off}}\nc\n", "a\nc\n" },
    { "a value keeps its line", "a\n{{on}}\nb", "a\nyes\nb" },
    { "last line without end", "a\n{{#on}}\nb\n{{/on}}", "a\nb\n" },
    { "a value is not read again", "{{{name}}}{{#on}}{{name}}{{/on}}",
      "<b> & \"x\"'&lt;b&gt; &amp; &quot;x&quot;&#39;" },
    { "single braces are text", "{on} } {", "{on} } {" },
};

static void test_rendering(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(RENDERED); i++) {
        const struct render_case *c = &RENDERED[i];
        char *why = NULL;
        struct buf out AUTO_BUF;
        buf_init(&out, 1024);
        struct template *t = template_new(str_of(c->in), NAMES, &why);
        if (!t)
            fail_msg("%s: %s", c->what, why);
        template_render(t, VALUES, &out);
        if (!str_eq(buf_get(&out), str_of(c->out)))
            fail_msg("%s: [%.*s]", c->what, STR_ARG(buf_get(&out)));
        template_free(&t);
    }
}

static const struct bad_case {
    const char *what, *in, *why;
} REFUSED[] = {
    { "unknown name", "{{nobody}}", "the template names something unknown: nobody" },
    { "unknown section", "{{#no}}x{{/no}}", "the template names something unknown: no" },
    { "open tag", "a {{name", "a tag is not closed: {{name" },
    { "open raw tag", "{{{name}}", "a tag is not closed: {{{name}}" },
    { "open section", "{{#on}}x", "a section is not closed: on" },
    { "crossed sections", "{{#on}}{{#off}}{{/on}}{{/off}}",
      "a section ends that is not open: on" },
    { "end without begin", "x{{/on}}", "a section ends that is not open: on" },
    { "empty tag", "{{}}", "the template names something unknown: " },
    { "partials are not supported", "{{> other}}",
      "the template names something unknown: > other" },
    { "too deep", "{{#on}}{{#on}}{{#on}}{{#on}}{{#on}}{{#on}}{{#on}}{{#on}}{{#on}}",
      "sections are nested too deep: on" },
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(REFUSED); i++) {
        char *why = NULL;
        struct template *t = template_new(str_of(REFUSED[i].in), NAMES, &why);
        if (t)
            fail_msg("%s: accepted", REFUSED[i].what);
        assert_string_equal(why, REFUSED[i].why);
        free(why);
    }
}

/* Every cut and every changed byte of a template either compiles or is refused. */
static void test_mutations(void **state)
{
    (void)state;
    static const char TEXT[] =
        "a {{#on}}\n{{{name}}} {{! c }}\n{{/on}} {{^off}}x{{/off}}";
    static const char BYTES[] = "{}#/^!a \n";
    for (size_t i = 0; i < sizeof TEXT; i++) {
        for (size_t k = 0; k < sizeof BYTES; k++) {
            char copy[sizeof TEXT], *why = NULL;
            struct buf out AUTO_BUF;
            buf_init(&out, 4096);
            memcpy(copy, TEXT, sizeof TEXT);
            copy[i] = BYTES[k];
            struct str s = { copy, k + 1 == sizeof BYTES ? i : sizeof TEXT - 1 };
            struct template *t = template_new(s, NAMES, &why);
            if (t)
                template_render(t, VALUES, &out);
            assert_true((t != NULL) != (why != NULL));
            template_free(&t);
            free(why);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rendering),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
