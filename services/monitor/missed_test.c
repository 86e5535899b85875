#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "monitor/missed.h"

static struct missed_scan begin(void)
{
    return (struct missed_scan){ .rows = json_array() };
}

static json_t *mail(const char *reason, const char *error, bool missing)
{
    return json_pack("{s:s,s:s,s:s,s:s?,s:b}", "type", "user.registered", "created_at",
                     "2026-11-25T12:00:00Z", "reason", reason, "last_error", error,
                     "missing", missing);
}

/* A page of n mails of which each is missing, and where it goes on. */
static bool take(struct missed_scan *s, int n, const char *next)
{
    json_t *mails = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(mails, mail("dead", "550 no", true));
    json_t *page = json_pack("{s:i,s:i,s:o,s:s?}", "missing", n, "checked", 10 * n,
                             "mails", mails, "next", next);
    bool more = missed_take_page(s, page);
    json_decref(page);
    return more;
}

static const char *text(const struct missed_scan *s, size_t i, const char *key)
{
    return json_string_value(json_object_get(json_array_get(s->rows, i), key));
}

static void pages_are_added_up(void **state)
{
    struct missed_scan s = begin();
    (void)state;
    assert_true(take(&s, 2, "c1"));
    assert_string_equal(s.cursor, "c1");
    assert_false(take(&s, 1, NULL));
    assert_string_equal(s.cursor, "");
    assert_int_equal(s.count, 3);
    assert_int_equal(s.checked, 30);
    assert_int_equal(json_array_size(s.rows), 3);
    missed_free(&s);
}

static void a_row_has_the_names_of_the_pages(void **state)
{
    struct missed_scan s = begin();
    (void)state;
    take(&s, 1, NULL);
    assert_string_equal(text(&s, 0, "why"), "dead");
    assert_string_equal(text(&s, 0, "event"), "user.registered");
    assert_string_equal(text(&s, 0, "registered_at"), "2026-11-25T12:00:00Z");
    assert_string_equal(text(&s, 0, "text"), "550 no");
    missed_free(&s);
}

static void each_reason_has_its_sentence(void **state)
{
    static const char *const reasons[] = { "not_published", "not_pulled", "waiting",
                                           "ignored",       "lost",       "dead",
                                           "expired",       "unheard_of" };
    struct missed_scan s = begin();
    json_t *mails = json_array();
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        json_array_append_new(mails, mail(reasons[i], i % 2 ? NULL : "", true));
    json_array_append_new(mails, mail("sent", NULL, false));
    json_t *page = json_pack("{s:o}", "mails", mails);
    assert_false(missed_take_page(&s, page));
    json_decref(page);
    assert_int_equal(json_array_size(s.rows), ARRAY_LEN(reasons)); /* not what arrived */
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(text(&s, i, "text"), text(&s, j, "text"));
    missed_free(&s);
}

static void it_ends_by_rows_and_by_pages(void **state)
{
    struct missed_scan full = begin(), endless = begin();
    int pages = 1;
    (void)state;
    assert_true(take(&full, MISSED_ROWS - 1, "more"));
    assert_false(take(&full, 5, "still more"));
    assert_int_equal(json_array_size(full.rows), MISSED_ROWS);
    assert_int_equal(full.count, MISSED_ROWS + 4); /* counted, not kept */
    assert_string_equal(full.cursor, "still more");
    while (take(&endless, 0, "again"))
        pages++;
    assert_int_equal(pages, MISSED_PAGES);
    missed_free(&full);
    missed_free(&endless);
}

static void what_is_no_page_is_an_end(void **state)
{
    struct missed_scan s = begin();
    (void)state;
    assert_false(missed_take_page(&s, NULL));
    assert_int_equal(s.count, 0);
    missed_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_added_up),
        cmocka_unit_test(a_row_has_the_names_of_the_pages),
        cmocka_unit_test(each_reason_has_its_sentence),
        cmocka_unit_test(it_ends_by_rows_and_by_pages),
        cmocka_unit_test(what_is_no_page_is_an_end),
    };
    return cmocka_run_group_tests_name("missed", tests, NULL, NULL);
}
