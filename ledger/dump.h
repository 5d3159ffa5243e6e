/* dump.h - the tables as text, to compare ledgers and to read them.
 *
 * ledger_dump prints each table by natural key, one JSON object per line, sorted within its table:
 * computers by (producer, opaque id), rows by id, cases by (unit, product, class, opened), notices by
 * message id. Numbers, salts, handles, receipt instants, windows and counters are left out, so two
 * ledgers that were fed the same events, in another order or some of them twice, dump equal. */
#ifndef LEDGER_DUMP_H
#define LEDGER_DUMP_H

#include "base/json.h"
#include "ledger/decide.h"

/* Takes one line, without newline. An error ends the dump. */
struct ledger_sink {
    void *ctx;
    int (*line)(void *ctx, struct bytes line);
};

/* ledger_dump - errors: the view's and the sink's; -ENOMEM. The largest table's lines are held in
 * the arena for sorting. */
int ledger_dump(const struct ledger_view *view, const struct ledger_sink *sink,
                struct arena *arena);

/* ledger_dump_entry - one journal entry with all it holds, for `audit dump --journal`. */
int ledger_dump_entry(const Zb__Entry *entry, const struct ledger_sink *sink, struct arena *arena);

#endif
