/* spool_load.c - fills a spool with synthetic reports, or waits until a spool is settled.
 *
 *     spool_load fill SPOOL UNIT FIRST COUNT ROWS DISTINCT SEED CHANGED
 *         COUNT computers from number FIRST on, ROWS rows each out of DISTINCT; the last CHANGED
 *         rows of each depend on SEED, so the same SEED again is an unchanged report
 *     spool_load wait SPOOL TIMEOUT_MS
 *         prints {"settled":..,"refused":..,"pending":..,"seconds":..} when nothing is pending */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/seal.h"
#include "proto/row.h"
#include "store/spool.h"

enum {
    LOAD_SPOOL_BYTES = 1 << 30,
    LOAD_ARENA_BYTES = 64 * 1024 * 1024,
    LOAD_TOGETHER = 32,
    ROWS_MAX = 4096,
    POLL_MS = 2,
};

static int fail(int r, const char *what, const struct complaint *why)
{
    (void)fprintf(stderr, "spool_load: %s: %s %s\n", what, strerror(-r), why->what);
    return 3;
}

/* Row number n of the pool, as a Windows computer would report it. */
static struct bytes row_of(struct arena *arena, uint64_t n)
{
    struct row row = { 0 };
    struct buf out = BUF_INIT(BOUND_ROW_BYTES);
    row.fields.value[ROW_SOURCE] = bytes_str(ROW_SOURCE_ARP);
    row.fields.value[ROW_NAME] =
        bytes_str(arena_printf(arena, "Bench Product %" PRIu64 " Suite", n));
    row.fields.value[ROW_VENDOR] =
        bytes_str(arena_printf(arena, "Bench Vendor %" PRIu64 " Co., Ltd.", n % 97));
    row.fields.value[ROW_VERSION] =
        bytes_str(arena_printf(arena, "%" PRIu64 ".%" PRIu64 ".1024", n % 20, n % 7));
    row.fields.value[ROW_ARCH] = bytes_str("x86_64");
    struct bytes copy = { 0 };
    if (row_encode(&row, &out, NULL) == 0)
        copy = bytes_of(arena_dup(arena, out.data, out.size), out.size);
    buf_done(&out);
    return copy;
}

struct load {
    uint64_t first, count, rows, distinct, seed, changed;
};

static int report_make(struct arena *arena, const struct load *load, uint64_t computer,
                       const char *unit, int64_t now_ms, struct spool_report *report)
{
    static Zb__SourceState source = ZB__SOURCE_STATE__INIT;
    static const Zb__SourceState *sources[] = { &source };
    source.name = (char *)(uintptr_t) "bench";
    source.complete = true;
    struct rng own = rng_init(computer), other = rng_init(computer ^ (load->seed << 32));
    struct bytes *rows = arena_calloc(arena, load->rows, sizeof(*rows));
    uint32_t *source_of = arena_calloc(arena, load->rows, sizeof(*source_of));
    const char *device = arena_printf(arena, "bench-%" PRIu64, computer);
    if (rows == NULL || source_of == NULL || device == NULL)
        return -ENOMEM;
    for (uint64_t i = 0; i < load->rows; i++) {
        bool varies = i >= load->rows - load->changed;
        rows[i] = row_of(arena, rng_below(varies ? &other : &own, load->distinct));
        if (rows[i].data == NULL)
            return -ENOMEM;
    }
    *report = (struct spool_report){
        .unit = unit,
        .device = bytes_str(device),
        .scan_ms = now_ms,
        .sources = sources,
        .source_count = 1,
        .rows = rows,
        .source_of = source_of,
        .row_count = load->rows,
    };
    return 0;
}

static int fill(const char *path, const char *unit, const struct load *load)
{
    struct complaint why = { 0 };
    CLEANUP(spool_closep) struct spool *spool = NULL;
    CLEANUP(clock_freep) struct clock *clock = clock_new_real();
    CLEANUP(arena_freep) struct arena *arena = arena_new(LOAD_ARENA_BYTES);
    int r =
        clock == NULL || arena == NULL ? -ENOMEM : spool_open(path, LOAD_SPOOL_BYTES, &spool, &why);
    struct spool_report reports[LOAD_TOGETHER];
    for (uint64_t done = 0; r == 0 && done < load->count;) {
        struct arena_mark mark = arena_mark(arena);
        size_t n = 0;
        while (r == 0 && n < LOAD_TOGETHER && done + n < load->count) {
            r = report_make(arena, load, load->first + done + n, unit, clock_now_ms(clock),
                            &reports[n]);
            n++;
        }
        if (r == 0)
            r = spool_add_many(spool, reports, n, clock_now_ms(clock), &why);
        done += n;
        arena_rewind(arena, mark);
    }
    return r < 0 ? fail(r, "filling", &why) : 0;
}

static int wait_settled(const char *path, int64_t timeout_ms)
{
    struct complaint why = { 0 };
    CLEANUP(spool_closep) struct spool *spool = NULL;
    int r = spool_open_read_only(path, &spool, &why);
    if (r < 0)
        return fail(r, "opening", &why);
    int64_t start_ms = clock_mono_ms();
    struct spool_counts counts = { 0 };
    const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
    do {
        r = spool_counts(spool, &counts);
        if (r < 0)
            return fail(r, "counting", &why);
        if (counts.pending > 0)
            (void)nanosleep(&pause, NULL); /* a bench has no event to wait for in another's store */
    } while (counts.pending > 0 && clock_mono_ms() - start_ms < timeout_ms);
    (void)printf("{\"settled\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"pending\":%" PRIu64
                 ",\"seconds\":%.3f}\n",
                 counts.applied, counts.refused, counts.pending,
                 (double)(clock_mono_ms() - start_ms) / 1000.0);
    return counts.pending == 0 ? 0 : 1;
}

int main(int argc, char *argv[])
{
    if (seal_start() < 0)
        return 3;
    if (argc == 10 && strcmp(argv[1], "fill") == 0) {
        const struct load load = {
            .first = strtoull(argv[4], NULL, 10),
            .count = strtoull(argv[5], NULL, 10),
            .rows = strtoull(argv[6], NULL, 10),
            .distinct = strtoull(argv[7], NULL, 10),
            .seed = strtoull(argv[8], NULL, 10),
            .changed = strtoull(argv[9], NULL, 10),
        };
        if (load.rows == 0 || load.rows > ROWS_MAX || load.changed > load.rows ||
            load.distinct == 0)
            return 2;
        return fill(argv[2], argv[3], &load);
    }
    if (argc == 4 && strcmp(argv[1], "wait") == 0)
        return wait_settled(argv[2], strtoll(argv[3], NULL, 10));
    (void)fprintf(stderr,
                  "usage: %s fill SPOOL UNIT FIRST COUNT ROWS DISTINCT SEED CHANGED\n"
                  "       %s wait SPOOL TIMEOUT_MS\n",
                  argv[0], argv[0]);
    return 2;
}
