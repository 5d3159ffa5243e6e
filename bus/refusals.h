/* refusals.h - what a server refused, added up until it is told.
 *
 * Whoever is refused may come back as often as it likes: it costs a counter, never an entry or a log
 * line each. A matcher tells the ledger by REFUSALS, the notifier its own ledger by INPUT_REFUSALS,
 * both at most once a minute. */
#ifndef BUS_REFUSALS_H
#define BUS_REFUSALS_H

#include "base/arena.h"
#include "proto/frame.h"

struct refusals;

/* refusals_new - nothing counted. Errors: -ENOMEM. Owns: refusals_free; NULL is fine there. */
int refusals_new(struct refusals **ret_refusals);
void refusals_free(struct refusals *refusals);

/* refusals_count - one more. `key`: whose link it came over, or who signed it; empty when nobody
 * knows. The first BOUND_REFUSAL_KEYS of a reason are kept. */
void refusals_count(struct refusals *refusals, Zb__RefusalReason reason, struct bytes key);

/* refusals_due - whether there is something to tell now: at once after a quiet minute, else once a
 * minute. */
bool refusals_due(const struct refusals *refusals, int64_t mono_ms);

/* refusals_report - the message for the ledger, from the arena; NULL when there is nothing to say,
 * or not the memory for all of it.
 * refusals_clear - it has been told. */
const Zb__Refusals *refusals_report(const struct refusals *refusals, int64_t since_ms,
                                    struct arena *arena);
void refusals_clear(struct refusals *refusals, int64_t mono_ms);

/* refusal_name - "OUTSIDE_SUBTREE", for logs; "?" for one that is unknown. */
const char *refusal_name(Zb__RefusalReason reason);

#endif
