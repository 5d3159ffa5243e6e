/* run.h - decide, journal, apply, until no follow-up remains; and the journal's chain.
 *
 *   entry bytes = packed Entry (record.proto), which holds the chain digest of the entry before
 *   chain(entry) = BLAKE2b-256("zhengban entry" ‖ entry bytes)
 */
#ifndef LEDGER_RUN_H
#define LEDGER_RUN_H

#include "base/text.h"
#include "ledger/apply.h"

struct ledger_journal {
    void *ctx;
    int (*append)(void *ctx, uint64_t index, struct bytes entry);
};

/* Where the chain stands; zero for an empty journal. */
struct ledger_head {
    uint64_t index;
    struct digest chain;
};

struct ledger_run; /* one open transaction's worth of work */

/* ledger_run_new - over a writer whose transaction the caller opened. `head` is that of the
 * journal's last entry. The run takes what it builds from `arena`. */
struct ledger_run *ledger_run_new(const struct ledger_rules *rules,
                                  const struct ledger_writer *writer,
                                  const struct ledger_journal *journal, struct ledger_head head,
                                  struct arena *arena);

/* ledger_run_input - one input and all its follow-ups. The reply is the arena's. POSITION and
 * ASSESS follow-ups are kept back, each once, until ledger_run_finish: a hundred reports about one
 * product are one recount. Errors: the transaction must be aborted. */
int ledger_run_input(struct ledger_run *run, const struct ledger_input *input, int64_t now_ms,
                     struct ledger_reply *ret_reply);

/* ledger_run_finish - what was kept back, and the last unchanged entry; then the caller commits. */
int ledger_run_finish(struct ledger_run *run, int64_t now_ms, struct ledger_head *ret_head);

/* ledger_chain - the chain digest of an entry's bytes. */
struct digest ledger_chain(struct bytes entry);

/* ledger_verify_entry - whether the bytes are entry `head.index + 1` and follow head's chain.
 * Returns the unpacked entry and moves the head. Errors: -EBADMSG (complaint says what broke). */
int ledger_verify_entry(struct ledger_head *head, struct bytes entry, struct arena *arena,
                        Zb__Entry **ret_entry, struct complaint *why);

#endif
