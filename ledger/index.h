/* index.h - what else changes when a record does: its indices, and the private values that only it
 * referred to. Functions of the record alone; part of apply. */
#ifndef LEDGER_INDEX_H
#define LEDGER_INDEX_H

#include "ledger/apply.h"

/* index_change - carries a record's change from `old_value` to `new_value` (packed; size 0 with data
 * NULL: absent) into the indices. To be called with the key and both values in the arena, before the record
 * itself is written.
 * Errors: the writer's; -EBADMSG a value that does not unpack or a key that is not the table's;
 *         -ENOMEM. */
int index_change(const struct ledger_writer *writer, enum ledger_table table, struct bytes key,
                 struct bytes old_value, struct bytes new_value, struct arena *arena);

#endif
