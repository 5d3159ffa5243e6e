/* apply.h - carries journal entries into the tables; holds no rule.
 *
 * Records are stored as they stand in the entry. What else changes is mechanical and drawn here:
 *  - the indices of a record (index.c): those of the old value go, those of the new one come;
 *  - a private value whose handle a record held (facts of an endpoint, evidence of a report, person
 *    of an official) goes when the record is replaced by one with another handle, or removed;
 *  - `once` below the floor of a put ProducerRecord, and of its earlier epochs, goes;
 *  - a put `once` raises the highest sequence of its producer, when it is of its epoch; a producer
 *    that has no record gets one there, floor 1 and an empty chain;
 *  - an unchanged report puts `seen` and `once` (its digest is recomputed from `report` and
 *    `endpoint`, which say all that it covers). */
#ifndef LEDGER_APPLY_H
#define LEDGER_APPLY_H

#include "ledger/decide.h"

/* ledger_apply - errors are those of the writer, or -EBADMSG for an entry that cannot be. */
int ledger_apply(const struct ledger_writer *writer, const Zb__Entry *entry, struct arena *arena);

int ledger_apply_unchanged(const struct ledger_writer *writer, const struct ledger_unchanged *item,
                           struct arena *arena);

/* ledger_apply_private - stores a value of table `private`, which no entry holds. */
int ledger_apply_private(const struct ledger_writer *writer, const struct ledger_private *item,
                         struct arena *arena);

/* The items of an UnchangedList, 36 bytes each. */
enum { UNCHANGED_ITEM_BYTES = 36 };

/* unchanged_event - the event that an unchanged report stands for, from what its last report left: all
 * that its digest covers. `ret_event` points into the arena.
 * Errors: -ENOENT no such endpoint or report; others of the view. */
int unchanged_event(const struct ledger_view *view, const struct ledger_unchanged *item,
                    struct arena *arena, Zb__Event *ret_event);

#endif
