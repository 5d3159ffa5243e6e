/* rebuild.c - verify and apply, entry by entry. */
#include "ledger/rebuild.h"

#include <errno.h>

int ledger_rebuild(const struct ledger_entries *entries, const struct ledger_writer *writer,
                   struct ledger_head *head, struct arena *arena, struct complaint *why)
{
    for (;;) {
        struct bytes bytes;
        int r = entries->next(entries->ctx, &bytes);
        if (r < 0)
            return r == -ENOENT ? 0 : r;
        struct arena_mark mark = arena_mark(arena);
        struct ledger_head next = *head;
        Zb__Entry *entry;
        r = ledger_verify_entry(&next, bytes, arena, &entry, why);
        if (r == 0)
            r = ledger_apply(writer, entry, arena);
        if (r == -EBADMSG && next.index != head->index)
            r = complain(why, r, "restore the journal from a backup that verifies",
                         "it does not fit the tables that the entries before it made");
        arena_rewind(arena, mark);
        if (r < 0)
            return r;
        *head = next;
    }
}
