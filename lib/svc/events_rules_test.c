/* What a consumer does with what it hears, without a socket: the order of numbers,
 * epochs, and how one that lives in memory differs from one with a place in a database.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "svc/events_consumer_private.h"

static const char EPOCH[] = "0c4ec968-22df-4886-86e1-406617e52172";
static const char ANOTHER[] = "11111111-22df-4886-86e1-406617e52172";

static void count(void *arg)
{
    ++*(int *)arg;
}

/* lost: NULL for a consumer whose place is in a database. */
static struct event_consumer *make(int64_t cursor, int *lost)
{
    struct event_consumer *ec = xcalloc(1, sizeof *ec);
    ec->cfg = (struct event_consumer_config){ .stream = "user" };
    if (lost) {
        ec->cfg.lost = count;
        ec->cfg.arg = lost;
    }
    ec->cursor = ec->head = ec->tail = cursor;
    ec->lag_gauge = metric_gauge("test_lag", "Test", "");
    ec->gaps_total = metric_counter("test_gaps_total", "Test", "");
    ec->duplicates_total = metric_counter("test_duplicates_total", "Test", "");
    return ec;
}

static void give(struct event_consumer *ec, int64_t seq, bool hole)
{
    json_t *e = json_pack("{s:I,s:s,s:s,s:i,s:i,s:s,s:{}}", "seq", (json_int_t)seq,
                          "event_id", "5f19c2e0-7b41-4d7e-8f00-000000000001", "type",
                          "user.registered", "version", 1, "aggregate_id", 42,
                          "created_at", "2026-11-22T10:12:57Z", "payload");
    consumer_append(ec, e, hole);
    json_decref(e);
}

static bool hear(struct event_consumer *ec, const char *epoch, int64_t head)
{
    json_t *m = json_pack("{s:s?,s:I}", "epoch", epoch, "head", (json_int_t)head);
    bool fine = consumer_check_epoch(ec, m);
    if (fine)
        consumer_note_head(ec, m);
    json_decref(m);
    return fine;
}

static void the_next_number_is_kept_and_an_old_one_is_not(void **state)
{
    struct event_consumer *ec = make(5, NULL);
    (void)state;
    give(ec, 6, false);
    give(ec, 6, false);
    give(ec, 2, true);
    give(ec, 7, false);
    assert_int_equal(ec->waiting.n, 2);
    assert_int_equal(ec->tail, 7);
    assert_int_equal(ec->duplicates, 2);
    assert_false(ec->want_pull);
    consumer_free(ec);
}

static void a_gap_asks_and_keeps_nothing_behind_it(void **state)
{
    struct event_consumer *ec = make(5, NULL);
    (void)state;
    give(ec, 8, false);
    assert_int_equal(ec->waiting.n, 0);
    assert_int_equal(ec->tail, 5);
    assert_int_equal(ec->gaps, 1);
    assert_true(ec->want_pull);
    consumer_free(ec);
}

/* A pull whose first event is not the next one: retention has deleted what lies between.
 */
static void a_hole_is_passed_over_or_is_the_end(void **state)
{
    int lost = 0;
    struct event_consumer *kept = make(5, NULL), *memory = make(5, &lost);
    (void)state;
    give(kept, 9, true);
    assert_int_equal(kept->waiting.n, 1);
    assert_int_equal(kept->tail, 9);
    give(memory, 9, true);
    assert_int_equal(memory->waiting.n, 0); /* it takes a new snapshot instead */
    assert_int_equal(memory->tail, 5);
    assert_int_equal(lost, 1);
    consumer_free(kept);
    consumer_free(memory);
}

static void another_epoch_stops_one_and_sends_the_other_for_a_snapshot(void **state)
{
    int lost = 0;
    struct event_consumer *kept = make(5, NULL), *memory = make(5, &lost);
    (void)state;
    assert_true(hear(kept, EPOCH, 6)); /* the first one is adopted */
    assert_true(hear(memory, EPOCH, 6));
    assert_false(hear(kept, ANOTHER, 90));
    assert_false(hear(memory, ANOTHER, 90));
    assert_true(kept->refused);
    assert_int_equal(kept->head, 6); /* nothing of it is believed */
    assert_int_equal(lost, 1);
    assert_true(hear(kept, EPOCH, 7)); /* the old publisher is back */
    assert_false(kept->refused);
    consumer_free(kept);
    consumer_free(memory);
}

static void what_has_no_epoch_says_nothing(void **state)
{
    int lost = 0;
    struct event_consumer *ec = make(5, &lost);
    (void)state;
    assert_false(hear(ec, NULL, 90));
    assert_false(hear(ec, "", 90));
    assert_false(hear(ec, "0c4ec968-22df-4886-86e1-406617e52172-and-more", 90));
    assert_int_equal(ec->head, 5);
    assert_int_equal(lost, 0);
    consumer_free(ec);
}

static void it_is_fresh_only_when_all_it_heard_of_is_applied(void **state)
{
    struct event_consumer *ec = make(5, NULL);
    (void)state;
    assert_true(hear(ec, EPOCH, 5));
    consumer_note_answer(ec);
    int64_t then = ec->fresh_ms;
    assert_true(then > 0);
    assert_true(hear(ec, EPOCH, 6));
    consumer_note_answer(ec);
    assert_int_equal(ec->fresh_ms, then);
    assert_true(hear(ec, EPOCH, 4)); /* a slower replica: a head never goes back */
    assert_int_equal(ec->head, 6);
    consumer_free(ec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_number_is_kept_and_an_old_one_is_not),
        cmocka_unit_test(a_gap_asks_and_keeps_nothing_behind_it),
        cmocka_unit_test(a_hole_is_passed_over_or_is_the_end),
        cmocka_unit_test(another_epoch_stops_one_and_sends_the_other_for_a_snapshot),
        cmocka_unit_test(what_has_no_epoch_says_nothing),
        cmocka_unit_test(it_is_fresh_only_when_all_it_heard_of_is_applied),
    };
    return cmocka_run_group_tests_name("events_rules", tests, NULL, NULL);
}
