/* once.h - every event counts once: the receiver's side of settlement, as pure rules.
 *
 * Per (producer, epoch): a floor with the chain digest before it, and the outcome of every settled
 * sequence above it, at most BOUND_WINDOW of them. A duplicate gets the outcome of its first. */
#ifndef LEDGER_ONCE_H
#define LEDGER_ONCE_H

#include "ledger/decide.h"

enum once_answer {
    ONCE_NEW,           /* decide it */
    ONCE_DUPLICATE,     /* settled before with this digest: `outcome`, `reason` */
    ONCE_STALE,         /* below the stored floor */
    ONCE_FORKED,        /* same sequence with another digest, or a new sequence in an old epoch */
    ONCE_LEDGER_BEHIND, /* the header's floor is beyond what was settled here */
    ONCE_TOO_FAR,       /* beyond floor + BOUND_WINDOW − 1 */
    ONCE_QUARANTINED,
};

/* once_header - what a header says of the stream, before its events: whether the stored floor moves
 * (all before it settled and the chain agrees), is ahead of the ledger, or contradicts it.
 * `ret_producer` is the record to put when *ret_moved; arena's. */
int once_header(const struct ledger_view *view, const Zb__BatchHeader *header, struct arena *arena,
                enum once_answer *ret_answer, Zb__ProducerRecord **ret_producer, bool *ret_moved);

/* once_event - the answer for one event of it. */
int once_event(const struct ledger_view *view, struct id128 producer, uint64_t epoch,
               uint64_t sequence, struct digest digest, struct arena *arena,
               enum once_answer *ret_answer, Zb__OutcomeKind *ret_outcome,
               Zb__RefusalReason *ret_reason);

/* once_resume - which epoch a producer goes on in: its own when the ledger knows nothing higher and
 * the chains agree; the next one when the ledger knows a higher sequence (restored spool) or is
 * behind (restored ledger: `behind`). The record to put is the arena's, NULL when nothing changes. */
int once_resume(const struct ledger_view *view, const Zb__ResumeBody *body, struct arena *arena,
                Zb__ResumedBody **ret_resumed, Zb__ProducerRecord **ret_producer);

#endif
