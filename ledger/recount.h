/* recount.h - going over everything, step by step: rows that want a verdict of the active catalogue
 * into `todo`, then every endpoint's installs, then every product's positions, so that each names the
 * catalogue it was counted by and sees today's dates. Begun when a catalogue is activated, when a
 * verdict changes for a row that nothing refers to, and once a day so that silence becomes visible.
 *
 * State "recount" says where it stands: bytes empty: rows, number = the next; bytes = a unit: number
 * = the next endpoint; bytes = '=' and a product: the one counted last.
 * The notifier asks recount_next() when it is idle and gives the input; each is one small
 * transaction, so a crash costs one step. The daily one begins with {unit "", from_endpoint 0}.
 *
 * How it scales: a step reads the sets of RECOUNT_ENDPOINTS endpoints and writes only what
 * differs; a million endpoints are 4,000 steps whose journal is as large as the change. */
#ifndef LEDGER_RECOUNT_H
#define LEDGER_RECOUNT_H

#include "ledger/rules.h"

enum { RECOUNT_ENDPOINTS = 256, RECOUNT_ROWS = 1024, RECOUNT_PRODUCTS = 16 };

/* recount_next - the input that is to be run next. -ENOENT when there is nothing to go over. Its text
 * is the arena's. */
int recount_next(const struct ledger_view *view, struct arena *arena,
                 struct ledger_input *ret_input);

/* recount_begin - from the beginning, whatever was going on; in the entry begun last.
 * recount_again - begins one, or one more after the one that is going on. */
void recount_begin(const struct ruling *at);
int recount_again(const struct ruling *at);

#endif
