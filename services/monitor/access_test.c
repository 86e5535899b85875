#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "monitor/access.h"

enum { IDLE_MS = 1800000, MAX_MS = 43200000, HOUR_MS = 3600000 };

static struct access *make(const char *pairs)
{
    const char *why = NULL;
    struct secret *basic = pairs ? secret_new(str_of(pairs)) : NULL;
    struct access *a = access_new(basic, IDLE_MS, MAX_MS, &why);
    secret_free(&basic);
    assert_null(why);
    return a;
}

static struct session *open_one(struct access *a, const char *name, int64_t now_ms,
                                char token[static SESSION_TEXT])
{
    return access_open(a, name, 7, NULL, ACCESS_ADMIN, now_ms, token);
}

static struct session *find(struct access *a, const char *token, int64_t now_ms)
{
    char cookies[160];
    snprintf(cookies, sizeof cookies, "theme=dark; quintet_monitor=%s; x=y", token);
    return access_find(a, str_of(cookies), now_ms);
}

/* ---- life ---- */

static void a_session_is_found_by_its_cookie_alone(void **state)
{
    char token[SESSION_TEXT], other[SESSION_TEXT];
    struct access *a = make(NULL);
    (void)state;
    struct session *s = open_one(a, "ada", 1000, token);
    open_one(a, "bob", 1000, other);
    assert_ptr_equal(find(a, token, 2000), s);
    assert_string_not_equal(token, other);
    assert_int_equal(strlen(token), SESSION_TEXT - 1);
    assert_null(find(a, "", 2000));
    assert_null(find(a, s->csrf, 2000));
    token[5] = token[5] == 'A' ? 'B' : 'A';
    assert_null(find(a, token, 2000));
    assert_null(access_find(a, (struct str){ 0 }, 2000));
    access_free(&a);
}

static void the_cookie_is_kept_nowhere(void **state)
{
    char token[SESSION_TEXT];
    struct access *a = make(NULL);
    (void)state;
    const struct session *s = open_one(a, "ada", 1000, token);
    for (size_t i = 0; i + 8 <= sizeof *s; i++)
        assert_memory_not_equal((const char *)s + i, token, 8);
    access_free(&a);
}

static void it_ends_unused_and_it_ends_old(void **state)
{
    char token[SESSION_TEXT];
    struct access *a = make(NULL);
    (void)state;
    struct session *s = open_one(a, "ada", 0, token);
    assert_non_null(find(a, token, IDLE_MS - 1));
    assert_null(find(a, token, IDLE_MS));
    assert_int_equal(access_ends_ms(a, s), IDLE_MS);
    s->used_ms = MAX_MS - 10;
    assert_non_null(find(a, token, MAX_MS - 1));
    assert_null(find(a, token, MAX_MS));
    assert_int_equal(access_ends_ms(a, s), MAX_MS);
    access_free(&a);
}

static void all_places_taken_the_least_used_goes(void **state)
{
    char first[SESSION_TEXT], second[SESSION_TEXT], token[SESSION_TEXT];
    struct access *a = make(NULL);
    (void)state;
    open_one(a, "first", 1000, first)->used_ms = 9000;
    open_one(a, "second", 2000, second);
    for (int i = 2; i < SESSIONS_MAX + 1; i++)
        open_one(a, "more", 3000, token);
    assert_int_equal(access_count(a), SESSIONS_MAX);
    assert_non_null(find(a, first, 9500));
    assert_null(find(a, second, 9500));
    access_free(&a);
}

static void count_end(void *arg, const struct session *s)
{
    assert_true(s->name[0]); /* not wiped yet */
    ++*(int *)arg;
}

static void count_check(void *arg, struct session *s)
{
    assert_true(s->checking);
    ++*(int *)arg;
}

static void auth_is_asked_in_turn_and_the_dead_are_ended(void **state)
{
    char token[SESSION_TEXT];
    int asked = 0, ended = 0;
    struct access *a = make(NULL);
    (void)state;
    access_on_end(a, count_end, &ended);
    struct session *s = open_one(a, "ada", 0, token);
    access_tick(a, SESSION_CHECK_MS - 1, count_check, &asked);
    assert_int_equal(asked, 0);
    access_tick(a, SESSION_CHECK_MS, count_check, &asked);
    access_tick(a, SESSION_CHECK_MS + 500, count_check, &asked);
    assert_int_equal(asked, 1); /* not twice at a time */
    assert_true(access_is_confirmed(s, SESSION_STALE_MS - 1));
    assert_false(access_is_confirmed(s, SESSION_STALE_MS));
    access_tick(a, IDLE_MS, count_check, &asked);
    assert_int_equal(ended, 1);
    assert_int_equal(access_count(a), 0);
    open_one(a, "bob", 0, token);
    access_free(&a);
    assert_int_equal(ended, 1); /* a monitor that stops ends nobody's session */
}

/* ---- a restart ---- */

static void it_comes_back_after_a_restart(void **state)
{
    char token[SESSION_TEXT], csrf[SESSION_TEXT];
    struct access *a = make(NULL), *b = make(NULL);
    int asked = 0;
    (void)state;
    struct session *s = open_one(a, "ada", HOUR_MS, token);
    memcpy(csrf, s->csrf, sizeof csrf);
    assert_true(access_restore(b, s, HOUR_MS + 1000));
    assert_false(access_restore(b, s, HOUR_MS + 1000)); /* it is there */
    access_free(&a);
    struct session *r = find(b, token, HOUR_MS + 2000);
    assert_non_null(r);
    assert_string_equal(r->name, "ada");
    assert_string_equal(r->csrf, csrf); /* an open page goes on */
    assert_true(access_csrf(r, str_of(csrf)));
    assert_false(access_is_confirmed(r, HOUR_MS + 2000)); /* but may not act yet */
    access_tick(b, HOUR_MS + 1000, count_check, &asked);
    assert_int_equal(asked, 1);
    access_free(&b);
}

static void what_has_ended_does_not_come_back(void **state)
{
    char token[SESSION_TEXT];
    struct access *a = make(NULL), *b = make(NULL);
    (void)state;
    const struct session *s = open_one(a, "ada", 0, token);
    assert_false(access_restore(b, s, IDLE_MS));
    assert_int_equal(access_count(b), 0);
    access_free(&a);
    access_free(&b);
}

static void before_its_cookie_has_come_no_token_fits(void **state)
{
    char token[SESSION_TEXT];
    struct access *a = make(NULL), *b = make(NULL);
    (void)state;
    assert_true(access_restore(b, open_one(a, "ada", 0, token), 1));
    struct session *r = access_by_serial(b, 1, 2);
    assert_non_null(r);
    assert_false(access_csrf(r, STR("")));
    access_free(&a);
    access_free(&b);
}

/* ---- writing ---- */

static void the_token_of_writing_is_the_sessions_own(void **state)
{
    char one[SESSION_TEXT], two[SESSION_TEXT];
    struct access *a = make(NULL);
    (void)state;
    const struct session *s = open_one(a, "ada", 0, one);
    const struct session *t = open_one(a, "bob", 0, two);
    assert_true(access_csrf(s, str_of(s->csrf)));
    assert_false(access_csrf(s, str_of(t->csrf)));
    assert_false(access_csrf(s, str_of(one)));
    assert_false(access_csrf(s, STR("")));
    access_free(&a);
}

static void where_a_request_comes_from(void **state)
{
    static const struct {
        const char *site, *origin;
        bool fine;
    } cases[] = {
        { "", "", true }, /* a program */
        { "same-origin", "https://evil.example", true },
        { "none", "", true },
        { "same-site", "", false },
        { "cross-site", "http://m.example:5555", false },
        { "", "http://m.example:5555", true },
        { "", "https://M.example:5555", true },
        { "", "http://m.example", false },
        { "", "null", false },
        { "", "ftp://m.example:5555", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        print_message("%s %s\n", cases[i].site, cases[i].origin);
        assert_int_equal(access_same_origin(str_of(cases[i].site),
                                            str_of(cases[i].origin),
                                            STR("m.example:5555")),
                         cases[i].fine);
    }
}

/* ---- Basic ---- */

static enum access_role basic(struct access *a, const char *header, int64_t now_ms,
                              bool *ret_busy)
{
    char name[ACCESS_NAME];
    return access_basic(a, str_of(header), "203.0.113.7", now_ms, name, ret_busy);
}

static void pairs_have_their_roles_and_guessing_is_bounded(void **state)
{
    bool busy;
    struct access *a = make("ops:pa:ss, look:see:ro");
    (void)state;
    assert_int_equal(basic(a, "Basic b3BzOnBhOnNz", 0, &busy), ACCESS_ADMIN);
    assert_int_equal(basic(a, "bASIC bG9vazpzZWU=", 0, &busy), ACCESS_READER);
    assert_int_equal(basic(a, "Bearer b3BzOnBhOnNz", 0, &busy), ACCESS_NONE);
    for (int i = 0; i < GUESSES_MAX; i++) {
        assert_int_equal(basic(a, "Basic b3BzOng=", 0, &busy), ACCESS_NONE);
        assert_false(busy);
    }
    assert_int_equal(basic(a, "Basic b3BzOnBhOnNz", 1000, &busy), ACCESS_NONE);
    assert_true(busy);
    assert_int_equal(basic(a, "Basic b3BzOnBhOnNz", 61001, &busy), ACCESS_ADMIN);
    access_free(&a);
}

static void bad_settings_are_told(void **state)
{
    static const char *const bad[] = { "ops", ":pw", "ops:", "a:b,c", "a:b\nc" };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *why = NULL;
        struct secret *s = secret_new(str_of(bad[i]));
        assert_null(access_new(s, IDLE_MS, MAX_MS, &why));
        assert_non_null(why);
        secret_free(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_is_found_by_its_cookie_alone),
        cmocka_unit_test(the_cookie_is_kept_nowhere),
        cmocka_unit_test(it_ends_unused_and_it_ends_old),
        cmocka_unit_test(all_places_taken_the_least_used_goes),
        cmocka_unit_test(auth_is_asked_in_turn_and_the_dead_are_ended),
        cmocka_unit_test(it_comes_back_after_a_restart),
        cmocka_unit_test(what_has_ended_does_not_come_back),
        cmocka_unit_test(before_its_cookie_has_come_no_token_fits),
        cmocka_unit_test(the_token_of_writing_is_the_sessions_own),
        cmocka_unit_test(where_a_request_comes_from),
        cmocka_unit_test(pairs_have_their_roles_and_guessing_is_bounded),
        cmocka_unit_test(bad_settings_are_told),
    };
    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
