/* memory_view.h - the ledger's tables as an ordered map in memory: view and writer for tests.
 *
 * Stands where the notifier has one open LMDB write transaction, and keeps the same promises, no
 * more: keys in byte order, a key never empty, and what get and seek return dies at the next put
 * or del. Under AddressSanitizer it makes sure of the last: each answer is a copy of its own that
 * the next change frees, so a rule that holds on to one is caught. */
#ifndef TESTS_LIB_MEMORY_VIEW_H
#define TESTS_LIB_MEMORY_VIEW_H

#include "base/cleanup.h"
#include "ledger/view.h"

struct memory_view;

/* memory_view_new - empty tables. memory_view_copy - the same records in tables of their own, as a
 * snapshot or a backup would hold them: committed or not, without faults. NULL when memory is
 * out. */
struct memory_view *memory_view_new(void);
struct memory_view *memory_view_copy(const struct memory_view *memory);
void memory_view_free(struct memory_view *memory);
CLEANUP_DEFINE(struct memory_view *, memory_view_free);

/* memory_view, memory_writer - the function tables over it; they live as long as it does. */
struct ledger_view memory_view(struct memory_view *memory);
struct ledger_writer memory_writer(struct memory_view *memory);

/* memory_view_begin - remembers the tables as they are; memory_view_abort puts them back so,
 * memory_view_commit forgets it. Transactions do not nest. */
void memory_view_begin(struct memory_view *memory);
void memory_view_commit(struct memory_view *memory);
void memory_view_abort(struct memory_view *memory);

/* memory_view_count - records in a table. */
size_t memory_view_count(const struct memory_view *memory, enum ledger_table table);

/* memory_view_difference - the first table in which two differ; 0 when they hold the same
 * records. */
enum ledger_table memory_view_difference(const struct memory_view *a, const struct memory_view *b);

/* memory_view_fault - makes the nth call from now on fail with -EIO (0: the next one), once, reads
 * and writes each counted apart; memory_view_fault_fired tells whether it came to that. */
enum memory_fault { MEMORY_FAULT_READ, MEMORY_FAULT_WRITE };
void memory_view_fault(struct memory_view *memory, enum memory_fault kind, size_t nth);
bool memory_view_fault_fired(const struct memory_view *memory);

#endif
