/* bodies.h - what a batch carries beside its header, found by the id that its bytes hash to. Nobody
 * signed it: an id that the header names is the only proof of it. */
#ifndef LEDGER_BODIES_H
#define LEDGER_BODIES_H

#include "ledger/decide.h"

struct batch_bodies;

/* bodies_new - hashes every body once per batch. The result is the arena's and points into the
 * batch. -ENOMEM. */
int bodies_new(const Zb__Batch *batch, struct arena *arena, struct batch_bodies **ret_bodies);

/* bodies_row, bodies_facts - canonical bytes; size 0 when there are none.
 * bodies_evidence, bodies_set - NULL when there is none. */
struct bytes bodies_row(const struct batch_bodies *bodies, struct id128 id);
struct bytes bodies_facts(const struct batch_bodies *bodies, struct id128 id);
const Zb__Evidence *bodies_evidence(const struct batch_bodies *bodies, struct id128 id);
const Zb__RowSet *bodies_set(const struct batch_bodies *bodies, struct bytes result_digest);

#endif
