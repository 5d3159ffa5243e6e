/* once.h - every event counts once: the receiver's side of settlement, as pure rules.
 *
 * Per (producer, epoch): a floor with the chain digest before it, and the outcome of every settled
 * sequence above it, at most BOUND_WINDOW of them. A duplicate gets the outcome of its first. The
 * argument for all of this, and what a lying matcher can do to it, is docs/settlement.md.
 *
 * What a sender's epoch is to the ledger (ProducerRecord; granted 0 counts as epoch):
 *
 *     ... past_epoch        epoch     epoch+1 ... granted        above granted
 *     ────────────────────────────────────────────────────────────────────────────────────────
 *     old: nothing new is   in use    outstanding grants, each   never granted by this ledger:
 *     taken; new = FORKED             given to one RESUME: the   it has lost the grant, so it is
 *     above past_highest,             first batch of one puts    LEDGER_BEHIND
 *     else STALE                      it in use
 *
 * A grant changes nothing by itself: the epoch in use changes when the first batch signed in a
 * granted one arrives. A RESUME that the network kept back, or that somebody sends again, therefore
 * costs a number and never harms the stream that is running. No number is granted twice, so that a
 * ledger restored to before a grant knows by the number alone that it has lost something.
 *
 * FORKED means two histories under one key, and is said of nothing less:
 *  - a sequence with another digest than the one settled under it;
 *  - a floor whose chain digest is not that of what was settled here;
 *  - a new sequence in the epoch before, above everything that was known of that epoch when it was
 *    left (`past_highest`: settled, or told by a RESUME). Up to there it is a late frame of the
 *    sender itself, which has given the report another sequence in the new epoch: STALE. In still
 *    older epochs nothing can be told from late frames: STALE, and who really lives there asks with
 *    RESUME, gets an epoch, and so makes the other's the epoch before;
 *  - a RESUME from the epoch before with a higher sequence than was known when it was left.
 * After a restored ledger nothing can be said of the epoch before: past_epoch is then 0.
 *
 * What the caller (batch.c) makes of an answer:
 *
 *     NEW            decide. An outcome for which outcome_is_final() holds is put in `once`, in the
 *                    same entry, with `highest` = max(highest, sequence); NEED_* stores nothing
 *     DUPLICATE      the outcome again; nothing is put
 *     STALE          OUTCOME_STALE, nothing is put
 *     LEDGER_BEHIND  OUTCOME_LEDGER_BEHIND for every event of the batch, nothing is put
 *     FORKED         once_quarantine(), an alarm, OUTCOME_REFUSED(FORKED) for this event and the
 *                    rest of the batch; `once` is not touched
 *     QUARANTINED    OUTCOME_REFUSED(QUARANTINED) for every event; `once` is not touched
 *     TOO_FAR        no outcome at all: no sender of ours does it; counted as a refusal (INVALID)
 *
 * A batch whose signature does not hold gets no outcomes: who sent it is not known. Events of one
 * header have strictly ascending sequences; the caller checks that at the door. */
#ifndef LEDGER_ONCE_H
#define LEDGER_ONCE_H

#include "ledger/decide.h"
#include "proto/stream.h"

enum once_answer {
    ONCE_NEW,           /* decide it */
    ONCE_DUPLICATE,     /* settled before with this digest: `outcome`, `reason` */
    ONCE_STALE,         /* below the stored floor, or in an epoch that is over */
    ONCE_FORKED,        /* two histories under one key: see above */
    ONCE_LEDGER_BEHIND, /* the header's floor or epoch is beyond what was settled here */
    ONCE_TOO_FAR,       /* beyond floor + BOUND_WINDOW − 1 */
    ONCE_QUARANTINED,
};

/* once_header - what a header says of the stream, before its events: whether the stored floor moves
 * (all before it settled and the chain agrees), whether it begins the granted epoch, is ahead of
 * the ledger, or contradicts it. NEW: go on with once_event for each event, after the record has
 * been put when *ret_moved. `ret_producer` is that record, the arena's; NULL when nothing moves.
 * Errors: -EINVAL the header is malformed (nothing is known of its sender's stream: refuse it as
 *         INVALID and go on); -EBADMSG a damaged store; -ENOMEM; those of the view. */
int once_header(const struct ledger_view *view, const Zb__BatchHeader *header, struct arena *arena,
                enum once_answer *ret_answer, Zb__ProducerRecord **ret_producer, bool *ret_moved);

/* once_event - the answer for one event of it: NEW, DUPLICATE (then with outcome and reason),
 * STALE, FORKED, LEDGER_BEHIND, TOO_FAR or QUARANTINED. */
int once_event(const struct ledger_view *view, struct id128 producer, uint64_t epoch,
               uint64_t sequence, struct digest digest, struct arena *arena,
               enum once_answer *ret_answer, Zb__OutcomeKind *ret_outcome,
               Zb__RefusalReason *ret_reason);

/* once_resume - which epoch a producer goes on in: its own when the ledger knows nothing higher and
 * the chains agree; a new one when the ledger knows a higher sequence, floor or epoch (restored
 * spool) or is behind (restored ledger: `behind`); none when forked or quarantined (`refused`, and
 * the record says quarantined). The record to put is the arena's, NULL when nothing changes. An
 * empty chain in the answer is that of sequence 1. The caller has checked signature, ledger and
 * clock kind. Errors: as once_header. */
int once_resume(const struct ledger_view *view, const Zb__ResumeBody *body, struct arena *arena,
                Zb__ResumedBody **ret_resumed, Zb__ProducerRecord **ret_producer);

/* once_quarantine - the producer's record with `quarantined` set, to be put; the arena's. */
int once_quarantine(const struct ledger_view *view, struct id128 producer, struct arena *arena,
                    Zb__ProducerRecord **ret_producer);

#endif
