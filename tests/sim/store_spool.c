/* store_spool.c - tests/lib/memory_spool.h over the real store/spool.c, in a temporary folder: the
 * same runs then show that the spool on disk keeps the promises the one in memory does.
 *
 * A copy is a copy of the file between two calls, as a backup or a copied machine has it. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "store/spool.h"
#include "tests/lib/memory_spool.h"
#include "tests/lib/tmpdir.h"

enum { SPOOL_BYTES = 8 * 1024 * 1024, SETTLED_MAX = BOUND_EVENTS_PER_BATCH };

struct memory_spool {
    struct tmpdir *dir;
    struct spool *spool; /* NULL until it is needed: most copies never are */
    struct id128 producer;
    uint64_t behind;
    struct memory_spool_watch watch;
    size_t fault_in; /* 0: none */
};

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

static void must_work(int r, const char *what)
{
    if (r >= 0)
        return;
    (void)fprintf(stderr, "sim: %s: %s\n", what, strerror(-r));
    abort();
}

static struct spool *opened(const struct memory_spool *constant)
{
    struct memory_spool *spool = (struct memory_spool *)(uintptr_t)constant;
    if (spool->spool == NULL) {
        must_work(spool_open(spool->dir->path, SPOOL_BYTES, &spool->spool, NULL), "spool_open");
        must_work(spool_bind(spool->spool, spool->producer, false, NULL), "spool_bind");
    }
    return spool->spool;
}

struct memory_spool *memory_spool_new(struct id128 producer)
{
    struct memory_spool *spool = must(calloc(1, sizeof(*spool)));
    spool->dir = must(tmpdir_new());
    spool->producer = producer;
    return spool;
}

static void file_copy(const char *from, const char *to)
{
    uint8_t block[65536];
    FILE *in = must(fopen(from, "rb"));
    FILE *out = must(fopen(to, "wb"));
    for (size_t n; (n = fread(block, 1, sizeof(block), in)) > 0;)
        if (fwrite(block, 1, n, out) != n)
            abort();
    if (ferror(in) || fclose(out) != 0)
        abort();
    (void)fclose(in); /* only read */
}

struct memory_spool *memory_spool_copy(const struct memory_spool *spool)
{
    struct memory_spool *copy = memory_spool_new(spool->producer);
    char from[PATH_MAX + 16], to[PATH_MAX + 16];
    (void)opened(spool); /* so that there is a file */
    copy->behind = spool->behind;
    copy->watch = spool->watch;
    (void)snprintf(from, sizeof(from), "%s/data.mdb", spool->dir->path);
    (void)snprintf(to, sizeof(to), "%s/data.mdb", copy->dir->path);
    file_copy(from, to);
    return copy;
}

void memory_spool_free(struct memory_spool *spool)
{
    if (spool == NULL)
        return;
    spool_close(spool->spool);
    tmpdir_free(spool->dir);
    free(spool);
}

struct memory_spool_counts memory_spool_counts(const struct memory_spool *spool)
{
    struct spool_counts counts;
    struct stream_position position;
    must_work(spool_counts(opened(spool), &counts), "spool_counts");
    must_work(spool_position(opened(spool), &position), "spool_position");
    return (struct memory_spool_counts){ .spooled = counts.spooled,
                                         .applied = counts.applied,
                                         .refused = counts.refused,
                                         .superseded = counts.superseded,
                                         .pending = counts.pending,
                                         .behind = spool->behind,
                                         .epoch = position.epoch,
                                         .highest = position.next_sequence - 1,
                                         .floor = position.floor };
}

void memory_spool_watch(struct memory_spool *spool, struct memory_spool_watch watch)
{
    spool->watch = watch;
}

void memory_spool_fault(struct memory_spool *spool, size_t nth)
{
    spool->fault_in = nth + 1;
}

void memory_spool_forget_sequences(struct memory_spool *spool)
{
    (void)spool; /* nothing makes the real one forget: the planted fault is for the other */
}

static struct bytes device_of(uint32_t endpoint, uint8_t device[4])
{
    put_u32be(device, endpoint);
    return bytes_of(device, 4);
}

struct id128 memory_endpoint(const struct memory_spool *spool, uint32_t endpoint)
{
    struct id128 salt;
    uint8_t device[4];
    must_work(spool_salt(opened(spool), &salt), "spool_salt");
    return endpoint_id(salt, device_of(endpoint, device));
}

bool memory_spool_add(struct memory_spool *spool, const char *unit, uint32_t endpoint,
                      int64_t scan_ms, uint32_t rows)
{
    Zb__SourceState source = ZB__SOURCE_STATE__INIT;
    const Zb__SourceState *sources[] = { &source };
    struct bytes row[MEMORY_ROWS_MAX];
    uint32_t source_of[MEMORY_ROWS_MAX] = { 0 };
    uint8_t device[4];
    struct spool_counts before, after;
    source.name = (char *)(uintptr_t) "list";
    source.complete = true;
    struct spool_report report = { .unit = unit,
                                   .device = device_of(endpoint, device),
                                   .scan_ms = scan_ms,
                                   .sources = sources,
                                   .source_count = 1,
                                   .rows = row,
                                   .source_of = source_of };
    for (unsigned i = 0; i < MEMORY_ROWS_MAX; i++)
        if (rows & (1u << i))
            row[report.row_count++] = memory_row(i);
    must_work(spool_counts(opened(spool), &before), "spool_counts");
    must_work(spool_add(opened(spool), &report, scan_ms, NULL), "spool_add");
    must_work(spool_counts(opened(spool), &after), "spool_counts");
    return after.superseded > before.superseded;
}

/* ---- the seam: the real calls, with faults in front of them ------------------------------------ */

static bool fails(struct memory_spool *spool)
{
    return spool->fault_in > 0 && --spool->fault_in == 0;
}

static int seam_position(void *ctx, struct stream_position *ret_position)
{
    return fails(ctx) ? -EIO : spool_position(opened(ctx), ret_position);
}

static int seam_assign(void *ctx, size_t most, size_t *ret_assigned)
{
    return fails(ctx) ? -EIO : spool_assign(opened(ctx), most, ret_assigned);
}

static int seam_event(void *ctx, uint64_t sequence, bool full, struct arena *arena,
                      struct outgoing_event *ret_event)
{
    return fails(ctx) ? -EIO : spool_event(opened(ctx), sequence, full, arena, ret_event);
}

static int seam_settle(void *ctx, uint64_t epoch, const struct settled_outcome *outcomes,
                       size_t count, int64_t now_ms)
{
    struct memory_spool *spool = ctx;
    int64_t scan_ms[SETTLED_MAX];
    bool leaves[SETTLED_MAX] = { false };
    assert(count <= SETTLED_MAX);
    if (fails(spool))
        return -EIO;
    CLEANUP(arena_freep) struct arena *arena = must(arena_new(16 << 20));
    for (size_t i = 0; i < count; i++) {
        struct outgoing_event event;
        leaves[i] = outcome_is_final(outcomes[i].kind, outcomes[i].reason) &&
                    spool_event(opened(spool), outcomes[i].sequence, false, arena, &event) == 0;
        scan_ms[i] = leaves[i] ? event.event.scan_ms : 0;
    }
    int r = spool_settle(opened(spool), epoch, outcomes, count, now_ms);
    for (size_t i = 0; r == 0 && i < count; i++)
        if (leaves[i] && spool->watch.left != NULL)
            spool->watch.left(spool->watch.ctx, epoch, &outcomes[i], scan_ms[i]);
    return r;
}

static int seam_epoch(void *ctx, uint64_t epoch, bool behind)
{
    struct memory_spool *spool = ctx;
    if (fails(spool))
        return -EIO;
    int r = spool_epoch(opened(spool), epoch, behind);
    spool->behind += r == 0 && behind;
    return r;
}

struct sender_spool memory_spool_seam(struct memory_spool *spool)
{
    return (struct sender_spool){ .ctx = spool,
                                  .position = seam_position,
                                  .assign = seam_assign,
                                  .event = seam_event,
                                  .settle = seam_settle,
                                  .epoch = seam_epoch };
}
