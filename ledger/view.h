/* view.h - how rules see the tables, and how applied entries change them.
 *
 * The notifier serves both over one open LMDB write transaction, tests over a map in memory. Rules
 * take a view and return entries; only ledger_apply() takes a writer. What a view returns dies at
 * the next apply: copy what must live longer. */
#ifndef LEDGER_VIEW_H
#define LEDGER_VIEW_H

#include "ledger/table.h"

struct ledger_view {
    void *ctx;

    /* get - the value under exactly that key. 0, -ENOENT, or another error of the store. */
    int (*get)(void *ctx, enum ledger_table table, struct bytes key, struct bytes *ret_value);

    /* seek - the first key ≥ from. 0, -ENOENT past the last, or another error of the store. */
    int (*seek)(void *ctx, enum ledger_table table, struct bytes from, struct bytes *ret_key,
                struct bytes *ret_value);
};

struct ledger_writer {
    struct ledger_view view; /* reads its own writes */
    int (*put)(void *ctx, enum ledger_table table, struct bytes key, struct bytes value);

    /* del - 0 also when there was nothing. */
    int (*del)(void *ctx, enum ledger_table table, struct bytes key);
};

#endif
