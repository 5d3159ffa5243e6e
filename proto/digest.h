/* digest.h - the digests that give reports their identity. Byte layouts in proto/README.md; golden
 * values in proto/vectors/. None depends on how a report was encoded. */
#ifndef PROTO_DIGEST_H
#define PROTO_DIGEST_H

#include "base/seal.h"
#include "proto/names.h"

/* One installed row and where it was found; a zero evidence means none. */
struct result_item {
    struct id128 row;
    struct id128 evidence;
};

/* evidence_id - BLAKE2b-128 of an Evidence's path, installed_on and scope, each behind its u32
 * length; zeros when all are empty. */
struct id128 evidence_id(const Zb__Evidence *evidence);

/* result_digest - over version, item count and the items in ascending (row, evidence) order.
 * `items` must be sorted so and unique (result_items_sort). */
struct digest result_digest(const struct result_item *items, size_t count);

/* result_items_sort - sorts in place, drops repeats, returns the new count. */
size_t result_items_sort(struct result_item *items, size_t count);

/* event_digest - over producer, epoch, sequence, unit, endpoint, scan time, sources (in the order
 * given), final, result and facts digests; never kind, base or body, so that the same report may be
 * sent again in another encoding. At most BOUND_SOURCES_PER_EVENT sources, as message_unpack has
 * checked; more abort the program. */
struct digest event_digest(struct id128 producer, uint64_t epoch, const Zb__Event *event);

/* chain_next - chain(n) = H(chain(n−1) ‖ event digest(n)); chain before sequence 1 is all zeros. */
struct digest chain_next(struct digest chain, struct digest event);

/* endpoint_id - the opaque id of a computer in events: keyed by a secret salt of the spool, so that
 * a journal that shows it shows no host name. */
struct id128 endpoint_id(struct id128 salt, struct bytes device);

/* catalogue digests and journal chains use seal_digest over their own bytes. */

#endif
