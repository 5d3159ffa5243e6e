/* metrics.h - counters and gauges as rows; the values live in an instance.
 *
 * A module declares an enum and a table in the same order, and counts by the enum's name:
 *
 *     enum { METRIC_BATCHES, METRIC_SPOOLED, METRIC_COUNT };
 *     static const struct metric_row rows[] = {
 *         [METRIC_BATCHES] = { "zhengban_batches_total", METRIC_COUNTER, "batches", "Taken in." },
 *         [METRIC_SPOOLED] = { "zhengban_spooled", METRIC_GAUGE, "events", "Not settled yet." },
 *     };
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buf.h"
#include "base/cleanup.h"

enum metric_kind {
    METRIC_COUNTER, /* only grows; its name ends in _total */
    METRIC_GAUGE,
};

struct metric_row {
    const char *name; /* [a-z_][a-z0-9_]*, unique in its table */
    enum metric_kind kind;
    const char *unit;        /* "bytes", "events" */
    const char *description; /* a sentence */
};

struct metrics;

/* metrics_new - all zero; the rows must outlive it. A bad name is a bug. NULL when memory is
 * out. */
struct metrics *metrics_new(const struct metric_row *rows, size_t n_rows);
void metrics_free(struct metrics *metrics); /* NULL is fine */
CLEANUP_DEFINE(struct metrics *, metrics_free);

/* metrics_add - a counter takes deltas ≥ 0; sums stop at INT64_MAX. metrics_set - gauges only. */
void metrics_add(struct metrics *metrics, size_t row, int64_t delta);
void metrics_set(struct metrics *metrics, size_t row, int64_t value);
int64_t metrics_get(const struct metrics *metrics, size_t row);

/* metrics_print - Prometheus text exposition (version 0.0.4) of every row, in order. */
void metrics_print(const struct metrics *metrics, struct buf *buf);

#endif
