/* memory_spool.h - a collector's durable queue in memory, with the rules of store/spool.h.
 *
 * For tests of what sends (bus/sender.h): it can be copied (a backup, a clone), made to fail at a
 * chosen call, and asked what became of every report. Each call is one transaction. A report is an
 * endpoint's number, a scan time and up to 32 rows, given as bits: row i is named "row i".
 * tests/sim/store_spool.c does the same over the real spool. */
#ifndef TESTS_LIB_MEMORY_SPOOL_H
#define TESTS_LIB_MEMORY_SPOOL_H

#include "bus/sender.h"
#include "proto/digest.h"

enum { MEMORY_ROWS_MAX = 32 };

struct memory_spool;

struct memory_spool *memory_spool_new(struct id128 producer);
struct memory_spool *memory_spool_copy(const struct memory_spool *spool);
void memory_spool_free(struct memory_spool *spool);
CLEANUP_DEFINE(struct memory_spool *, memory_spool_free);

/* memory_spool_seam - what the sender sees. */
struct sender_spool memory_spool_seam(struct memory_spool *spool);

/* memory_spool_add - a report. `unit` is not copied. Returns whether it superseded one, which kept
 * its own scan time. */
bool memory_spool_add(struct memory_spool *spool, const char *unit, uint32_t endpoint,
                      int64_t scan_ms, uint32_t rows);

struct memory_spool_counts {
    uint64_t spooled, applied, refused, superseded, pending;
    uint64_t behind; /* epochs entered because the ledger had lost something */
    uint64_t epoch, highest, floor;
};
struct memory_spool_counts memory_spool_counts(const struct memory_spool *spool);

/* memory_spool_watch - told of each event that leaves the queue, with its digest. */
struct memory_spool_watch {
    void *ctx;
    void (*left)(void *ctx, uint64_t epoch, const struct settled_outcome *outcome, int64_t scan_ms);
};
void memory_spool_watch(struct memory_spool *spool, struct memory_spool_watch watch);

/* memory_spool_fault - the nth call of the seam from now on (0: the next) returns -EIO and does
 * nothing. */
void memory_spool_fault(struct memory_spool *spool, size_t nth);

/* memory_spool_forget_sequences - what a spool that gave sequences without making them durable
 * would be after a crash: the unsettled ones above the highest settled are given again, perhaps to
 * others. A fault that tests plant, never a promise. */
void memory_spool_forget_sequences(struct memory_spool *spool);

/* memory_row - the canonical bytes of row i, static. memory_endpoint - the opaque id of an endpoint
 * in this spool's events. */
struct bytes memory_row(unsigned i);
struct id128 memory_endpoint(const struct memory_spool *spool, uint32_t endpoint);

/* memory_items - a set of rows as sorted items without evidence; memory_result - its digest. */
size_t memory_items(uint32_t rows, struct result_item items[MEMORY_ROWS_MAX]);
struct digest memory_result(uint32_t rows);

#endif
