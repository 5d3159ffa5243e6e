/* stream.h - the sender's side of a stream of events, as spool and protocol core share it.
 *
 * A stream is one (producer, epoch): sequences 1, 2, 3 ... with a floor below which everything is
 * settled and a chain digest that commits to all of it. */
#ifndef PROTO_STREAM_H
#define PROTO_STREAM_H

#include "base/bytes.h"
#include "proto/names.h"

/* Where a stream stands. */
struct stream_position {
    uint64_t epoch;         /* ≥ 1 */
    uint64_t next_sequence; /* the next to be given; the highest given is one less */
    uint64_t floor;         /* lowest unsettled sequence */
    struct digest chain;    /* chain digest before the floor */
};

/* One unsettled event as it is put on the wire. Everything in it lives in an arena. */
struct outgoing_event {
    Zb__Event event;          /* kind FULL or UNCHANGED */
    struct digest digest;     /* event_digest of it */
    const Zb__RowSet *set;    /* FULL: its rows; NULL for UNCHANGED */
    struct bytes facts;       /* canonical facts to send along, empty when not needed */
    const struct bytes *rows; /* canonical bytes of those of its rows not yet marked sent */
    size_t row_count;
    const Zb__Evidence *const *evidence;
    size_t evidence_count;
};

/* One outcome of a verified settlement. */
struct settled_outcome {
    uint64_t sequence;
    struct digest digest;
    Zb__OutcomeKind kind;
    Zb__RefusalReason reason;
    const struct id128 *rows; /* NEED_ROWS */
    size_t row_count;
};

/* outcome_is_final - whether an outcome settles its event: it is put in the ledger's `once`, and the
 * event leaves the spool (APPLIED) or goes to its dead letters (REFUSED). Ledger and spool must agree
 * on this list. A refusal for what a matcher may have altered on the way, or for the state of a key,
 * is none of them: the event stays and comes again, so a lying matcher makes no report vanish. */
bool outcome_is_final(Zb__OutcomeKind outcome, Zb__RefusalReason reason);

#endif
