/* apply.h - carries journal entries into the tables; holds no rule.
 *
 * Records are stored as they stand in the entry. What else changes is mechanical and drawn here:
 *  - the indices of a record (index.c): those of the old value go, those of the new one come;
 *  - `once` below the floor of a put ProducerRecord goes;
 *  - an unchanged report puts `seen` and `once` (its digest is recomputed from `report` and
 *    `endpoint`, which say all that it covers) and raises the producer's highest sequence. */
#ifndef LEDGER_APPLY_H
#define LEDGER_APPLY_H

#include "ledger/decide.h"

/* ledger_apply - errors are those of the writer, or -EBADMSG for an entry that cannot be. */
int ledger_apply(const struct ledger_writer *writer, const Zb__Entry *entry, struct arena *arena);

int ledger_apply_unchanged(const struct ledger_writer *writer,
                           const struct ledger_unchanged *item, struct arena *arena);

#endif
