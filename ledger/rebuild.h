/* rebuild.h - tables from the journal alone. */
#ifndef LEDGER_REBUILD_H
#define LEDGER_REBUILD_H

#include "ledger/run.h"

/* Where entries come from, in order: 0 with the entry's bytes (which live until the next call),
 * -ENOENT at the end, or an error. */
struct ledger_entries {
    void *ctx;
    int (*next)(void *ctx, struct bytes *ret_entry);
};

/* ledger_rebuild - verifies the chain from *head on and applies each entry. No rule takes part, so a
 * journal rebuilds to the same tables whatever the rules have become. Table `private` is not in
 * the journal: copy it to the writer first.
 * Output: *head, moved behind the last entry that was applied.
 * Errors: those of entries and writer; -EBADMSG a broken chain (complaint names the entry). The
 *         caller's transaction is then to be aborted.
 * Memory: the arena is given back after every entry. */
int ledger_rebuild(const struct ledger_entries *entries, const struct ledger_writer *writer,
                   struct ledger_head *head, struct arena *arena, struct complaint *why);

#endif
