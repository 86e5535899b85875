#include "svc/email.h"

#include "svc/schema_fixture.h"

static const struct wire_case {
    const char *in, *out; /* out NULL: refused */
} WIRES[] = {
    { "a@example.com", "a@example.com" },
    { "Ann.O'Neil+tag@Example.COM", "Ann.O'Neil+tag@Example.COM" },
    { "a@localhost", "a@localhost" },
    { "a@mailhost", "a@mailhost" },
    { "post@b\xc3\xbc"
      "cher.example",
      "post@xn--bcher-kva.example" },
    { "post@B\xc3\x9c"
      "CHER\xef\xbc\x8e"
      "example",
      "post@xn--bcher-kva.example" },
    { "a@[127.0.0.1]", "a@[127.0.0.1]" },
    { "a@[::1]", "a@[IPv6:::1]" },
    { "a@[0:0:0:0:0:0:0:1]", "a@[IPv6:::1]" },
    { "\"ann\"@example.com", "ann@example.com" },
    { "\"a\\n\\n\"@example.com", "ann@example.com" },
    { "\"a.b\"@example.com", "a.b@example.com" },
    { "\"a..b\"@example.com", "\"a..b\"@example.com" },
    { "\"\"@example.com", "\"\"@example.com" },
    { "\"a\\ b\"@example.com", "\"a b\"@example.com" },
    { "\"a@b\"@example.com", "\"a@b\"@example.com" },
    { "\"<>,;:\"@example.com", "\"<>,;:\"@example.com" },
    { "\"\\\"\\\\\"@example.com", "\"\\\"\\\\\"@example.com" },
    { "", NULL },
    { "a", NULL },
    { "@example.com", NULL },
    { "a@", NULL },
    { "a@b@c", NULL },
    { "a b@example.com", NULL },
    { "a@exa mple.com", NULL },
    { "a@example.com\r\nRCPT TO:<b@example.com>", NULL },
    { "\"a\r\n\"@example.com", NULL },
    { "\"a\\\n\"@example.com", NULL },
    { "\"a\x01\"@example.com", NULL },
    { "\"a\\\t\"@example.com", NULL },
    { "\"a\x7f\"@example.com", NULL },
    { "\"a b\"@example.com", NULL },
    { "\"a\"b\"@example.com", NULL },
    { "\"a\\\"@example.com", NULL },
    { "\"@example.com", NULL },
    { "\"a\"b@example.com", NULL },
    { "\"\xc3\xa4\"@example.com", NULL },
    { "a@example.com\n", NULL },
    { "a\x01@example.com", NULL },
    { "<a@example.com>", NULL },
    { "a@example.com>", NULL },
    { "a,b@example.com", NULL },
    { "a;b@example.com", NULL },
    { "a:b@example.com", NULL },
    { "a\\b@example.com", NULL },
    { ".a@example.com", NULL },
    { "a.@example.com", NULL },
    { "a..b@example.com", NULL },
    { "a@.example.com", NULL },
    { "a@example..com", NULL },
    { "a@example.com.", NULL },
    { "a@-example.com", NULL },
    { "a@example-.com", NULL },
    { "a@example.-com", NULL },
    { "a@[127.0.0.256]", NULL },
    { "a@[127.0.0.1", NULL },
    { "\xc3\xa4@example.com", NULL },
    { "a@\xff.example", NULL },
};

static void test_wires(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(WIRES); i++) {
        const struct wire_case *c = &WIRES[i];
        struct arena a = { 0 };
        struct str got = { 0 };
        bool ok = email_to_wire(str_of(c->in), &a, &got);
        if (ok != (c->out != NULL) || (ok && !str_eq(got, str_of(c->out))))
            fail_msg("%s: %d %.*s", c->in, ok, STR_ARG(got));
        arena_deinit(&a);
    }
}

static void test_embedded_nul(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct str got;
    assert_false(email_to_wire(STR("a\0b@example.com"), &a, &got));
    assert_false(email_to_wire(STR("\"a\0b\"@example.com"), &a, &got));
    assert_false(email_to_wire(STR("a@example\0.com"), &a, &got));
    assert_false(email_to_wire(STR("a@b\xc3\xbc\0.com"), &a, &got));
    arena_deinit(&a);
}

static void test_lengths(void **state)
{
    (void)state;
    struct arena a = { 0 };
    struct str got, most = str_of(arena_printf(&a, "%0242d@example.com", 1));
    assert_int_equal(most.n, 254);
    assert_true(email_to_wire(most, &a, &got));
    assert_false(
        email_to_wire(str_of(arena_printf(&a, "%0243d@example.com", 1)), &a, &got));
    arena_deinit(&a);
}

static void test_domains(void **state)
{
    (void)state;
    assert_true(str_eq(email_domain(STR("\"a@b\"@c.co")), STR("c.co")));
    assert_true(str_eq(email_domain(STR("a")), STR("")));
}

/* --- what a strict mail server takes: RFC 5321 4.1.2, read once more --------------- */

static bool is_one_of(char c, const char *others)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr(others, c));
}

static const char *after_quoted(const char *p)
{
    for (p++; *p != '"'; p++) {
        if (*p == '\\')
            p++;
        if (*p < 32 || *p > 126)
            return NULL;
    }
    return p + 1;
}

static const char *after_dot_string(const char *p)
{
    for (;;) {
        const char *begin = p;
        while (is_one_of(*p, "!#$%&'*+-/=?^_`{|}~"))
            p++;
        if (p == begin)
            return NULL;
        if (*p != '.')
            return p;
        p++;
    }
}

static bool is_server_domain(const char *p)
{
    for (;;) {
        const char *begin = p;
        while (is_one_of(*p, "-"))
            p++;
        if (p == begin || p - begin > 63 || *begin == '-' || p[-1] == '-')
            return false;
        if (*p != '.')
            return *p == '\0';
        p++;
    }
}

static bool is_mailbox(struct str s)
{
    char text[512] = "";
    if (s.n > 254)
        return false;
    memcpy(text, s.p, s.n);
    const char *at = *text == '"' ? after_quoted(text) : after_dot_string(text);
    if (strlen(text) != s.n || !at || *at != '@')
        return false;
    if (at[1] != '[')
        return is_server_domain(at + 1);
    return strspn(at + 2, "IPv6:.0123456789abcdef") == strlen(at + 2) - 1 &&
           text[s.n - 1] == ']' && (!strchr(at + 2, ':') || !strncmp(at + 2, "IPv6:", 5));
}

/* --- whatever the format "email" takes can be mailed ------------------------------- */

static uint64_t numbers = 88172645463325252U;

static unsigned any_of(size_t n)
{
    numbers ^= numbers << 13;
    numbers ^= numbers >> 7;
    numbers ^= numbers << 17;
    return (unsigned)(numbers % n);
}

static void add_some(struct buf *b, const char *const *pieces, size_t n, unsigned most)
{
    for (unsigned i = any_of(most + 1); i > 0; i--)
        buf_cstr(b, pieces[any_of(n)]);
}

static void make_address(struct buf *b)
{
    static const char *const LOCAL[] = {
        "a", "B", "9", ".", "+", "-",    "'",    "\\\"", "\\ ", "\\\\",
        "@", "<", ">", ",", " ", "\x01", "\x7f", "\\\t", "\"",  "\xc3\xa9",
    };
    static const char *const DOMAIN[] = {
        "a",
        "B",
        "9",
        ".",
        "-",
        "co",
        "xn--",
        "xn--bcher-kva",
        "localhost",
        "\xc3\xbc",     /* u with two dots */
        "\xc3\x9c",     /* the large one */
        "\xcc\x88",     /* the dots alone */
        "\xc3\x9f",     /* sharp s */
        "\xc4\xb0",     /* I with a dot */
        "\xcf\x82",     /* final sigma */
        "\xd8\xa7",     /* alef: right to left */
        "\xe4\xb8\xad", /* Chinese */
        "\xc2\xad",     /* soft hyphen */
        "\xe2\x80\x8d", /* joiner */
        "\xef\xbc\x8e", /* wide dot */
        "\xef\xbd\x81", /* wide a */
        "\xef\xbc\xbb", /* wide bracket */
        "\xc3\xbc\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xb6\xc3\xa4",
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    };
    static const char *const LITERAL[] = {
        "[", "]", "::1", "127.0.0.1", ":", "f", "[::1]"
    };
    const char *quote = any_of(2) ? "\"" : "";
    buf_cstr(b, quote);
    add_some(b, LOCAL, ARRAY_LEN(LOCAL), 4);
    buf_printf(b, "%s@", quote);
    if (any_of(8) == 0)
        return add_some(b, LITERAL, ARRAY_LEN(LITERAL), 3);
    add_some(b, DOMAIN, ARRAY_LEN(DOMAIN), any_of(16) ? 4 : 12);
    for (unsigned i = any_of(64) ? 0 : any_of(24); i > 0; i--)
        buf_cstr(b, ".\xc3\xbc\xc3\xb6\xc3\xa4");
    buf_cstr(b, any_of(4) ? ".co" : "");
}

/* True: the format took it, and so it can be mailed. */
static bool taken_and_sendable(const struct schema *s, struct str address)
{
    struct arena a = { 0 };
    struct values v;
    struct str wire = { 0 };
    AUTO_BUF struct buf errors = { .max = 4096 };
    json_t *in = json_pack("{s:s%}", "f", address.p, address.n);
    bool taken = in && schema_check(s, in, SCHEMA_FULL, &a, &v, &errors);
    struct str kept = taken ? values_get(&v, "f")->s : STR("");
    if (taken && !email_to_wire(kept, &a, &wire))
        fail_msg("taken, and cannot be mailed: %.*s", STR_ARG(address));
    if (taken && !is_mailbox(wire))
        fail_msg("mailed to what is no mailbox: %.*s", STR_ARG(wire));
    json_decref(in);
    arena_deinit(&a);
    return taken;
}

static void test_what_is_taken_can_be_mailed(void **state)
{
    (void)state;
    char *why = NULL;
    struct schema *s =
        compile_text("{\"type\":\"object\",\"properties\":{\"f\":{\"type\":"
                     "\"string\",\"format\":\"email\",\"maxLength\":254}}}",
                     &why);
    unsigned taken = 0;
    assert_non_null(s);
    for (size_t i = 0; i < ARRAY_LEN(WIRES); i++)
        taken_and_sendable(s, str_of(WIRES[i].in));
    for (int i = 0; i < 100000; i++) {
        AUTO_BUF struct buf b = { .max = 4096 };
        make_address(&b);
        taken += taken_and_sendable(s, buf_get(&b));
    }
    print_message("%u of 100000 taken\n", taken);
    assert_in_range(taken, 5000, 95000); /* neither all nor none: both sides are tried */
    schema_free(&s);
}

/* Short enough as it is typed, and too long once its domain is in ASCII. */
static void test_what_grows_too_long_is_refused(void **state)
{
    static const char def[] =
        "{\"type\":\"string\",\"format\":\"email\",\"maxLength\":254}";
    (void)state;
    AUTO_BUF struct buf b = { .max = 4096 };
    buf_cstr(&b, "\"a@");
    for (int i = 0; i < 60; i++)
        buf_cstr(&b, "\xc3\xbc.");
    buf_cstr(&b, "co\"");
    const struct field_case c = { "grows", b.p, NULL,
                                  "[\"Enter a valid email address.\"]" };
    run_cases(def, &c, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wires),
        cmocka_unit_test(test_embedded_nul),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_domains),
        cmocka_unit_test(test_what_is_taken_can_be_mailed),
        cmocka_unit_test(test_what_grows_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
