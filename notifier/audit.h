/* audit.h - proof that the journal is whole, and that the tables are what it says.
 *
 * Everything here reads a copy of the store (kv_copy), so that it may take minutes without holding
 * a read transaction of the ledger that runs. Nothing here judges or decides: rebuilding uses
 * ledger_apply alone. */
#ifndef NOTIFIER_AUDIT_H
#define NOTIFIER_AUDIT_H

#include "base/buf.h"
#include "notifier/book.h"

/* audit_copy - a consistent copy of the store behind `book` in a new folder below `parent`, opened.
 * `ret_dir` (FILE_PATH_SIZE bytes) names the folder; audit_copy_close removes it.
 * Errors: as kv_copy and book_open. */
int audit_copy(struct book *book, const char *parent, struct book **ret_copy, char *ret_dir,
               struct complaint *why);
void audit_copy_close(struct book *copy, const char *dir);

/* What a verification has seen. */
struct audit_summary {
    struct ledger_head head;
    uint64_t batches;  /* batch headers whose producer's signature was checked */
    uint64_t commands; /* commands whose actor's signature was checked */
    int64_t first_ms;  /* ledger time of the first and last entry */
    int64_t last_ms;
    uint64_t checkpoint; /* index of the checkpoint that was found in the chain; 0: none given */
};

/* audit_verify - walks the whole journal: each entry follows the one before (index, chain, times
 * never step back), each batch and command is signed by the key that it names, the last entry is
 * the head, and the checkpoint (may be NULL) lies in the chain.
 * Errors: -EBADMSG what broke and at which entry stands in `why`; -ENOMEM; those of the store. */
int audit_verify(struct book *copy, const Zb__CheckpointBody *checkpoint,
                 struct audit_summary *ret_summary, struct complaint *why);

/* audit_rebuild - replays the journal of `copy` into the empty folder `dir` by ledger_apply alone,
 * takes over the private values (which no entry holds), and compares every table, indices too.
 * Errors: -EBADMSG the first table and key that differ, or an entry that cannot be applied. */
int audit_rebuild(struct book *copy, const char *dir, uint64_t max_bytes, uint64_t *ret_records,
                  struct complaint *why);

/* What the journal says of reports. */
struct audit_events {
    uint64_t applied; /* distinct (producer, epoch, sequence) */
    uint64_t refused;
    uint64_t duplicates; /* effects of an event that had one before: 0, or the ledger is wrong */
};
int audit_events(struct book *copy, struct audit_events *ret_events, struct complaint *why);

/* A checkpoint is one line of JSON; "body" and "signature" are what counts, the rest is for people:
 *     {"index":17,"chain":"…","at":"2026-…","ledger":"…","body":"…","signature":"…"}
 * audit_checkpoint_print - signs the journal's head.
 * audit_checkpoint_parse - Errors: -EBADMSG malformed, not signed by `ledger`, or of another one. */
int audit_checkpoint_print(struct ledger_head head, int64_t at_ms, struct id128 ledger_id,
                           const struct seal_secret *ledger, struct buf *out);
int audit_checkpoint_parse(struct bytes text, struct id128 ledger_id,
                           const struct seal_public *ledger, struct arena *arena,
                           Zb__CheckpointBody **ret_body, struct complaint *why);

#endif
