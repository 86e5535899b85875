#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "monitor/sample.h"

static const int64_t T0 = 1790000000LL * 1000000;

/* A beat's totals: n requests of 700 us, and so many sent mails. */
static struct figures totals(int64_t n, int64_t sent)
{
    struct figures f = { .has_time = 1u << TIME_RPC, .has_counter = 1u << COUNT_EVENTS };
    f.time[TIME_RPC].bucket[3] = n; /* 500 to 1000 us */
    f.time[TIME_RPC].sum_us = 700 * n;
    f.counter[COUNT_EVENTS] = sent;
    return f;
}

static void beats_are_read(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "{}",
        "[]",
        "{\"counters\":7}",
        "{\"counters\":{\"sent\":-1}}",
        "{\"histograms\":{\"rpc\":{\"sum_us\":1,\"counts\":[1]}}}",
        "{\"histograms\":{\"rpc\":{\"sum_us\":1,\"counts\":\"x\"}}}",
        "{\"counters\":{\"sent\":\"7\"},\"histograms\":{\"rpc\":[]}}",
    };
    struct figures f;
    json_t *o =
        json_loads("{\"counters\":{\"sent\":7,\"new\":1},\"histograms\":{\"rpc\":"
                   "{\"sum_us\":5,\"counts\":[0,1,2,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
                   "0,9]}}}",
                   0, NULL);
    figures_read(o, &f);
    json_decref(o);
    assert_int_equal(f.counter[COUNT_SENT], 7);
    assert_int_equal(f.has_counter, 1u << COUNT_SENT);
    assert_int_equal(figures_count(&f.time[TIME_RPC]), 12);
    assert_int_equal(f.time[TIME_RPC].bucket[19], 9);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        o = json_loads(BAD[i], 0, NULL);
        figures_read(o, &f);
        json_decref(o);
        assert_int_equal(f.has_counter | f.has_time, 0);
        assert_int_equal(figures_count(&f.time[TIME_RPC]), 0);
    }
}

static void quantiles_lie_in_their_bucket(void **state)
{
    (void)state;
    struct metric_sum t = { 0 };
    assert_int_equal(metric_quantile_us(&t, 0.5), -1);
    t.bucket[3] = 98;
    t.bucket[7] = 2; /* 10 to 25 ms */
    int64_t p50 = metric_quantile_us(&t, 0.5), p99 = metric_quantile_us(&t, 0.99);
    assert_in_range(p50, 500, 1000);
    assert_in_range(p99, 10000, 25000);
    t = (struct metric_sum){ 0 };
    t.bucket[METRIC_BUCKETS - 1] = 3;
    assert_int_equal(metric_quantile_us(&t, 0.5), 10000000);
}

static void a_restart_counts_from_zero(void **state)
{
    (void)state;
    struct figures before = totals(100, 10), now = totals(7, 3), d;
    figures_between(&now, &before, &d);
    assert_int_equal(figures_count(&d.time[TIME_RPC]), 7);
    assert_int_equal(d.counter[COUNT_EVENTS], 3);
}

static void what_is_kept_reads_back_and_adds_up(void **state)
{
    (void)state;
    struct figure_slot s = { .f = totals(5, 2), .beats = 3 }, sum = { 0 };
    struct buf b;
    struct jsonw w;
    gauge_note(&s.gauge[GAUGE_LAG], 4);
    gauge_note(&s.gauge[GAUGE_LAG], 2);
    buf_init(&b, 65536);
    jw_begin(&w, &b);
    figure_slot_write(&s, &w);
    jw_end(&w);
    json_t *o = json_loadb(b.p, b.n, 0, NULL);
    assert_true(figure_slot_read(o, &sum));
    assert_true(figure_slot_read(o, &sum));
    json_decref(o);
    buf_deinit(&b);
    assert_int_equal(sum.beats, 6);
    assert_int_equal(figures_count(&sum.f.time[TIME_RPC]), 10);
    assert_int_equal(sum.f.time[TIME_RPC].sum_us, 7000);
    assert_int_equal(sum.f.counter[COUNT_EVENTS], 4);
    assert_int_equal(sum.gauge[GAUGE_LAG].sum, 12);
    assert_int_equal(sum.gauge[GAUGE_LAG].max, 4);
    assert_false(figure_slot_read(NULL, &sum));
}

/* ---- samples ---- */

struct kept {
    int n[TIERS];
    int64_t requests[TIERS], start_s;
};

static void keep(void *arg, int tier, int64_t start_s, const struct figure_slot *slot)
{
    struct kept *k = arg;
    k->n[tier]++;
    k->requests[tier] += figures_count(&slot->f.time[TIME_RPC]);
    k->start_s = start_s;
}

static void beat(struct sample *s, int64_t second, int64_t requests, bool restarted,
                 struct kept *k)
{
    int64_t gauges[FIGURE_GAUGES];
    struct figures f = totals(requests, 0);
    for (int i = 0; i < FIGURE_GAUGES; i++)
        gauges[i] = -1;
    sample_beat(s, &f, gauges, T0 + second * 1000000, restarted, keep, k);
}

static void rates_come_from_the_window(void **state)
{
    (void)state;
    struct sample s = { 0 };
    struct kept k = { 0 };
    struct figures f;
    beat(&s, 0, 1000, false, &k); /* it ran before we came */
    assert_true(sample_window(&s, T0, &f) == 0);
    for (int i = 1; i <= 30; i++)
        beat(&s, i, 1000 + 50 * i, false, &k);
    double seconds = sample_window(&s, T0 + 30 * 1000000LL, &f);
    assert_true(seconds > 9.9 && seconds < 10.1);
    assert_int_equal(figures_count(&f.time[TIME_RPC]), 500);
    /* silence is not a rate */
    assert_true(sample_window(&s, T0 + 34 * 1000000LL, &f) == 0);
}

static void every_request_is_kept_once(void **state)
{
    (void)state;
    struct sample s = { 0 };
    struct kept k = { 0 };
    for (int i = 0; i < 100; i++)
        beat(&s, i, 10 + i, false, &k);
    beat(&s, 100, 5, true, &k); /* another process: 5 of its own */
    sample_flush(&s, T0 + 101 * 1000000LL, true, keep, &k);
    for (int tier = 0; tier < TIERS; tier++)
        assert_int_equal(k.requests[tier], 99 + 5);
    assert_in_range(k.n[0], 10, 12);
    assert_in_range(k.n[1], 2, 3);
    int before = k.n[0];
    sample_flush(&s, T0 + 200 * 1000000LL, true, keep, &k);
    assert_int_equal(k.n[0], before);
}

static void a_checkpoint_says_what_a_long_slot_has(void **state)
{
    (void)state;
    struct sample s = { 0 };
    struct kept k = { 0 };
    beat(&s, 0, 0, false, &k);
    beat(&s, 1, 8, false, &k);
    sample_checkpoint(&s, keep, &k);
    assert_int_equal(k.n[0], 0); /* short ones are written when they are over */
    assert_int_equal(k.requests[3], 8);
    sample_checkpoint(&s, keep, &k);
    assert_int_equal(k.n[3], 1); /* nothing new */
    beat(&s, 2, 9, false, &k);
    sample_checkpoint(&s, keep, &k);
    assert_int_equal(k.requests[3], 8 + 9); /* the whole row again */
}

static void the_spark_shows_whole_seconds(void **state)
{
    (void)state;
    struct sample s = { 0 };
    struct kept k = { 0 };
    double out[SPARK_SHOWN] = { 0 };
    for (int i = 0; i <= 20; i++)
        beat(&s, i, 7 * i, false, &k);
    sample_spark(&s, T0 + 21 * 1000000LL, out);
    assert_true(out[SPARK_SHOWN - 1] > 6.9 && out[SPARK_SHOWN - 1] < 7.1);
    assert_true(out[SPARK_SHOWN - 20] > 6.9);
    assert_true(out[0] == 0);
    sample_spark(&s, T0 + 21 * 1000000LL, out); /* adds */
    assert_true(out[SPARK_SHOWN - 1] > 13.9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beats_are_read),
        cmocka_unit_test(quantiles_lie_in_their_bucket),
        cmocka_unit_test(a_restart_counts_from_zero),
        cmocka_unit_test(what_is_kept_reads_back_and_adds_up),
        cmocka_unit_test(rates_come_from_the_window),
        cmocka_unit_test(every_request_is_kept_once),
        cmocka_unit_test(a_checkpoint_says_what_a_long_slot_has),
        cmocka_unit_test(the_spark_shows_whole_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
