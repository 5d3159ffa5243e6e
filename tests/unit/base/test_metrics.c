/* Metrics: counting, saturation, the exposition text. */
#include "base/metrics.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>

enum { BATCHES, WAITING, N_ROWS };
static const struct metric_row rows[] = {
    [BATCHES] = { "zhengban_batches_total", METRIC_COUNTER, "batches", "Batches taken in." },
    [WAITING] = { "zhengban_waiting", METRIC_GAUGE, "events", "Back\\slash\nand line." },
};

Test(metrics, count_and_hold)
{
    CLEANUP(metrics_freep) struct metrics *m = metrics_new(rows, N_ROWS);
    cr_assert(eq(i64, metrics_get(m, BATCHES), 0));
    metrics_add(m, BATCHES, 2);
    metrics_add(m, BATCHES, 0);
    metrics_add(m, BATCHES, 3);
    metrics_set(m, WAITING, 7);
    metrics_add(m, WAITING, -9);
    cr_assert(eq(i64, metrics_get(m, BATCHES), 5));
    cr_assert(eq(i64, metrics_get(m, WAITING), -2));
}

Test(metrics, of_two_instances_are_their_own)
{
    CLEANUP(metrics_freep) struct metrics *a = metrics_new(rows, N_ROWS);
    CLEANUP(metrics_freep) struct metrics *b = metrics_new(rows, N_ROWS);
    metrics_add(a, BATCHES, 1);
    cr_assert(eq(i64, metrics_get(b, BATCHES), 0));
}

Test(metrics, stop_at_the_ends_instead_of_wrapping)
{
    CLEANUP(metrics_freep) struct metrics *m = metrics_new(rows, N_ROWS);
    metrics_add(m, BATCHES, INT64_MAX);
    metrics_add(m, BATCHES, 1);
    cr_assert(eq(i64, metrics_get(m, BATCHES), INT64_MAX));
    metrics_set(m, WAITING, INT64_MIN);
    metrics_add(m, WAITING, -1);
    cr_assert(eq(i64, metrics_get(m, WAITING), INT64_MIN));
}

Test(metrics, print_as_prometheus_text)
{
    CLEANUP(metrics_freep) struct metrics *m = metrics_new(rows, N_ROWS);
    CLEANUP(buf_done) struct buf buf = BUF_INIT(4096);
    metrics_add(m, BATCHES, 5);
    metrics_set(m, WAITING, -2);
    metrics_print(m, &buf);
    buf_put_u8(&buf, 0);
    cr_assert(eq(int, buf_error(&buf), 0));
    cr_assert(eq(str, (char *)buf.data,
                 "# HELP zhengban_batches_total Batches taken in. Unit: batches.\n"
                 "# TYPE zhengban_batches_total counter\n"
                 "zhengban_batches_total 5\n"
                 "# HELP zhengban_waiting Back\\\\slash\\nand line. Unit: events.\n"
                 "# TYPE zhengban_waiting gauge\n"
                 "zhengban_waiting -2\n"));
}

Test(metrics, stop_at_a_counter_that_shrinks, .signal = SIGABRT)
{
    CLEANUP(metrics_freep) struct metrics *m = metrics_new(rows, N_ROWS);
    metrics_add(m, BATCHES, -1);
}

Test(metrics, stop_at_a_counter_that_is_set, .signal = SIGABRT)
{
    CLEANUP(metrics_freep) struct metrics *m = metrics_new(rows, N_ROWS);
    metrics_set(m, BATCHES, 1);
}

Test(metrics, stop_at_a_counter_not_named_total, .signal = SIGABRT)
{
    static const struct metric_row bad[] = { { "zhengban_batches", METRIC_COUNTER, "x", "X." } };
    metrics_free(metrics_new(bad, 1));
}

Test(metrics, stop_at_a_name_given_twice, .signal = SIGABRT)
{
    static const struct metric_row bad[] = { { "a", METRIC_GAUGE, "x", "X." },
                                             { "a", METRIC_GAUGE, "x", "X." } };
    metrics_free(metrics_new(bad, 2));
}
