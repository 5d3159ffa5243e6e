/* metrics.c - an array of numbers beside a table that explains them. */
#include "base/metrics.h"

#include <assert.h>
#include <inttypes.h>

struct metrics {
    const struct metric_row *rows;
    size_t n_rows;
    int64_t values[];
};

static bool is_name(const char *name, enum metric_kind kind)
{
    size_t size = strlen(name);
    if (size == 0 || (name[0] >= '0' && name[0] <= '9') ||
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != size)
        return false;
    bool is_total = size > 6 && strcmp(name + size - 6, "_total") == 0;
    return is_total == (kind == METRIC_COUNTER);
}

struct metrics *metrics_new(const struct metric_row *rows, size_t n_rows)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics) + n_rows * sizeof(metrics->values[0]));
    if (metrics == NULL)
        return NULL;
    metrics->rows = rows;
    metrics->n_rows = n_rows;
    for (size_t i = 0; i < n_rows; i++) {
        assert(rows[i].name != NULL && is_name(rows[i].name, rows[i].kind));
        assert(rows[i].unit != NULL && rows[i].description != NULL);
        for (size_t k = 0; k < i; k++)
            assert(strcmp(rows[i].name, rows[k].name) != 0);
    }
    return metrics;
}

void metrics_free(struct metrics *metrics)
{
    free(metrics);
}

void metrics_add(struct metrics *metrics, size_t row, int64_t delta)
{
    assert(row < metrics->n_rows);
    assert(delta >= 0 || metrics->rows[row].kind == METRIC_GAUGE);
    int64_t *value = &metrics->values[row];
    if (__builtin_add_overflow(*value, delta, value))
        *value = delta > 0 ? INT64_MAX : INT64_MIN;
}

void metrics_set(struct metrics *metrics, size_t row, int64_t value)
{
    assert(row < metrics->n_rows && metrics->rows[row].kind == METRIC_GAUGE);
    metrics->values[row] = value;
}

int64_t metrics_get(const struct metrics *metrics, size_t row)
{
    assert(row < metrics->n_rows);
    return metrics->values[row];
}

/* The text of a HELP line: backslash and line feed are escaped (exposition format 0.0.4). */
static void put_help(struct buf *buf, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            buf_put_str(buf, "\\\\");
        else if (*text == '\n')
            buf_put_str(buf, "\\n");
        else
            buf_put_u8(buf, (uint8_t)*text);
    }
}

void metrics_print(const struct metrics *metrics, struct buf *buf)
{
    for (size_t i = 0; i < metrics->n_rows; i++) {
        const struct metric_row *row = &metrics->rows[i];
        buf_printf(buf, "# HELP %s ", row->name);
        put_help(buf, row->description);
        buf_printf(buf, " Unit: %s.\n# TYPE %s %s\n%s %" PRId64 "\n", row->unit, row->name,
                   row->kind == METRIC_COUNTER ? "counter" : "gauge", row->name,
                   metrics->values[i]);
    }
}
