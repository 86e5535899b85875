#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "svc/metrics.h"

static char *printed(void)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    metrics_print(&b);
    assert_false(b.overflow);
    return buf_take(&b, NULL);
}

static void the_same_name_and_labels_are_one_metric(void **state)
{
    (void)state;
    struct metric *a = metric_counter("t_total", "Things", "kind=\"a\"");
    assert_ptr_equal(a, metric_counter("t_total", "Things", "kind=\"a\""));
    assert_ptr_not_equal(a, metric_counter("t_total", "Things", "kind=\"b\""));
    metric_add(a, 3);
    assert_int_equal(metric_value(a), 3);
}

static void a_family_is_printed_once_and_together(void **state)
{
    (void)state;
    metric_gauge("between", "Another", "");
    metric_counter("t_total", "Things", "kind=\"c\"");
    char *text = printed();
    char *first = strstr(text, "# TYPE t_total counter\n");
    assert_non_null(first);
    assert_null(strstr(first + 1, "# TYPE t_total"));
    assert_non_null(strstr(text, "t_total{kind=\"a\"} 3\n"));
    char *last = strstr(text, "t_total{kind=\"c\"} 0\n");
    assert_non_null(last);
    char *other = strstr(text, "between 0\n");
    assert_true(other < first || other > last);
    free(text);
}

static void a_histogram_counts_cumulatively(void **state)
{
    (void)state;
    struct metric *h = metric_histogram("h_seconds", "Times", "");
    metric_observe_us(h, 400);
    metric_observe_us(h, 3000);
    metric_observe_us(h, 60 * 1000000LL);
    char *text = printed();
    assert_non_null(strstr(text, "h_seconds_bucket{le=\"0.0005\"} 1\n"));
    assert_non_null(strstr(text, "h_seconds_bucket{le=\"0.005\"} 2\n"));
    assert_non_null(strstr(text, "h_seconds_bucket{le=\"10\"} 2\n"));
    assert_non_null(strstr(text, "h_seconds_bucket{le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(text, "h_seconds_sum 60.003400\n"));
    assert_non_null(strstr(text, "h_seconds_count 3\n"));
    free(text);
}

static void the_process_describes_itself(void **state)
{
    (void)state;
    char *text = printed();
    assert_non_null(strstr(text, "process_resident_memory_bytes "));
    assert_non_null(strstr(text, "build_info{version=\""));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_name_and_labels_are_one_metric),
        cmocka_unit_test(a_family_is_printed_once_and_together),
        cmocka_unit_test(a_histogram_counts_cumulatively),
        cmocka_unit_test(the_process_describes_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
